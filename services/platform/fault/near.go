package fault

import (
	"maps"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"coso/services/platform/text"
)

// nearParam holds what a value that does not exist may have been meant to be, by List.
const nearParam = "near"

// nearly is what a text asks behind its end where there is something near.
var nearly = entry{" Có phải là {near}?", " Did you mean {near}?"}

const (
	// maxNear is how many near names or words a text tells, maxWords how many of all where none is near.
	maxNear  = 3
	maxWords = 6
)

// Near returns a copy of e that asks whether one of some names is meant; e itself for no names. They must be names that the
// caller may know.
func (e *Error) Near(names ...string) *Error {
	if len(names) == 0 {
		return e
	}
	c := *e
	c.Params = maps.Clone(e.Params)
	shown := make([]string, 0, maxNear)
	for _, name := range names[:min(len(names), maxNear)] {
		shown = append(shown, clip(name))
	}
	c.Params[nearParam] = List(shown)
	c.Msg, c.MsgVi = rerender(e.Reason, e.Field, c.Params, e.Msg, e.MsgVi)
	return &c
}

// FormOfWord returns what there is instead of a word that a list of known words does not have: those that are nearly it, else
// all, or the first of many.
func FormOfWord(word string, known []string) Form {
	switch near := text.Near(word, known, maxNear); {
	case len(near) == 1:
		return Form{Name: FormWord, Example: near[0]}
	case len(near) > 1:
		return Form{Name: FormKnown, Known: near}
	case len(known) > maxWords:
		return Form{Name: FormSome, Known: known[:maxWords]}
	}
	return Form{Name: FormKnown, Known: known}
}

// FormOfEnum returns what there is instead of a value that an enum does not have, as bare words, which the API takes too.
func FormOfEnum(value string, enum protoreflect.EnumDescriptor) Form {
	words, prefix := Words(enum)
	return FormOfWord(strings.TrimPrefix(strings.ToUpper(value), prefix), words)
}

// Words are the words of an enum without what all of its values begin with, and that beginning: `CELL` and
// `ORGANISATION_KIND_`. The value that says nothing has none.
func Words(enum protoreflect.EnumDescriptor) (words []string, prefix string) {
	prefix = strings.TrimSuffix(string(enum.Values().ByNumber(0).Name()), "UNSPECIFIED")
	for i := range enum.Values().Len() {
		if value := enum.Values().Get(i); value.Number() != 0 {
			words = append(words, strings.TrimPrefix(string(value.Name()), prefix))
		}
	}
	return words, prefix
}

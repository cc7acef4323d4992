package fault

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/reflect/protoreflect"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/text"
)

// jsonPath writes a path as the JSON of the API names it: `requests[3].organisation.taxCode`.
func jsonPath(path *validate.FieldPath) string {
	var b strings.Builder
	for i, step := range path.GetElements() {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(lowerCamel(step.GetFieldName()))
		switch {
		case step.HasIndex():
			b.WriteString("[" + strconv.FormatUint(step.GetIndex(), 10) + "]")
		case step.HasStringKey():
			b.WriteString("[" + strconv.Quote(step.GetStringKey()) + "]")
		case step.HasIntKey():
			b.WriteString("[" + strconv.FormatInt(step.GetIntKey(), 10) + "]")
		case step.HasUintKey():
			b.WriteString("[" + strconv.FormatUint(step.GetUintKey(), 10) + "]")
		case step.HasBoolKey():
			b.WriteString("[" + strconv.FormatBool(step.GetBoolKey()) + "]")
		}
	}
	return b.String()
}

// lowerCamel is the rule by which protobuf derives JSON names.
func lowerCamel(name string) string {
	var b strings.Builder
	upper := false
	for _, r := range name {
		if r == '_' {
			upper = true
			continue
		}
		if upper && 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		upper = false
		b.WriteRune(r)
	}
	return b.String()
}

// fieldAt returns the field at the end of path in a message like md; nil if the path is empty or ends in a oneof.
func fieldAt(md protoreflect.MessageDescriptor, path *validate.FieldPath) protoreflect.FieldDescriptor {
	var field protoreflect.FieldDescriptor
	for _, step := range path.GetElements() {
		if md == nil {
			return nil
		}
		if field = md.Fields().ByName(protoreflect.Name(step.GetFieldName())); field == nil {
			return nil
		}
		md = field.Message()
		if field.IsMap() {
			md = field.MapValue().Message()
		}
	}
	return field
}

// brokenTexts finds every text in m, at any depth, that package text does not let stand: see brokenText.
func brokenTexts(m protoreflect.Message) []Violation {
	var w textWalk
	w.message("", m)
	return w.found
}

type textWalk struct{ found []Violation }

func (w *textWalk) message(path string, m protoreflect.Message) {
	// By number, so that the first violation is always the same one; Range has no order.
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !m.Has(fd) {
			continue
		}
		w.field(join(path, fd.JSONName()), fd, m.Get(fd))
	}
}

func (w *textWalk) field(path string, fd protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch {
	case fd.IsMap():
		for _, key := range sortedKeys(v.Map()) {
			at := path + "[" + strconv.Quote(key.String()) + "]"
			w.value(at, fd.MapKey(), key.Value())
			w.value(at, fd.MapValue(), v.Map().Get(key))
		}
	case fd.IsList():
		for i := range v.List().Len() {
			w.value(path+"["+strconv.Itoa(i)+"]", fd, v.List().Get(i))
		}
	default:
		w.value(path, fd, v)
	}
}

func sortedKeys(m protoreflect.Map) []protoreflect.MapKey {
	keys := make([]protoreflect.MapKey, 0, m.Len())
	m.Range(func(key protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, key)
		return true
	})
	slices.SortFunc(keys, func(a, b protoreflect.MapKey) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

func (w *textWalk) value(path string, fd protoreflect.FieldDescriptor, v protoreflect.Value) {
	if fd.Message() != nil {
		w.message(path, v.Message())
		return
	}
	if fd.Kind() != protoreflect.StringKind {
		return
	}
	if reason, params := brokenText(fd, v.String()); reason != faultpb.Reason_REASON_UNSPECIFIED {
		w.found = append(w.found, newViolation(reason, path, params...))
	}
}

// brokenText says why a text may not stand, with the params of the reason; UNSPECIFIED: it may.
func brokenText(fd protoreflect.FieldDescriptor, s string) (reason faultpb.Reason, params []string) {
	if plain(s) {
		return faultpb.Reason_REASON_UNSPECIFIED, nil
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, isControl) || strings.ContainsRune(s, utf8.RuneError) {
		return faultpb.Reason_REASON_TEXT_INVALID, nil
	}
	if at := strings.IndexFunc(s, text.Invisible); at >= 0 {
		r, _ := utf8.DecodeRuneInString(s[at:])
		return faultpb.Reason_REASON_TEXT_INVISIBLE, []string{"value", fmt.Sprintf("U+%04X", r)}
	}
	if fd.Name() == "query" { // a search says nothing about a thing; spaces find everything
		return faultpb.Reason_REASON_UNSPECIFIED, nil
	}
	if text.Blank(s) {
		return faultpb.Reason_REASON_TEXT_BLANK, nil
	}
	if strings.ContainsAny(s, "\n\t") && !manyLines(fd) {
		return faultpb.Reason_REASON_TEXT_LINES, nil
	}
	return faultpb.Reason_REASON_UNSPECIFIED, nil
}

// plain is the quick way past most texts: ASCII with something to see in it.
func plain(s string) bool {
	seen := false
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
		seen = seen || s[i] != ' '
	}
	return seen
}

// manyLines says whether a field is told in sentences, which may have lines; all other texts are names and numbers.
func manyLines(fd protoreflect.FieldDescriptor) bool {
	name := string(fd.Name())
	return strings.HasSuffix(name, "reason") || strings.HasSuffix(name, "note") || strings.HasSuffix(name, "description")
}

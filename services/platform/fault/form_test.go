package fault

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "coso/proto/gen/coso/award/v1"
	_ "coso/proto/gen/coso/backup/v1"
	_ "coso/proto/gen/coso/feed/v1"
	_ "coso/proto/gen/coso/membership/v1"
	_ "coso/proto/gen/coso/planning/v1"
	_ "coso/proto/gen/coso/registry/v1"
)

// Every pattern of the contract has a form and an example that it lets pass; so has every rule that is broken as FIELD_FORMAT.
func TestEveryPatternHasAnExample(t *testing.T) {
	seen := 0
	everyField(func(fd protoreflect.FieldDescriptor) {
		rules, ok := proto.GetExtension(fd.Options(), validate.E_Field).(*validate.FieldRules)
		if !ok {
			return
		}
		for _, text := range []*validate.StringRules{rules.GetString(), rules.GetRepeated().GetItems().GetString()} {
			if text.GetPattern() == "" {
				continue
			}
			seen++
			form := FormOf(fd)
			matches, err := regexp.MatchString(text.GetPattern(), form.Example)
			if err != nil || !matches || form.Name == FormDocumented {
				t.Errorf("%s: the form %q with the example %q for %s", fd.FullName(), form.Name, form.Example, text.GetPattern())
			}
		}
	})
	if seen < 50 {
		t.Errorf("%d patterns: the test does not see the contract", seen)
	}
}

// Every field of the contract has a form that its type or rules give.
func TestEveryFieldHasAForm(t *testing.T) {
	everyField(func(fd protoreflect.FieldDescriptor) {
		form := FormOf(fd)
		if _, ok := forms[form.Name]; !ok || form.Name == FormDocumented {
			t.Errorf("%s (%s) has the form %q", fd.FullName(), fd.Kind(), form.Name)
		}
		if list := List(form.Known); len(list) > maxKnown || (form.Name == FormKnown || form.Name == FormSome) != (list != "") {
			t.Errorf("%s: %d bytes of words", fd.FullName(), len(list))
		}
	})
}

// maxKnown is what the words of an enum may take, so that a refusal fits into headers.
const maxKnown = 300

// everyField calls visit with each field of the public messages.
func everyField(visit func(protoreflect.FieldDescriptor)) {
	var walk func(protoreflect.MessageDescriptors)
	walk = func(messages protoreflect.MessageDescriptors) {
		for i := range messages.Len() {
			for j := range messages.Get(i).Fields().Len() {
				if fd := messages.Get(i).Fields().Get(j); fd.Kind() != protoreflect.BytesKind && !fd.IsMap() {
					visit(fd)
				}
			}
			walk(messages.Get(i).Messages())
		}
	}
	public := []string{"award", "feed", "membership", "planning", "registry"}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if parts := strings.Split(string(file.Package()), "."); parts[0] == "coso" && slices.Contains(public, parts[1]) {
			walk(file.Messages())
		}
		return true
	})
}

// INV-FAULT-TWO-LANGUAGES for what stands in a text for a form.
func TestFormsTwoLanguages(t *testing.T) {
	for name, row := range forms {
		vi, en := placeholders(row.vi), placeholders(row.en)
		if !slices.Equal(vi, en) || row.vi == row.en {
			t.Errorf("%s: %q and %q", name, row.vi, row.en)
		}
		for _, hole := range en {
			if hole != exampleParam && hole != knownParam {
				t.Errorf("%s: {%s} is no param of a form", name, hole)
			}
		}
		if strings.ContainsFunc(row.en, isVietnameseOnly) || strings.ContainsAny(row.vi+row.en, ";") {
			t.Errorf("%s: %q", name, row.en)
		}
	}
}

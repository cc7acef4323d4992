package fault_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
)

// sampleFile describes a message with one field per kind of rule. The rules are written as in a proto file.
const sampleFile = `
name: "sample.proto" package: "sample" syntax: "proto3" dependency: "buf/validate/validate.proto"
enum_type { name: "Colour" value { name: "COLOUR_UNSPECIFIED" number: 0 } value { name: "COLOUR_RED" number: 1 } }
message_type {
  name: "Sample"
  field { name: "must_be" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL
    options { [buf.validate.field] { required: true } } }
  field { name: "tax_code" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL
    options { [buf.validate.field] { ignore: IGNORE_IF_ZERO_VALUE string { pattern: "^[0-9]+$" } } } }
  field { name: "on_day" number: 3 type: TYPE_STRING label: LABEL_OPTIONAL
    options { [buf.validate.field] { ignore: IGNORE_IF_ZERO_VALUE string { pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" } } } }
  field { name: "up_to_three" number: 4 type: TYPE_STRING label: LABEL_OPTIONAL
    options { [buf.validate.field] { string { max_len: 3 } } } }
  field { name: "two_to_three" number: 5 type: TYPE_STRING label: LABEL_OPTIONAL
    options { [buf.validate.field] { ignore: IGNORE_IF_ZERO_VALUE string { min_len: 2 max_len: 3 } } } }
  field { name: "just_four" number: 6 type: TYPE_STRING label: LABEL_OPTIONAL
    options { [buf.validate.field] { ignore: IGNORE_IF_ZERO_VALUE string { len: 4 } } } }
  field { name: "four_bytes" number: 7 type: TYPE_STRING label: LABEL_OPTIONAL
    options { [buf.validate.field] { string { max_bytes: 4 } } } }
  field { name: "few_bytes" number: 8 type: TYPE_BYTES label: LABEL_OPTIONAL
    options { [buf.validate.field] { bytes { max_len: 4 } } } }
  field { name: "items" number: 9 type: TYPE_STRING label: LABEL_REPEATED
    options { [buf.validate.field] { repeated { max_items: 2 items { string { max_len: 3 } } } } } }
  field { name: "closed_range" number: 10 type: TYPE_INT32 label: LABEL_OPTIONAL
    options { [buf.validate.field] { int32 { gte: 0 lte: 500 } } } }
  field { name: "at_least" number: 11 type: TYPE_INT64 label: LABEL_OPTIONAL
    options { [buf.validate.field] { int64 { gte: -5 } } } }
  field { name: "open_range" number: 12 type: TYPE_INT32 label: LABEL_OPTIONAL
    options { [buf.validate.field] { int32 { gt: -1 lt: 10 } } } }
  field { name: "below" number: 13 type: TYPE_DOUBLE label: LABEL_OPTIONAL
    options { [buf.validate.field] { double { lt: 1.5 } } } }
  field { name: "colour" number: 14 type: TYPE_ENUM type_name: ".sample.Colour" label: LABEL_OPTIONAL
    options { [buf.validate.field] { enum { defined_only: true } } } }
  field { name: "colours" number: 15 type: TYPE_ENUM type_name: ".sample.Colour" label: LABEL_REPEATED
    options { [buf.validate.field] { repeated { items { enum { defined_only: true not_in: [0] } } } } } }
  field { name: "child" number: 16 type: TYPE_MESSAGE type_name: ".sample.Sample" label: LABEL_OPTIONAL }
  field { name: "children" number: 17 type: TYPE_MESSAGE type_name: ".sample.Sample" label: LABEL_REPEATED }
  field { name: "by_name" number: 18 type: TYPE_MESSAGE type_name: ".sample.Sample.ByNameEntry" label: LABEL_REPEATED
    options { [buf.validate.field] { map { max_pairs: 2 values { string { max_len: 3 } } } } } }
  field { name: "not_seven" number: 19 type: TYPE_INT32 label: LABEL_OPTIONAL
    options { [buf.validate.field] { cel { id: "odd.seven" message: "no sevens" expression: "this != 7" } } } }
  nested_type { name: "ByNameEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL } }
}
message_type {
  name: "Unreadable"
  field { name: "number" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL
    options { [buf.validate.field] { cel { id: "x" expression: "this is no expression" } } } }
}
`

var sampleDescriptor = sync.OnceValues(func() (protoreflect.FileDescriptor, error) {
	var file descriptorpb.FileDescriptorProto
	if err := prototext.Unmarshal([]byte(sampleFile), &file); err != nil {
		return nil, err
	}
	var files protoresolver
	return protodesc.NewFile(&file, files)
})

// protoresolver knows the one file the sample imports.
type protoresolver struct{}

func (protoresolver) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if path == validate.File_buf_validate_validate_proto.Path() {
		return validate.File_buf_validate_validate_proto, nil
	}
	return nil, fmt.Errorf("no file %s", path)
}

func (protoresolver) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	return nil, fmt.Errorf("no descriptor %s", name)
}

func sample(t *testing.T, message, content string) proto.Message {
	t.Helper()
	file, err := sampleDescriptor()
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(file.Messages().ByName(protoreflect.Name(message)))
	if err := prototext.Unmarshal([]byte(content), m); err != nil {
		t.Fatal(err)
	}
	return m
}

// lines writes violations one a line, as `field REASON name=value`.
func lines(violations []fault.Violation) string {
	var b strings.Builder
	for _, v := range violations {
		b.WriteString(v.Field + " " + strings.TrimPrefix(v.Reason.String(), "REASON_"))
		for _, name := range []string{"value", "limit"} {
			if value, ok := v.Params[name]; ok {
				b.WriteString(" " + name + "=" + value)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestValidateRules(t *testing.T) {
	for _, tc := range []struct{ content, want string }{
		{`must_be: "x"`, ""},
		{``, "mustBe FIELD_REQUIRED\n"},
		{`must_be: "x" tax_code: "12a"`, "taxCode FIELD_FORMAT value=12a\n"},
		{`must_be: "x" on_day: "30/11/2020"`, "onDay DATE_INVALID value=30/11/2020\n"},
		{`must_be: "x" up_to_three: "bốn!"`, "upToThree FIELD_LENGTH value=4 limit=≤ 3\n"},
		{`must_be: "x" up_to_three: "bốn"`, ""},
		{`must_be: "x" two_to_three: "a"`, "twoToThree FIELD_LENGTH value=1 limit=2 … 3\n"},
		{`must_be: "x" two_to_three: "abcd"`, "twoToThree FIELD_LENGTH value=4 limit=2 … 3\n"},
		{`must_be: "x" just_four: "abc"`, "justFour FIELD_LENGTH value=3 limit=4\n"},
		{`must_be: "x" four_bytes: "bốn"`, "fourBytes FIELD_LENGTH value=5 limit=≤ 4\n"},
		{`must_be: "x" few_bytes: "abcde"`, "fewBytes FIELD_LENGTH value=5 limit=≤ 4\n"},
		{`must_be: "x" items: ["a", "b", "c"]`, "items FIELD_LENGTH value=3 limit=≤ 2\n"},
		{`must_be: "x" items: ["a", "bcde"]`, "items[1] FIELD_LENGTH value=4 limit=≤ 3\n"},
		{`must_be: "x" closed_range: 501`, "closedRange FIELD_RANGE value=501 limit=0 … 500\n"},
		{`must_be: "x" closed_range: -1`, "closedRange FIELD_RANGE value=-1 limit=0 … 500\n"},
		{`must_be: "x" closed_range: 500`, ""},
		{`must_be: "x" at_least: -6`, "atLeast FIELD_RANGE value=-6 limit=≥ -5\n"},
		{`must_be: "x" open_range: 10`, "openRange FIELD_RANGE value=10 limit=> -1, < 10\n"},
		{`must_be: "x" below: 1.5`, "below FIELD_RANGE value=1.5 limit=< 1.5\n"},
		{`must_be: "x" colour: 7`, "colour ENUM_UNKNOWN value=7\n"},
		{`must_be: "x" colours: [COLOUR_RED, COLOUR_UNSPECIFIED]`, "colours[1] ENUM_UNKNOWN value=COLOUR_UNSPECIFIED\n"},
		{`must_be: "x" not_seven: 7`, "notSeven FIELD_FORMAT value=7\n"},
		{`must_be: "x" child {}`, "child.mustBe FIELD_REQUIRED\n"},
		{
			`must_be: "x" children { must_be: "x" } children { must_be: "x" child { tax_code: "?" } }`,
			"children[1].child.mustBe FIELD_REQUIRED\nchildren[1].child.taxCode FIELD_FORMAT value=?\n",
		},
		{`must_be: "x" by_name { key: "a" value: "bcde" }`, "byName[\"a\"] FIELD_LENGTH value=4 limit=≤ 3\n"},
		{`must_be: "x" by_name { key: "a" } by_name { key: "b" } by_name { key: "c" }`, "byName FIELD_LENGTH value=3 limit=≤ 2\n"},
		// Texts.
		{`must_be: "line\nline"`, "mustBe TEXT_LINES\n"},
		{`must_be: "x\ty"`, "mustBe TEXT_LINES\n"},
		{`must_be: "  "`, "mustBe TEXT_BLANK\n"},
		{`must_be: "\u00a0\u3000"`, "mustBe TEXT_BLANK\n"},
		{`must_be: "\u0301"`, "mustBe TEXT_BLANK\n"}, // an accent on nothing
		{`must_be: "Chi\u200bbo"`, "mustBe TEXT_INVISIBLE value=U+200B\n"},
		{`must_be: "\u202eobihC"`, "mustBe TEXT_INVISIBLE value=U+202E\n"},
		{`must_be: "\ufeffChi bo"`, "mustBe TEXT_INVISIBLE value=U+FEFF\n"},
		{`must_be: "Chi b\ufffd"`, "mustBe TEXT_INVALID\n"}, // something was lost on the way
		{`must_be: "Chi bộ  Công ty"`, ""},
		{`must_be: "a\000b"`, "mustBe TEXT_INVALID\n"},
		{`must_be: "a\rb"`, "mustBe TEXT_INVALID\n"},
		{`must_be: "a\177"`, "mustBe TEXT_INVALID\n"},
		{`must_be: "\302\205"`, "mustBe TEXT_INVALID\n"}, // U+0085, a control character beyond ASCII
		{`must_be: "x" few_bytes: "\000\001"`, ""},
		{
			`must_be: "x" children { must_be: "\001" } items: ["a", "\002"] by_name { key: "k" value: "\003" } by_name { key: "\004" }`,
			"items[1] TEXT_INVALID\nchildren[0].mustBe TEXT_INVALID\nbyName[\"\\x04\"] TEXT_INVALID\nbyName[\"k\"] TEXT_INVALID\n",
		},
		{`must_be: "\000" tax_code: "?"`, "mustBe TEXT_INVALID\ntaxCode FIELD_FORMAT value=?\n"},
	} {
		t.Run(tc.content, func(t *testing.T) {
			err := fault.Validate(sample(t, "Sample", tc.content))
			if tc.want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			e := fault.From(err)
			if e.Kind != fault.KindInvalidArgument {
				t.Fatalf("%v", err)
			}
			if got := lines(e.Violations); got != tc.want {
				t.Errorf("got\n%swant\n%s", got, tc.want)
			}
			if first := e.Violations[0]; e.Field != first.Field || e.Reason != first.Reason || e.Msg != first.Msg || e.MsgVi != first.MsgVi {
				t.Errorf("the Error is %+v, its first violation %+v", e, first)
			}
		})
	}
}

func TestValidateUnreadableRule(t *testing.T) {
	err := fault.Validate(sample(t, "Unreadable", `number: 1`))
	if fault.KindOf(err) != fault.KindInternal || errors.Unwrap(err) == nil {
		t.Errorf("%v", err)
	}
}

// What the API's own messages say.
func TestValidateRequest(t *testing.T) {
	good := func() *registrypb.CreateOrganisationRequest {
		return &registrypb.CreateOrganisationRequest{Organisation: &registrypb.Organisation{
			DisplayName: "Chi bộ Công ty TNHH Sao Mai", Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL,
			Enterprise: "enterprises/sao-mai", Unit: "units/tay-ho", FoundedOn: "2020-11-30",
		}}
	}
	bad := good()
	bad.Organisation.Unit, bad.Organisation.FoundedOn, bad.OrganisationId = "Tây Hồ", "30/11/2020", "Ă"
	batch := &registrypb.BatchCreateOrganisationsRequest{Requests: []*registrypb.CreateOrganisationRequest{good(), bad}}

	err := fault.Validate(batch)
	want := `requests[1].organisation.unit FIELD_FORMAT value=Tây Hồ
requests[1].organisation.foundedOn DATE_INVALID value=30/11/2020
requests[1].organisationId FIELD_FORMAT value=Ă
`
	e := fault.From(err)
	if got := lines(e.Violations); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if want := "The value Tây Hồ of requests[1].organisation.unit does not have the right shape; write it like units/tay-ho: " +
		"behind the slash an id of lower case letters without marks, digits and hyphens, 63 at most."; e.Msg != want {
		t.Errorf("%q, want %q", e.Msg, want)
	}
	if err := fault.Validate(good()); err != nil {
		t.Errorf("refused: %v", err)
	}
}

// A reason is told in sentences and may have lines; a search for spaces finds everything.
func TestTextsThatAreNoNames(t *testing.T) {
	if err := fault.Validate(&registrypb.WithdrawOrganisationRequest{Name: "organisations/x", Reason: "nhập nhầm\nhai lần"}); err != nil {
		t.Errorf("a reason of two lines is refused: %v", err)
	}
	if err := fault.Validate(&registrypb.ListUnitsRequest{Query: " "}); err != nil {
		t.Errorf("a search for a space is refused: %v", err)
	}
	err := fault.Validate(&registrypb.WithdrawOrganisationRequest{Name: "organisations/x", Reason: " \n "})
	if e := fault.From(err); e.Reason != faultpb.Reason_REASON_TEXT_BLANK || e.MsgVi != "reason chỉ có khoảng trắng; hãy điền chữ hoặc để trống hẳn." {
		t.Errorf("a reason of spaces: %v", err)
	}
}

// A batch of records checked one by one names the place of each field.
func TestValidateInBatch(t *testing.T) {
	err := fault.In("requests[3].organisation", fault.Validate(&registrypb.Organisation{
		Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL, Enterprise: "enterprises/x", FoundedOn: "2020-11-30",
	}))
	want := "requests[3].organisation.displayName FIELD_REQUIRED\nrequests[3].organisation.unit FIELD_REQUIRED\n"
	e := fault.From(err)
	if got := lines(e.Violations); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if want := "Thiếu requests[3].organisation.unit; hãy điền giá trị."; e.Violations[1].MsgVi != want || e.Field != "requests[3].organisation.displayName" {
		t.Errorf("%q in %q", e.Violations[1].MsgVi, e.Field)
	}
}

func TestValidateFromManyGoroutines(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if err := fault.Validate(&registrypb.GetUnitRequest{Name: "units/x"}); err != nil {
					t.Errorf("refused: %v", err)
				}
				if fault.ReasonOf(fault.Validate(&registrypb.GetUnitRequest{})) != faultpb.Reason_REASON_FIELD_REQUIRED {
					t.Error("an empty name is accepted")
				}
			}
		})
	}
	wg.Wait()
}

package fault

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// datePattern is how the proto files write a legal date; breaking it is DATE_INVALID, not just FIELD_FORMAT.
const datePattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"

// breach is one broken rule of a proto file.
type breach struct {
	*protovalidate.Violation
	// field is the field with the rule; nil for a rule of a whole message. Violation.FieldDescriptor is nil for the items
	// of lists and maps as well.
	field protoreflect.FieldDescriptor
}

// violation says in our words which rule was broken.
func (b breach) violation() Violation {
	path := jsonPath(b.Proto.GetField())
	switch reason := b.reason(); reason {
	case faultpb.Reason_REASON_FIELD_LENGTH:
		return newViolation(reason, path, "value", b.length(), "limit", b.limit())
	case faultpb.Reason_REASON_FIELD_RANGE:
		return newViolation(reason, path, "value", b.scalar(), "limit", b.limit())
	case faultpb.Reason_REASON_FIELD_REQUIRED:
		return newViolation(reason, path)
	case faultpb.Reason_REASON_FIELD_FORMAT, faultpb.Reason_REASON_ENUM_UNKNOWN:
		return newViolation(reason, path, append(b.form().Params(), "value", b.scalar())...)
	default:
		return newViolation(reason, path, "value", b.scalar())
	}
}

// reason maps the rule id (`string.max_len`, `int32.gte_lte`, `enum.not_in`) to ours.
func (b breach) reason() faultpb.Reason {
	rule := b.Proto.GetRuleId()
	if rule == "string.pattern" && b.RuleValue.IsValid() && b.RuleValue.String() == datePattern {
		return faultpb.Reason_REASON_DATE_INVALID
	}
	kind, name, ok := strings.Cut(rule, ".")
	if !ok {
		name = kind
	}
	switch name {
	case "required":
		return faultpb.Reason_REASON_FIELD_REQUIRED
	case "len", "min_len", "max_len", "len_bytes", "min_bytes", "max_bytes",
		"min_items", "max_items", "min_pairs", "max_pairs":
		return faultpb.Reason_REASON_FIELD_LENGTH
	case "gt", "gte", "lt", "lte", "gt_lt", "gt_lte", "gte_lt", "gte_lte",
		"gt_lt_exclusive", "gt_lte_exclusive", "gte_lt_exclusive", "gte_lte_exclusive":
		return faultpb.Reason_REASON_FIELD_RANGE
	}
	if kind == "enum" {
		return faultpb.Reason_REASON_ENUM_UNKNOWN
	}
	return faultpb.Reason_REASON_FIELD_FORMAT
}

// limit writes the limits of the broken rule's group without words: "≤ 500", "> 0", "1 … 500".
func (b breach) limit() string {
	low, high := "", ""
	for _, name := range []string{"min_len", "min_bytes", "min_items", "min_pairs", "gte", "gt"} {
		if n, ok := b.siblingRule(name); ok {
			low = n
			if name == "gt" {
				low = "> " + n
			}
		}
	}
	for _, name := range []string{"max_len", "max_bytes", "max_items", "max_pairs", "lte", "lt"} {
		if n, ok := b.siblingRule(name); ok {
			high = n
			if name == "lt" {
				high = "< " + n
			}
		}
	}
	return joinLimits(low, high, b.RuleValue)
}

func joinLimits(low, high string, exact protoreflect.Value) string {
	open := func(s string) bool { return strings.HasPrefix(s, "<") || strings.HasPrefix(s, ">") }
	switch {
	case low == "" && high == "":
		return exact.String() // len, len_bytes
	case high == "" && open(low), low == "" && open(high):
		return low + high
	case high == "":
		return "≥ " + low
	case low == "":
		return "≤ " + high
	case open(low), open(high):
		return low + ", " + high
	}
	return low + " … " + high
}

// siblingRule returns the number of a rule in the group of the broken rule (in `int32: {gte: 0, lte: 500}`, lte for a
// broken gte).
func (b breach) siblingRule(name string) (string, bool) {
	if b.field == nil {
		return "", false
	}
	rules, ok := proto.GetExtension(b.field.Options(), validate.E_Field).(*validate.FieldRules)
	if !ok || rules == nil {
		return "", false
	}
	group := rules.ProtoReflect()
	path := b.Proto.GetRule().GetElements()
	for _, step := range path[:max(len(path)-1, 0)] {
		fd := group.Descriptor().Fields().ByName(protoreflect.Name(step.GetFieldName()))
		if fd == nil || fd.Message() == nil || fd.IsList() || fd.IsMap() {
			return "", false
		}
		group = group.Get(fd).Message()
	}
	fd := group.Descriptor().Fields().ByName(protoreflect.Name(name))
	if fd == nil || fd.Message() != nil || !group.Has(fd) {
		return "", false
	}
	return group.Get(fd).String(), true
}

// length counts what the rule counts: bytes, characters or items.
func (b breach) length() string {
	n := 0
	switch x := b.FieldValue.Interface().(type) {
	case string:
		n = utf8.RuneCountInString(x)
		if strings.HasSuffix(b.Proto.GetRuleId(), "bytes") {
			n = len(x)
		}
	case []byte:
		n = len(x)
	case protoreflect.List:
		n = x.Len()
	case protoreflect.Map:
		n = x.Len()
	}
	return strconv.Itoa(n)
}

// scalar writes the offending value if it is one a text can name; "" for lists, messages and bytes.
func (b breach) scalar() string {
	switch x := b.FieldValue.Interface().(type) {
	case string:
		return x
	case protoreflect.EnumNumber:
		if value := b.enumValue(x); value != nil {
			return string(value.Name())
		}
		return strconv.Itoa(int(x))
	case bool, int32, int64, uint32, uint64, float32, float64:
		return b.FieldValue.String()
	}
	return ""
}

func (b breach) enumValue(n protoreflect.EnumNumber) protoreflect.EnumValueDescriptor {
	if b.field == nil || b.field.Enum() == nil {
		return nil
	}
	return b.field.Enum().Values().ByNumber(n)
}

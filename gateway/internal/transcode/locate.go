package transcode

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
)

// wellFormed reports where data stops being one JSON value: line and column, in characters, and what stands there.
func wellFormed(data []byte) error {
	var raw json.RawMessage
	err := json.Unmarshal(data, &raw)
	if err == nil {
		return nil
	}
	at := len(data)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = max(0, min(int(syntax.Offset)-1, len(data))) // Offset counts the character at fault, if there is one
	}
	start := bytes.LastIndexByte(data[:at], '\n') + 1
	line := bytes.Count(data[:start], []byte("\n")) + 1
	column := utf8.RuneCount(data[start:at]) + 1
	const before, after = 10, 20
	near := strconv.Quote(strings.ToValidUTF8(string(data[max(0, at-before):min(at+after, len(data))]), ""))
	return fault.InvalidArgument(faultpb.Reason_REASON_BODY_SYNTAX, "",
		"line", strconv.Itoa(line), "column", strconv.Itoa(column), "value", near).With(err)
}

// locate finds the first thing in data, well-formed JSON, that keeps it from being an mt: a field that does not exist or
// comes twice, or a value that its field cannot hold. The refusal names its JSON path under prefix; that of the whole if it
// finds nothing. protojson says so only in the text of its error, without the path, and with spaces put in by chance.
func locate(mt protoreflect.MessageType, data []byte, prefix string) *fault.Error {
	members, ok := membersOf(data)
	if !ok {
		return invalidBody(prefix, string(data), fault.Form{Name: fault.FormObject})
	}
	seen := map[protoreflect.Name]bool{}
	for _, m := range members {
		at := join(prefix, short(m.name))
		fd := mt.Descriptor().Fields().ByJSONName(m.name)
		if fd == nil {
			fd = mt.Descriptor().Fields().ByTextName(m.name)
		}
		switch {
		case fd == nil:
			form := fault.FormOfName(short(m.name), settable(mt.Descriptor()))
			return fault.InvalidArgument(faultpb.Reason_REASON_BODY_FIELD_UNKNOWN, at, append(form.Params(), "value", string(m.value))...)
		case seen[fd.Name()]:
			return invalidBody(at, string(m.value), fault.Form{Name: fault.FormOnce})
		case !holds(mt, fd, m.value):
			return locateIn(mt, fd, m.value, at)
		}
		seen[fd.Name()] = true
	}
	return invalidBody(prefix, string(data), fault.Form{Name: fault.FormDocumented})
}

// settable are the JSON names of the fields that a client may give.
func settable(md protoreflect.MessageDescriptor) []string {
	var names []string
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		behaviour, _ := proto.GetExtension(fd.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
		if !slices.Contains(behaviour, annotations.FieldBehavior_OUTPUT_ONLY) {
			names = append(names, fd.JSONName())
		}
	}
	return names
}

// locateIn goes into a value that its field cannot hold.
func locateIn(mt protoreflect.MessageType, fd protoreflect.FieldDescriptor, value json.RawMessage, at string) *fault.Error {
	if !fd.IsList() {
		return locateValue(mt, fd, value, at)
	}
	var items []json.RawMessage
	if json.Unmarshal(value, &items) != nil {
		return invalidBody(at, string(value), fault.Form{Name: fault.FormList})
	}
	for i, item := range items {
		if !holds(mt, fd, json.RawMessage("["+string(item)+"]")) {
			return locateValue(mt, fd, item, at+"["+strconv.Itoa(i)+"]")
		}
	}
	return invalidBody(at, string(value), fault.Form{Name: fault.FormDocumented})
}

// locateValue says why one value cannot be held.
func locateValue(mt protoreflect.MessageType, fd protoreflect.FieldDescriptor, value json.RawMessage, at string) *fault.Error {
	var text string
	isText := value[0] == '"' && json.Unmarshal(value, &text) == nil
	form := fault.FormOf(fd)
	switch {
	case fd.Message() != nil && !strings.HasPrefix(string(fd.Message().FullName()), "google.protobuf.") && value[0] == '{':
		inner := mt.New().NewField(fd)
		if fd.IsList() {
			return locate(inner.List().NewElement().Message().Type(), value, at)
		}
		return locate(inner.Message().Type(), value, at)
	case fd.Enum() != nil && isText:
		form = fault.FormOfEnum(text, fd.Enum())
		return fault.InvalidArgument(faultpb.Reason_REASON_ENUM_UNKNOWN, at, append(form.Params(), "value", text)...)
	case fd.Kind() == protoreflect.StringKind && isText:
		form = fault.Form{Name: fault.FormUTF8}
	case fd.Kind() == protoreflect.StringKind:
		form = fault.Form{Name: "text", Example: strconv.Quote(strings.Trim(form.Example, `"`))}
	}
	return invalidBody(at, string(value), form)
}

// holds reports whether a field of mt can hold a value.
func holds(mt protoreflect.MessageType, fd protoreflect.FieldDescriptor, value json.RawMessage) bool {
	one := []byte("{" + strconv.Quote(fd.JSONName()) + ":" + string(value) + "}")
	return protojson.UnmarshalOptions{RecursionLimit: unmarshal.RecursionLimit}.Unmarshal(one, mt.New().Interface()) == nil
}

type member struct {
	name  string
	value json.RawMessage
}

// membersOf returns the members of a JSON object in their order, repeated names included.
func membersOf(data []byte) ([]member, bool) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	var members []member
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, false
		}
		m := member{}
		m.name, _ = name.(string)
		if err := dec.Decode(&m.value); err != nil {
			return nil, false
		}
		members = append(members, m)
	}
	return members, true
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

package transcode

import (
	"bytes"
	"encoding/json"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"coso/services/platform/fault"
)

// wordOf is the full name of an enum's value that a caller may give bare, as sheets and indicators do: `TEAM` for
// `ORGANISATION_KIND_TEAM`; any other text as it is.
func wordOf(enum protoreflect.EnumDescriptor, given string) string {
	if enum.Values().ByName(protoreflect.Name(given)) != nil {
		return given
	}
	_, prefix := fault.Words(enum)
	if v := enum.Values().ByName(protoreflect.Name(prefix + given)); v != nil && v.Number() != 0 {
		return string(v.Name())
	}
	return given
}

// spelled returns well-formed JSON, meant to be an md, with the bare words of its enums in full. What is no md stays as it is.
func spelled(md protoreflect.MessageDescriptor, data []byte) []byte {
	members, ok := membersOf(data)
	if !ok {
		return data
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			out.WriteByte(',')
		}
		value := []byte(m.value)
		fd := md.Fields().ByJSONName(m.name)
		if fd == nil {
			fd = md.Fields().ByTextName(m.name)
		}
		if fd != nil && (fd.Enum() != nil || fd.Message() != nil) && !fd.IsMap() {
			value = spelledField(fd, value)
		}
		name, err := json.Marshal(m.name)
		if err != nil { // a text always has its JSON
			return data
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes()
}

// spelledField spells a field's value, or each of a list of them.
func spelledField(fd protoreflect.FieldDescriptor, value []byte) []byte {
	var items []json.RawMessage
	if !fd.IsList() || json.Unmarshal(value, &items) != nil {
		return spelledValue(fd, value)
	}
	out := []byte{'['}
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, spelledValue(fd, item)...)
	}
	return append(out, ']')
}

func spelledValue(fd protoreflect.FieldDescriptor, value []byte) []byte {
	if fd.Message() != nil {
		return spelled(fd.Message(), value)
	}
	var word string
	if json.Unmarshal(value, &word) != nil {
		return value
	}
	if full := wordOf(fd.Enum(), word); full != word {
		return []byte(strconv.Quote(full))
	}
	return value
}

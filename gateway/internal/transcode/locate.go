package transcode

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// wellFormed reports where data stops being one JSON value: line, column, and what stands there.
func wellFormed(data []byte) error {
	var raw json.RawMessage
	err := json.Unmarshal(data, &raw)
	if err == nil {
		return nil
	}
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return invalidBody("", "", err)
	}
	at := max(0, min(int(syntax.Offset)-1, len(data))) // Offset counts the character at fault, if there is one
	line := bytes.Count(data[:at], []byte("\n")) + 1
	column := at - bytes.LastIndexByte(data[:at], '\n')
	const shown = 20
	there := strconv.Quote(strings.ToValidUTF8(string(data[at:min(at+shown, len(data))]), ""))
	return invalidBody("", strconv.Itoa(line)+":"+strconv.Itoa(column)+" "+there, err)
}

// locate finds the first thing in data, well-formed JSON, that keeps it from being an mt: a field that does not exist or
// comes twice, or a value that its field cannot hold. It answers with its JSON path under prefix, and the piece of JSON;
// with prefix and the whole if it finds nothing. protojson says so only in the text of its error, without the path.
func locate(mt protoreflect.MessageType, data []byte, prefix string) (field, value string) {
	members, ok := membersOf(data)
	if !ok {
		return prefix, string(data)
	}
	seen := map[protoreflect.Name]bool{}
	for _, m := range members {
		at := join(prefix, short(m.name))
		fd := mt.Descriptor().Fields().ByJSONName(m.name)
		if fd == nil {
			fd = mt.Descriptor().Fields().ByTextName(m.name)
		}
		if fd == nil || seen[fd.Name()] {
			return at, piece(short(m.name), m.value)
		}
		seen[fd.Name()] = true
		if holds(mt, fd, m.value) {
			continue
		}
		return locateIn(mt, fd, m.value, at)
	}
	return prefix, string(data)
}

// locateIn goes into a value that its field cannot hold.
func locateIn(mt protoreflect.MessageType, fd protoreflect.FieldDescriptor, value json.RawMessage, at string) (field, found string) {
	var items []json.RawMessage
	if fd.IsList() && json.Unmarshal(value, &items) == nil {
		for i, item := range items {
			if !holds(mt, fd, json.RawMessage("["+string(item)+"]")) {
				return locateValue(mt, fd, item, at+"["+strconv.Itoa(i)+"]")
			}
		}
	}
	return locateValue(mt, fd, value, at)
}

func locateValue(mt protoreflect.MessageType, fd protoreflect.FieldDescriptor, value json.RawMessage, at string) (field, found string) {
	if fd.Message() == nil || fd.IsMap() || strings.HasPrefix(string(fd.Message().FullName()), "google.protobuf.") || value[0] != '{' {
		return at, piece(fd.JSONName(), value)
	}
	inner := mt.New().NewField(fd)
	if fd.IsList() {
		return locate(inner.List().NewElement().Message().Type(), value, at)
	}
	return locate(inner.Message().Type(), value, at)
}

// piece writes a member as JSON does.
func piece(name string, value json.RawMessage) string {
	return strconv.Quote(name) + ": " + string(value)
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

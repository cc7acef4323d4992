package transcode

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
)

// The most query parameters a request may have, repeated ones counted once.
const maxParameters = 50

// query checks a raw query against the route and returns it with proto names, as the generated code's parser reads it.
// A parameter is the JSON name of a field that neither path nor body gives; a singular one is given once. A field mask
// is written as in JSON: `displayName,foundedOn`. Anything else is InvalidArgument. header is what a header says, or nil.
func (rt *route) query(raw string, header *said) (string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return "", invalidParameter("", raw, fault.Form{Name: fault.FormEscaped}).With(err)
	}
	if header != nil {
		if err := header.add(values); err != nil {
			return "", err
		}
	}
	if len(values) > maxParameters {
		return "", invalidParameter("", strconv.Itoa(len(values)), fault.Form{Name: fault.FormFewer, Example: strconv.Itoa(maxParameters)})
	}
	out := url.Values{}
	scratch := rt.request.New().Interface()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		given := values[key]
		path, fd := rt.parameter(key)
		if fd == nil {
			form := fault.FormOfName(short(key), rt.parameters())
			return "", fault.InvalidArgument(faultpb.Reason_REASON_QUERY_PARAMETER_UNKNOWN, short(key),
				append(form.Params(), "value", strings.Join(given, ", "))...)
		}
		out[path], err = canonical(fd, given)
		if err == nil {
			err = populate(scratch, path, out[path])
		}
		if err != nil {
			value, form := rt.unreadable(path, fd, given)
			return "", invalidParameter(key, value, form).With(err)
		}
	}
	return out.Encode(), nil
}

// parameter finds the field that a key names; nil if there is none or the query must not give it.
func (rt *route) parameter(key string) (string, protoreflect.FieldDescriptor) {
	md := rt.request.Descriptor()
	var path []string
	var fd protoreflect.FieldDescriptor
	for name := range strings.SplitSeq(key, ".") {
		if md == nil {
			return "", nil
		}
		fd = md.Fields().ByJSONName(name)
		if fd == nil || fd.IsMap() || fd.IsExtension() {
			return "", nil
		}
		path = append(path, fd.TextName())
		md = fd.Message()
		if fd.IsList() {
			md = nil
		}
	}
	if rt.covers(path) {
		return "", nil
	}
	return strings.Join(path, "."), fd
}

// canonical returns the values as the library's parser reads them, words of enums in full; nil for an empty field mask, which is
// none.
func canonical(fd protoreflect.FieldDescriptor, values []string) ([]string, error) {
	for _, v := range values {
		if !utf8.ValidString(v) {
			return nil, errors.New("not UTF-8")
		}
	}
	if fd.Enum() != nil {
		full := make([]string, len(values))
		for i, v := range values {
			full[i] = wordOf(fd.Enum(), v)
		}
		return full, nil
	}
	if fd.Message() == nil || fd.Message().FullName() != "google.protobuf.FieldMask" || len(values) != 1 {
		return values, nil
	}
	text, err := json.Marshal(values[0])
	if err != nil {
		return nil, err
	}
	var mask fieldmaskpb.FieldMask
	if err := protojson.Unmarshal(text, &mask); err != nil || len(mask.GetPaths()) == 0 {
		return nil, err
	}
	return []string{strings.Join(mask.GetPaths(), ",")}, nil
}

// populate sets a field of m from its values as the generated code will.
func populate(m proto.Message, path string, values []string) error {
	if values == nil {
		return nil
	}
	return new(runtime.DefaultQueryParser).Parse(m, url.Values{path: values}, utilities.NewDoubleArray(nil))
}

// parameters are the names that a query may give.
func (rt *route) parameters() []string {
	var names []string
	for _, name := range settable(rt.request.Descriptor()) {
		if _, fd := rt.parameter(name); fd != nil && fault.FormOf(fd).Name != fault.FormObject {
			names = append(names, name)
		}
	}
	return names
}

// unreadable finds which of the values of a parameter cannot be read, and how it is written.
func (rt *route) unreadable(path string, fd protoreflect.FieldDescriptor, given []string) (string, fault.Form) {
	if len(given) > 1 && !fd.IsList() {
		return strings.Join(given, ", "), fault.Form{Name: fault.FormOnce}
	}
	for _, value := range given {
		if !utf8.ValidString(value) {
			return value, fault.Form{Name: fault.FormUTF8}
		}
		one, err := canonical(fd, []string{value})
		if err != nil || populate(rt.request.New().Interface(), path, one) != nil {
			if fd.Enum() != nil {
				return value, fault.FormOfEnum(value, fd.Enum())
			}
			return value, fault.FormOf(fd)
		}
	}
	return strings.Join(given, ", "), fault.Form{Name: fault.FormDocumented}
}

func invalidParameter(key, value string, form fault.Form) *fault.Error {
	return fault.InvalidArgument(faultpb.Reason_REASON_QUERY_PARAMETER_INVALID, short(key), append(form.Params(), "value", value)...)
}

// short makes a name that the client chose fit to be repeated as a field.
func short(name string) string {
	const limit = 100
	name = strings.ToValidUTF8(name, string(utf8.RuneError))
	if runes := []rune(name); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return name
}

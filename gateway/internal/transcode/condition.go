package transcode

import (
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
)

// The headers that say under which condition, or under which id, a request counts.
const (
	ifMatch        = "If-Match"
	ifNoneMatch    = "If-None-Match"
	idempotencyKey = "Idempotency-Key"
)

// said is a field's value that a header gives.
type said struct {
	header, value string
	field         protoreflect.FieldDescriptor
}

// put sets the field of m; m may say the same itself, but nothing else.
func (s said) put(m protoreflect.Message) error {
	if own := m.Get(s.field).String(); own != "" && own != s.value {
		return invalidHeader(s.header, s.value+" ≠ "+own)
	}
	m.Set(s.field, protoreflect.ValueOfString(s.value))
	return nil
}

// add does the same in a query.
func (s said) add(values url.Values) error {
	name := s.field.JSONName()
	if own := values.Get(name); own != "" && own != s.value {
		return invalidHeader(s.header, s.value+" ≠ "+own)
	}
	if len(values[name]) == 0 {
		values.Set(name, s.value)
	}
	return nil
}

// said is what the headers of a request say of its fields: those of the body, and one of the query. A header that a change
// cannot heed is refused: the client relies on it.
func (rt *route) said(w http.ResponseWriter) (inBody []said, inQuery *said, err error) {
	answer, ok := w.(*reply)
	if !ok || !answer.conditional {
		return nil, nil, nil
	}
	etag, err := rt.condition(answer.asked)
	if err != nil {
		return nil, nil, err
	}
	if etag != "" {
		answer.matched = true
		inBody = append(inBody, said{ifMatch, etag, rt.etag})
	}
	if isRead(rt.verb) {
		return inBody, nil, nil // a read may be repeated anyway
	}
	id, err := rt.repeatable(answer.asked)
	switch {
	case err != nil || id == "":
		return inBody, nil, err
	case rt.body == "*":
		return append(inBody, said{idempotencyKey, id, rt.requestID}), nil, nil
	}
	return inBody, &said{idempotencyKey, id, rt.requestID}, nil
}

// condition is the one etag of If-Match; empty if there is none, or for `*`, which every resource there is fulfils. What is
// no strong etag is passed on as it is, and fulfilled by none.
func (rt *route) condition(h http.Header) (string, error) {
	if given := h[ifNoneMatch]; len(given) > 0 && !isRead(rt.verb) {
		return "", invalidHeader(ifNoneMatch, strings.Join(given, ", "))
	}
	given := strings.Join(h[ifMatch], ",")
	switch {
	case len(h[ifMatch]) == 0:
		return "", nil
	case rt.etag == nil, strings.TrimSpace(given) == "", strings.Contains(given, ","):
		return "", invalidHeader(ifMatch, given)
	case given == "*":
		return "", nil
	}
	if tag, ok := quoted(given); ok {
		return tag, nil
	}
	return given, nil
}

// repeatable is the value of Idempotency-Key, with or without the quotes of the draft.
func (rt *route) repeatable(h http.Header) (string, error) {
	given := h[idempotencyKey]
	if len(given) == 0 {
		return "", nil
	}
	id := given[0]
	if bare, ok := quoted(id); ok {
		id = bare
	}
	if len(given) > 1 || id == "" || rt.requestID == nil {
		return "", invalidHeader(idempotencyKey, strings.Join(given, ", "))
	}
	return id, nil
}

// quoted is what stands between quotes.
func quoted(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return "", false
	}
	return s[1 : len(s)-1], true
}

// noneMatches reports whether If-None-Match lists an etag, weakly compared, or `*`.
func noneMatches(given []string, etag string) bool {
	for _, line := range given {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag == "*" || tag == etag {
				return true
			}
		}
	}
	return false
}

func invalidHeader(name, value string) error {
	return fault.InvalidArgument(faultpb.Reason_REASON_HEADER_INVALID, name, "value", short(strings.ToValidUTF8(value, "?")))
}

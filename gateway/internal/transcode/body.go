package transcode

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"

	"coso/gateway/internal/exchange"
)

// maxBody is the largest body, 1 MiB: twice the largest journal entry, so that the store, not this limit, judges a command.
const maxBody = 1 << 20

// body is a request's body, read whole. It takes the place of http.Request.Body; the generated code hands it to the
// marshaler, which leaves here what it found wrong.
type body struct {
	io.Reader
	json []byte
	// prefix is the JSON name of the request's field that the body holds; empty if it holds the request.
	prefix string
	// bound are the values of the body's fields that the path gives.
	bound map[protoreflect.FieldDescriptor]string
	// said are the values of its fields that headers give.
	said []said
	// refusal is what is wrong with the body.
	refusal error
}

// Close ends nothing: the body is in memory.
func (*body) Close() error { return nil }

// readBody reads the body and judges its size, type and presence.
func (rt *route) readBody(w http.ResponseWriter, r *http.Request, path map[string]string) (*body, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		w.Header().Set("Connection", "close") // the rest of the body stands in the way of a next request
		err = fault.ResourceExhausted(faultpb.Reason_REASON_TOO_LARGE, "", "limit", strconv.Itoa(maxBody))
		return nil, exchange.WithCode(http.StatusRequestEntityTooLarge, err)
	}
	if err != nil {
		return nil, invalidBody("", "", fault.Form{Name: fault.FormDocumented}).With(err)
	}
	switch {
	case rt.body == "" && len(data) > 0:
		return nil, fault.InvalidArgument(faultpb.Reason_REASON_BODY_UNEXPECTED, "")
	case rt.body == "":
		return &body{Reader: http.NoBody}, nil
	case len(data) == 0:
		return nil, fault.InvalidArgument(faultpb.Reason_REASON_BODY_MISSING, "")
	}
	if given := r.Header.Values("Content-Type"); !isJSON(given) {
		err := fault.InvalidArgument(faultpb.Reason_REASON_CONTENT_TYPE, "", "value", strings.Join(given, ", "))
		return nil, exchange.WithCode(http.StatusUnsupportedMediaType, err)
	}
	b := &body{Reader: bytes.NewReader(data), json: data, bound: map[protoreflect.FieldDescriptor]string{}}
	if field := rt.bodyField(); field != nil {
		b.prefix = field.JSONName()
	}
	for name, field := range rt.boundInBody {
		b.bound[field] = path[name]
	}
	return b, nil
}

// isJSON accepts application/json without parameters or in UTF-8, said once.
func isJSON(contentTypes []string) bool {
	if len(contentTypes) != 1 {
		return false
	}
	kind, params, err := mime.ParseMediaType(contentTypes[0])
	if err != nil || kind != "application/json" {
		return false
	}
	charset, given := params["charset"]
	return len(params) == 0 || len(params) == 1 && given && strings.EqualFold(charset, "utf-8")
}

// decode reads the body into m and reports the first thing that is wrong with it.
func (b *body) decode(m proto.Message) error {
	if err := wellFormed(b.json); err != nil {
		return err
	}
	if err := unmarshal.Unmarshal(b.json, m); err != nil {
		// Seldom: so what it costs to look for bare words is paid only by a body that cannot be read without.
		said := spelled(m.ProtoReflect().Descriptor(), b.json)
		if err := unmarshal.Unmarshal(said, m); err != nil {
			return locate(m.ProtoReflect().Type(), said, b.prefix).With(err)
		}
	}
	for fd, value := range b.bound {
		if said := m.ProtoReflect().Get(fd).String(); said != "" && said != value {
			return invalidBody(join(b.prefix, fd.JSONName()), said, fault.Form{Name: fault.FormSame, Example: value})
		}
	}
	for _, s := range b.said {
		if err := s.put(m.ProtoReflect()); err != nil {
			return err
		}
	}
	return nil
}

// invalidBody is the refusal of a value in a body: the piece of JSON at fault, and how to write it.
func invalidBody(field, value string, form fault.Form) *fault.Error {
	return fault.InvalidArgument(faultpb.Reason_REASON_BODY_INVALID, field, append(form.Params(), "value", value)...)
}

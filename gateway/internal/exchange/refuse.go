package exchange

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
	"coso/services/platform/limit"
)

// unwritable is the answer when a refusal itself cannot be written as JSON.
const unwritable = `{"code":13,"message":"the refusal could not be written","details":[]}`

// coded is an error that has an HTTP status of its own.
type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

// WithCode says that err is answered with this HTTP status instead of the one of its kind.
func WithCode(code int, err error) error { return coded{error: err, code: code} }

// Refuse answers with err: the HTTP status of its kind (or WithCode's) and its google.rpc.Status as JSON. What err is,
// fault.From decides. An answer of 401 says that a bearer token is wanted. It must be called before the answer has begun.
func Refuse(w http.ResponseWriter, r *http.Request, err error) {
	x := Of(r.Context())
	st, code := x.judge(err)
	body, marshalErr := protojson.Marshal(st.Proto())
	if marshalErr != nil { // a text from another process that is not UTF-8
		x.refused = fault.Internal(errors.Join(err, marshalErr))
		body, code = []byte(unwritable), http.StatusInternalServerError
	}
	h := w.Header()
	h.Del("Content-Length")
	h.Del("ETag")
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	comeBack(h, x.refused)
	if challenge := challengeOf(code, x.refused.Reason); challenge != "" {
		h.Set("WWW-Authenticate", challenge)
	}
	w.WriteHeader(code)
	_, writeErr := w.Write(Compact(body))
	if writeErr != nil {
		x.refused = x.refused.With(errors.Join(x.refused.Err, writeErr))
	}
}

// challengeOf tells a client in its own words (RFC 6750) what its token lacks; the body says it to people.
func challengeOf(code int, reason faultpb.Reason) string {
	name := strings.TrimPrefix(reason.String(), "REASON_")
	switch {
	case reason == faultpb.Reason_REASON_TOKEN_SCOPE:
		return `Bearer error="insufficient_scope", error_description="` + name + `"`
	case code != http.StatusUnauthorized:
		return ""
	case reason == faultpb.Reason_REASON_TOKEN_MISSING || !strings.Contains(name, "TOKEN"):
		return "Bearer"
	}
	return `Bearer error="invalid_token", error_description="` + name + `"`
}

// Refused is for handlers that say no in another form than Refuse: it notes err for the log, sets the header that says when to
// come back, and returns what the client may be told, an Internal refusal without its cause, with its HTTP status.
func Refused(w http.ResponseWriter, r *http.Request, err error) (*fault.Error, int) {
	st, code := Of(r.Context()).judge(err)
	e := fault.From(fault.FromStatus(st))
	comeBack(w.Header(), e)
	return e, code
}

// comeBack says when the same request may succeed, where that is known.
func comeBack(h http.Header, e *fault.Error) {
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(limit.Seconds(e.RetryAfter)))
	}
}

// judge notes err as what the request is refused with.
func (x *Exchange) judge(err error) (*status.Status, int) {
	x.refused = fault.From(err)
	st := fault.ToStatus(err, x.ID)
	if c, ok := errors.AsType[coded](err); ok {
		return st, c.code
	}
	return st, runtime.HTTPStatusFromCode(st.Code())
}

// RefusePath answers 404 for a path that nobody serves, with paths that are nearly it.
func RefusePath(w http.ResponseWriter, r *http.Request, near ...string) {
	asked := r.Method + " " + r.URL.Path
	Refuse(w, r, fault.NotFound(faultpb.Reason_REASON_METHOD_UNKNOWN, "", "value", asked).Near(near...))
}

// RefuseRoute answers 405 for a path that does not have the request's method, with the methods that it has.
func RefuseRoute(w http.ResponseWriter, r *http.Request, allowed ...string) {
	asked := r.Method + " " + r.URL.Path
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	err := fault.Unimplemented(faultpb.Reason_REASON_METHOD_UNKNOWN, "", "value", asked)
	Refuse(w, r, WithCode(http.StatusMethodNotAllowed, err))
}

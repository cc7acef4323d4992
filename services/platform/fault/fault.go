// Package fault is how coso refuses. Every refusal is an Error: a Kind that decides the gRPC code, a Reason that
// programs branch on, the field at fault, and a text in Vietnamese and in English that says what was wrong, which value,
// and what to do. Package rpc turns it into a gRPC status with ToStatus, and no other package builds statuses; clients
// turn a status back with FromStatus. Validate checks messages by the rules written in their proto files.
//
// INV-FAULT-TWO-LANGUAGES: every reason has a Vietnamese and an English text with the same placeholders.
// INV-FAULT-INTERNAL-SILENT: what caused an Internal error never leaves the service.
// INV-FAULT-ROUND-TRIP: kind, reason, field, params, texts and the time to wait survive ToStatus and FromStatus.
package fault

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// Error is one refusal. Made by the constructors; not changed afterwards, so safe for concurrent use.
type Error struct {
	// Kind decides the gRPC code.
	Kind Kind
	// Reason is the entry of the catalogue.
	Reason faultpb.Reason
	// Field is the JSON path of the field at fault, `organisation.taxCode` or `requests[3].organisation.unit`; may be empty.
	Field string
	// Msg is the English text.
	Msg string
	// MsgVi is the Vietnamese text.
	MsgVi string
	// Params are the values named in the texts; which ones a reason has stands in the catalogue.
	Params map[string]string
	// RetryAfter is when the same request may succeed, if that is known; 0: it is not.
	RetryAfter time.Duration
	// Err is the cause, for the log and for errors.Is; it never leaves the service.
	Err error
	// Violations are all fields at fault when Validate found them or a status brought them; the first is the one in
	// Field, Reason and Msg. A constructor leaves it empty.
	Violations []Violation
}

// Violation is one field at fault.
type Violation struct {
	// Field is its JSON path.
	Field string
	// Reason is the entry of the catalogue.
	Reason faultpb.Reason
	// Msg is the English text.
	Msg string
	// MsgVi is the Vietnamese text.
	MsgVi string
	// Params are the values named in the texts; nil when the texts came from another process.
	Params map[string]string
}

// Error returns the English text for the log: field, text and cause.
func (e *Error) Error() string {
	s := e.Msg
	if e.Field != "" && !strings.Contains(s, e.Field) {
		s = e.Field + ": " + s
	}
	if e.Err != nil {
		s += " (" + e.Err.Error() + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// With returns a copy of e that was caused by err.
func (e *Error) With(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// After returns a copy of e that says when the same request may succeed; d is positive.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// InvalidArgument says that field is wrong whatever the state of the data. params are pairs of name and value, as the
// catalogue lists them for the reason; so for all constructors.
func InvalidArgument(reason faultpb.Reason, field string, params ...string) *Error {
	return newError(KindInvalidArgument, reason, field, params)
}

// NotFound says that the resource params["name"], asked for in field, does not exist.
func NotFound(reason faultpb.Reason, field string, params ...string) *Error {
	return newError(KindNotFound, reason, field, params)
}

// AlreadyExists says that the name, code or request id in field is taken.
func AlreadyExists(reason faultpb.Reason, field string, params ...string) *Error {
	return newError(KindAlreadyExists, reason, field, params)
}

// FailedPrecondition says that the present data forbid what field asks for.
func FailedPrecondition(reason faultpb.Reason, field string, params ...string) *Error {
	return newError(KindFailedPrecondition, reason, field, params)
}

// Aborted says that the change rests on an older revision than the present one.
func Aborted(reason faultpb.Reason, field string, params ...string) *Error {
	return newError(KindAborted, reason, field, params)
}

// PermissionDenied says that the proved principal may not do this.
func PermissionDenied(reason faultpb.Reason, field string, params ...string) *Error {
	return newError(KindPermissionDenied, reason, field, params)
}

// Unauthenticated says that the caller did not prove who it is.
func Unauthenticated(reason faultpb.Reason, field string, params ...string) *Error {
	return newError(KindUnauthenticated, reason, field, params)
}

// ResourceExhausted says that the request exceeds a limit.
func ResourceExhausted(reason faultpb.Reason, field string, params ...string) *Error {
	return newError(KindResourceExhausted, reason, field, params)
}

// Unavailable says that the service cannot answer now; the same request may be sent again.
func Unavailable(reason faultpb.Reason, field string, params ...string) *Error {
	return newError(KindUnavailable, reason, field, params)
}

// DeadlineExceeded says that the answer did not come in time; the outcome is unknown.
func DeadlineExceeded(reason faultpb.Reason, field string, params ...string) *Error {
	return newError(KindDeadlineExceeded, reason, field, params)
}

// Cancelled says that the caller went away.
func Cancelled(reason faultpb.Reason, field string, params ...string) *Error {
	return newError(KindCancelled, reason, field, params)
}

// Unimplemented says that the method does not exist.
func Unimplemented(reason faultpb.Reason, field string, params ...string) *Error {
	return newError(KindUnimplemented, reason, field, params)
}

// DataLoss says that stored data is damaged.
func DataLoss(reason faultpb.Reason, field string, params ...string) *Error {
	return newError(KindDataLoss, reason, field, params)
}

// Internal says that something unexpected happened. err is for the log; it never leaves the service.
func Internal(err error) *Error {
	return newError(KindInternal, faultpb.Reason_REASON_INTERNAL, "", nil).With(err)
}

func newError(kind Kind, reason faultpb.Reason, field string, pairs []string) *Error {
	e := &Error{Kind: kind, Reason: reason, Field: field, Params: make(map[string]string, len(pairs)/2)}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := pairs[i], pairs[i+1]
		if name != knownParam { // of the contract, not the caller's
			value = clip(value)
		}
		if value != "" || name != formParam && name != exampleParam && name != knownParam {
			e.Params[name] = value
		}
	}
	e.Msg, e.MsgVi = render(reason, field, e.Params)
	return e
}

// maxParam bounds a value in a text, in characters: a status travels in HTTP/2 headers, which clients limit to 8 KiB.
const maxParam = 80

// clip makes a caller's value fit to be repeated: bounded, valid UTF-8, no control characters.
func clip(s string) string {
	n := 0
	for i := range s {
		if n++; n > maxParam {
			s = s[:i] + "…"
			break
		}
	}
	return strings.Map(func(r rune) rune {
		if isControl(r) || r == '\n' || r == '\t' {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// From returns err as an Error: the Error in its chain; else Cancelled or DeadlineExceeded for an ended context, this
// process's or, as a gRPC status, another's; else Internal. It returns nil for nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	code := status.Code(err)
	switch {
	case errors.Is(err, context.Canceled), code == codes.Canceled:
		return Cancelled(faultpb.Reason_REASON_CANCELLED, "").With(err)
	case errors.Is(err, context.DeadlineExceeded), code == codes.DeadlineExceeded:
		return DeadlineExceeded(faultpb.Reason_REASON_DEADLINE_EXCEEDED, "").With(err)
	}
	return Internal(err)
}

// KindOf returns the kind of err as From classifies it. It must not be asked of nil, which has none; it says Internal.
func KindOf(err error) Kind {
	if err == nil {
		return KindInternal
	}
	return From(err).Kind
}

// ReasonOf returns the reason of err as From classifies it, UNSPECIFIED for nil.
func ReasonOf(err error) faultpb.Reason {
	if err == nil {
		return faultpb.Reason_REASON_UNSPECIFIED
	}
	return From(err).Reason
}

// In says that err happened inside the part of the request at prefix, e.g. `requests[3]`: it prefixes the fields of an
// Error that blames the request and returns every other err, nil included, as it is.
func In(prefix string, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || !e.Kind.aboutRequest() {
		return err
	}
	c := *e
	if error(e) != err { //nolint:errorlint // whether something is wrapped around e is the question
		c.Err = err
	}
	c.Field = join(prefix, e.Field)
	c.Msg, c.MsgVi = rerender(e.Reason, c.Field, e.Params, e.Msg, e.MsgVi)
	c.Params = maps.Clone(e.Params)
	c.Violations = make([]Violation, len(e.Violations))
	for i, v := range e.Violations {
		v.Field = join(prefix, v.Field)
		v.Msg, v.MsgVi = rerender(v.Reason, v.Field, v.Params, v.Msg, v.MsgVi)
		c.Violations[i] = v
	}
	return &c
}

func join(prefix, field string) string {
	if prefix == "" || field == "" {
		return prefix + field
	}
	return prefix + "." + field
}

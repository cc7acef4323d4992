package fault

import (
	"maps"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	faultpb "coso/proto/gen/coso/fault/v1"
)

const (
	// Domain is the ErrorInfo domain of coso's reasons.
	Domain = "coso"

	localeVi = "vi-VN"
	localeEn = "en"

	reasonPrefix   = "REASON_"
	requestIDParam = "requestId"
)

// maxViolations bounds the BadRequest detail, in bytes: a status travels in HTTP/2 headers, which clients limit to
// 8 KiB. Violations beyond it are left out; at least one is sent.
const maxViolations = 3 << 10

// ToStatus returns err as a gRPC status, nil for nil. The message is the English text. The details are ErrorInfo
// (reason without prefix, Domain, params), BadRequest when fields are at fault, PreconditionFailure for
// FailedPrecondition, ResourceInfo for NotFound and AlreadyExists of a named resource, RetryInfo where it is known when to come
// back, and a LocalizedMessage in each language. An Internal error says nothing but requestID, under which its cause is in the log.
func ToStatus(err error, requestID string) *status.Status {
	e := From(err)
	if e == nil {
		return nil
	}
	if e.Kind == KindInternal {
		e = internalFor(e, requestID)
	}
	st, detailErr := status.New(e.Kind.Code(), e.Msg).WithDetails(e.details()...)
	if detailErr != nil { // a detail that cannot be marshalled: a text that is not UTF-8
		return status.New(codes.Internal, "the refusal could not be written")
	}
	return st
}

// internalFor returns what may be said of an Internal error: the request id of the process in which it happened.
func internalFor(e *Error, requestID string) *Error {
	if first := e.Params[requestIDParam]; first != "" {
		requestID = first
	}
	return newError(KindInternal, faultpb.Reason_REASON_INTERNAL, "", []string{requestIDParam, requestID})
}

func (e *Error) details() []protoadapt.MessageV1 {
	reason := reasonName(e.Reason)
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: reason, Domain: Domain, Metadata: e.Params}}
	if bad := e.badRequest(); bad != nil {
		details = append(details, bad)
	}
	name := e.Params["name"]
	switch {
	case e.Kind == KindFailedPrecondition:
		subject := name
		if subject == "" {
			subject = e.Field
		}
		details = append(details, &errdetails.PreconditionFailure{
			Violations: []*errdetails.PreconditionFailure_Violation{{Type: reason, Subject: subject, Description: e.Msg}},
		})
	case name != "" && (e.Kind == KindNotFound || e.Kind == KindAlreadyExists):
		collection, _, _ := strings.Cut(name, "/")
		details = append(details, &errdetails.ResourceInfo{ResourceType: collection, ResourceName: name, Description: e.Msg})
	}
	if e.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)})
	}
	return append(details, localized(localeVi, e.MsgVi), localized(localeEn, e.Msg))
}

func (e *Error) badRequest() *errdetails.BadRequest {
	violations := e.Violations
	if len(violations) == 0 {
		if e.Field == "" {
			return nil
		}
		violations = []Violation{{Field: e.Field, Reason: e.Reason, Msg: e.Msg, MsgVi: e.MsgVi}}
	}
	bad := &errdetails.BadRequest{}
	size := 0
	for _, v := range violations {
		fv := &errdetails.BadRequest_FieldViolation{
			Field:            v.Field,
			Description:      v.Msg,
			Reason:           reasonName(v.Reason),
			LocalizedMessage: localized(localeVi, v.MsgVi),
		}
		size += proto.Size(fv)
		if size > maxViolations && len(bad.GetFieldViolations()) > 0 {
			break
		}
		bad.FieldViolations = append(bad.FieldViolations, fv)
	}
	return bad
}

func localized(locale, message string) *errdetails.LocalizedMessage {
	return &errdetails.LocalizedMessage{Locale: locale, Message: message}
}

func reasonName(r faultpb.Reason) string { return strings.TrimPrefix(r.String(), reasonPrefix) }

func reasonOf(name string) faultpb.Reason {
	return faultpb.Reason(faultpb.Reason_value[reasonPrefix+name])
}

// FromProto is FromStatus for the form that travels in HTTP bodies.
func FromProto(st *statuspb.Status) error { return FromStatus(status.FromProto(st)) }

// FromStatus returns the Error that a coso service turned into st, for clients; nil if st is OK. A status that no coso
// service wrote (a proxy's, the gRPC library's own) becomes an Error of the kind of its code, with the general texts of
// that kind and st as its cause. Of a reason that only a newer version knows, the kind, params and texts survive.
func FromStatus(st *status.Status) error {
	if st.Code() == codes.OK {
		return nil
	}
	kind := kindOfCode(st.Code())
	e := &Error{Kind: kind, Msg: st.Message()}
	ours := false
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() != Domain {
				continue
			}
			ours = true
			e.Reason = reasonOf(d.GetReason())
			e.Params = maps.Clone(d.GetMetadata())
		case *errdetails.BadRequest:
			e.Violations = violationsOf(d)
		case *errdetails.RetryInfo:
			e.RetryAfter = d.GetRetryDelay().AsDuration()
		case *errdetails.LocalizedMessage:
			if d.GetLocale() == localeVi {
				e.MsgVi = d.GetMessage()
			}
		}
	}
	if !ours {
		return newError(kind, kind.generalReason(), "", nil).With(st.Err())
	}
	if e.Params == nil {
		e.Params = map[string]string{}
	}
	if len(e.Violations) > 0 {
		e.Field = e.Violations[0].Field
	}
	return e
}

func violationsOf(bad *errdetails.BadRequest) []Violation {
	violations := make([]Violation, 0, len(bad.GetFieldViolations()))
	for _, fv := range bad.GetFieldViolations() {
		violations = append(violations, Violation{
			Field:  fv.GetField(),
			Reason: reasonOf(fv.GetReason()),
			Msg:    fv.GetDescription(),
			MsgVi:  fv.GetLocalizedMessage().GetMessage(),
		})
	}
	return violations
}

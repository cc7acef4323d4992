package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
)

type constructor func(reason faultpb.Reason, field string, params ...string) *fault.Error

var constructors = []struct {
	name string
	make constructor
	kind fault.Kind
	code codes.Code
}{
	{"InvalidArgument", fault.InvalidArgument, fault.KindInvalidArgument, codes.InvalidArgument},
	{"NotFound", fault.NotFound, fault.KindNotFound, codes.NotFound},
	{"AlreadyExists", fault.AlreadyExists, fault.KindAlreadyExists, codes.AlreadyExists},
	{"FailedPrecondition", fault.FailedPrecondition, fault.KindFailedPrecondition, codes.FailedPrecondition},
	{"Aborted", fault.Aborted, fault.KindAborted, codes.Aborted},
	{"PermissionDenied", fault.PermissionDenied, fault.KindPermissionDenied, codes.PermissionDenied},
	{"Unauthenticated", fault.Unauthenticated, fault.KindUnauthenticated, codes.Unauthenticated},
	{"ResourceExhausted", fault.ResourceExhausted, fault.KindResourceExhausted, codes.ResourceExhausted},
	{"Unavailable", fault.Unavailable, fault.KindUnavailable, codes.Unavailable},
	{"DeadlineExceeded", fault.DeadlineExceeded, fault.KindDeadlineExceeded, codes.DeadlineExceeded},
	{"Cancelled", fault.Cancelled, fault.KindCancelled, codes.Canceled},
	{"Unimplemented", fault.Unimplemented, fault.KindUnimplemented, codes.Unimplemented},
	{"DataLoss", fault.DataLoss, fault.KindDataLoss, codes.DataLoss},
}

func TestConstructors(t *testing.T) {
	for _, c := range constructors {
		e := c.make(faultpb.Reason_REASON_FIELD_RANGE, "pageSize", "value", "501", "limit", "0 … 500")
		if e.Kind != c.kind || e.Kind.Code() != c.code || e.Kind.String() != c.code.String() {
			t.Errorf("%s: kind %v, code %v", c.name, e.Kind, e.Kind.Code())
		}
		if e.Reason != faultpb.Reason_REASON_FIELD_RANGE || e.Field != "pageSize" || e.Params["value"] != "501" || e.Params["limit"] != "0 … 500" {
			t.Errorf("%s: %+v", c.name, e)
		}
		if want := "The number 501 of pageSize is outside its limit 0 … 500; give a number within it."; e.Error() != want {
			t.Errorf("%s: %q, want %q", c.name, e, want)
		}
	}
}

func TestInternalIsTheZeroKind(t *testing.T) {
	var zero fault.Error
	if zero.Kind != fault.KindInternal || zero.Kind.Code() != codes.Internal || fault.Kind(250).Code() != codes.Internal {
		t.Errorf("zero kind %v, unknown kind %v", zero.Kind, fault.Kind(250))
	}
	e := fault.Internal(io.ErrUnexpectedEOF)
	if e.Kind != fault.KindInternal || e.Reason != faultpb.Reason_REASON_INTERNAL || !errors.Is(e, io.ErrUnexpectedEOF) {
		t.Errorf("Internal = %+v", e)
	}
	if strings.Contains(e.Msg, "EOF") || strings.Contains(e.MsgVi, "EOF") {
		t.Errorf("the text reveals the cause: %q, %q", e.Msg, e.MsgVi)
	}
	if !strings.Contains(e.Error(), "unexpected EOF") {
		t.Errorf("the log does not name the cause: %q", e.Error())
	}
}

func TestErrorNamesTheFieldOnce(t *testing.T) {
	e := fault.InvalidArgument(faultpb.Reason_REASON_TAX_CODE_CHECK_DIGIT, "enterprise.taxCode", "value", "1").With(io.EOF)
	if want := "enterprise.taxCode: The check digit of tax code 1 is wrong; check its first 10 digits. (EOF)"; e.Error() != want {
		t.Errorf("%q, want %q", e, want)
	}
	e = fault.InvalidArgument(faultpb.Reason_REASON_FIELD_REQUIRED, "enterprise.taxCode")
	if want := "enterprise.taxCode is missing; fill it in."; e.Error() != want {
		t.Errorf("%q, want %q", e, want)
	}
}

func TestWith(t *testing.T) {
	plain := fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name", "name", "units/x")
	caused := plain.With(io.EOF)
	if plain.Err != nil || errors.Is(plain, io.EOF) {
		t.Error("With changed its receiver")
	}
	if !errors.Is(caused, io.EOF) || caused.Reason != plain.Reason || caused.Msg != plain.Msg {
		t.Errorf("With = %+v", caused)
	}
}

func TestParamsAreClipped(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"short", "short"},
		{strings.Repeat("ệ", 80), strings.Repeat("ệ", 80)},
		{strings.Repeat("ệ", 81), strings.Repeat("ệ", 80) + "…"},
		{"a\x00b\nc\td\x7f", "a\uFFFDb\uFFFDc\uFFFDd\uFFFD"},
		{"a\xffb", "a\uFFFDb"},
		{strings.Repeat("\xff", 1000), "\uFFFD…"},
	} {
		got := fault.InvalidArgument(faultpb.Reason_REASON_FIELD_FORMAT, "f", "value", tc.in).Params["value"]
		if got != tc.want || !utf8.ValidString(got) {
			t.Errorf("%+q is repeated as %+q, want %+q", tc.in, got, tc.want)
		}
	}
	if odd := fault.InvalidArgument(faultpb.Reason_REASON_FIELD_FORMAT, "f", "value"); len(odd.Params) != 0 {
		t.Errorf("a name without value became %v", odd.Params)
	}
}

func TestFrom(t *testing.T) {
	notFound := fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name", "name", "units/x")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		name   string
		err    error
		kind   fault.Kind
		reason faultpb.Reason
	}{
		{"an Error", notFound, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND},
		{"a wrapped Error", fmt.Errorf("reading: %w", notFound), fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND},
		{"an Error among others", errors.Join(io.EOF, notFound), fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND},
		{"an Error caused by a context", notFound.With(context.Canceled), fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND},
		{"any other error", io.EOF, fault.KindInternal, faultpb.Reason_REASON_INTERNAL},
		{"a cancelled context", cancelled.Err(), fault.KindCancelled, faultpb.Reason_REASON_CANCELLED},
		{"an ended context", fmt.Errorf("x: %w", context.DeadlineExceeded), fault.KindDeadlineExceeded, faultpb.Reason_REASON_DEADLINE_EXCEEDED},
		{"a caller that hung up", status.Error(codes.Canceled, "x"), fault.KindCancelled, faultpb.Reason_REASON_CANCELLED},
		{"a deadline elsewhere", status.Error(codes.DeadlineExceeded, "x"), fault.KindDeadlineExceeded, faultpb.Reason_REASON_DEADLINE_EXCEEDED},
		{"a status nobody translated", status.Error(codes.NotFound, "x"), fault.KindInternal, faultpb.Reason_REASON_INTERNAL},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := fault.From(tc.err)
			if e.Kind != tc.kind || e.Reason != tc.reason {
				t.Errorf("From = %v %v, want %v %v", e.Kind, e.Reason, tc.kind, tc.reason)
			}
			if fault.KindOf(tc.err) != tc.kind || fault.ReasonOf(tc.err) != tc.reason {
				t.Errorf("KindOf %v, ReasonOf %v", fault.KindOf(tc.err), fault.ReasonOf(tc.err))
			}
		})
	}
	if fault.From(nil) != nil || fault.KindOf(nil) != fault.KindInternal || fault.ReasonOf(nil) != faultpb.Reason_REASON_UNSPECIFIED {
		t.Error("nil is an error")
	}
}

func TestIn(t *testing.T) {
	const required = faultpb.Reason_REASON_FIELD_REQUIRED
	for _, tc := range []struct {
		name, prefix string
		err          error
		field, msg   string
	}{
		{
			"a field", "requests[3]", fault.InvalidArgument(required, "organisation.unit"),
			"requests[3].organisation.unit", "requests[3].organisation.unit is missing; fill it in.",
		},
		{
			"no field", "requests[3]", fault.InvalidArgument(faultpb.Reason_REASON_PERIOD_ORDER, ""),
			"requests[3]", "The dates of the period are out of order; start, cut-off and end must follow one another.",
		},
		{"no prefix", "", fault.InvalidArgument(required, "unit"), "unit", "unit is missing; fill it in."},
		{
			"twice", "requests[3]", fault.In("organisation", fault.InvalidArgument(required, "unit")),
			"requests[3].organisation.unit", "requests[3].organisation.unit is missing; fill it in.",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := *fault.From(tc.err)
			e := fault.From(fault.In(tc.prefix, tc.err))
			if e.Field != tc.field || e.Msg != tc.msg {
				t.Errorf("%q %q, want %q %q", e.Field, e.Msg, tc.field, tc.msg)
			}
			if after := fault.From(tc.err); after.Field != before.Field || after.Msg != before.Msg {
				t.Error("In changed its argument")
			}
		})
	}
}

func TestInLeavesOthersAlone(t *testing.T) {
	for _, err := range []error{
		nil, io.EOF, fault.Internal(io.EOF),
		fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, ""),
		fault.From(context.Canceled), fault.From(context.DeadlineExceeded),
		fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, ""),
	} {
		if got := fault.In("requests[3]", err); !errors.Is(got, err) || strings.Contains(fmt.Sprint(got), "requests") {
			t.Errorf("In(%v) = %v", err, got)
		}
	}
}

func TestInKeepsWhatWraps(t *testing.T) {
	inner := fault.InvalidArgument(faultpb.Reason_REASON_FIELD_REQUIRED, "unit").With(io.EOF)
	err := fault.In("requests[0]", fmt.Errorf("row 1: %w", inner))
	if !errors.Is(err, io.EOF) || !errors.Is(err, inner) || fault.From(err).Field != "requests[0].unit" {
		t.Errorf("In = %v", err)
	}
}

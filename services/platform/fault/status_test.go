package fault_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
)

// dump writes a status as lines that a person can read.
func dump(st *status.Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: %s\n", st.Code(), st.Message())
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Fprintf(&b, "info %s %s", d.GetDomain(), d.GetReason())
			for _, k := range slices.Sorted(maps.Keys(d.GetMetadata())) {
				fmt.Fprintf(&b, " %s=%s", k, d.GetMetadata()[k])
			}
			b.WriteByte('\n')
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				fmt.Fprintf(&b, "field %s %s: %s [%s: %s]\n", v.GetField(), v.GetReason(), v.GetDescription(),
					v.GetLocalizedMessage().GetLocale(), v.GetLocalizedMessage().GetMessage())
			}
		case *errdetails.PreconditionFailure:
			for _, v := range d.GetViolations() {
				fmt.Fprintf(&b, "precondition %s %s: %s\n", v.GetType(), v.GetSubject(), v.GetDescription())
			}
		case *errdetails.ResourceInfo:
			fmt.Fprintf(&b, "resource %s %s: %s\n", d.GetResourceType(), d.GetResourceName(), d.GetDescription())
		case *errdetails.RetryInfo:
			fmt.Fprintf(&b, "retry in %s\n", d.GetRetryDelay().AsDuration())
		case *errdetails.LocalizedMessage:
			fmt.Fprintf(&b, "%s: %s\n", d.GetLocale(), d.GetMessage())
		default:
			fmt.Fprintf(&b, "unknown detail %T\n", d)
		}
	}
	return b.String()
}

func TestToStatus(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{
			"a field", fault.InvalidArgument(faultpb.Reason_REASON_TAX_CODE_CHECK_DIGIT, "enterprise.taxCode", "value", "0100109107"),
			`InvalidArgument: The check digit of tax code 0100109107 is wrong; check its first 10 digits.
info coso TAX_CODE_CHECK_DIGIT value=0100109107
field enterprise.taxCode TAX_CODE_CHECK_DIGIT: The check digit of tax code 0100109107 is wrong; check its first 10 digits. [vi-VN: Mã số thuế 0100109107 sai chữ số kiểm tra; hãy kiểm tra lại 10 chữ số đầu.]
vi-VN: Mã số thuế 0100109107 sai chữ số kiểm tra; hãy kiểm tra lại 10 chữ số đầu.
en: The check digit of tax code 0100109107 is wrong; check its first 10 digits.
`,
		},
		{
			"too much", fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_REQUESTS, "", "limit", "2").After(1500 * time.Millisecond),
			`ResourceExhausted: Requests come too fast; wait for 2 seconds and try again.
info coso TOO_MANY_REQUESTS limit=2
retry in 1.5s
vi-VN: Yêu cầu gửi đến quá dồn dập; hãy đợi 2 giây rồi thử lại.
en: Requests come too fast; wait for 2 seconds and try again.
`,
		},
		{
			"a resource that is not there", fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "", "name", "units/x"),
			`NotFound: units/x does not exist; check the name.
info coso RESOURCE_NOT_FOUND name=units/x
resource units units/x: units/x does not exist; check the name.
vi-VN: Không tìm thấy units/x; hãy kiểm tra lại tên.
en: units/x does not exist; check the name.
`,
		},
		{
			"a name that is taken", fault.AlreadyExists(faultpb.Reason_REASON_RESOURCE_EXISTS, "unitId", "name", "units/x"),
			`AlreadyExists: The name units/x exists or was used before; choose another id.
info coso RESOURCE_EXISTS name=units/x
field unitId RESOURCE_EXISTS: The name units/x exists or was used before; choose another id. [vi-VN: Tên units/x đã có hoặc đã từng được dùng; hãy chọn mã khác.]
resource units units/x: The name units/x exists or was used before; choose another id.
vi-VN: Tên units/x đã có hoặc đã từng được dùng; hãy chọn mã khác.
en: The name units/x exists or was used before; choose another id.
`,
		},
		{
			"a precondition of a resource", fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_HAS_CHILDREN, "", "name", "units/x", "date", "2020-11-30", "by", "units/y"),
			`FailedPrecondition: The unit units/x still has units/y below it on 2020-11-30; move or close that one first.
info coso UNIT_HAS_CHILDREN by=units/y date=2020-11-30 name=units/x
precondition UNIT_HAS_CHILDREN units/x: The unit units/x still has units/y below it on 2020-11-30; move or close that one first.
vi-VN: Đơn vị units/x còn đơn vị trực thuộc units/y vào ngày 30/11/2020; hãy chuyển giao hoặc kết thúc đơn vị đó trước.
en: The unit units/x still has units/y below it on 2020-11-30; move or close that one first.
`,
		},
		{
			"a wrapped refusal", fmt.Errorf("secret path: %w", fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "").With(errors.New("secret cause"))),
			`Unavailable: The service is stopping or not ready; try again in a few minutes.
info coso SERVICE_UNAVAILABLE
vi-VN: Dịch vụ đang dừng hoặc chưa sẵn sàng; hãy thử lại sau ít phút.
en: The service is stopping or not ready; try again in a few minutes.
`,
		},
		{
			"INV-FAULT-INTERNAL-SILENT: any other error", fmt.Errorf("open /secret: %w", io.ErrUnexpectedEOF),
			`Internal: Something unexpected went wrong inside the system; give the request id r-17 to the administrator.
info coso INTERNAL requestId=r-17
vi-VN: Hệ thống gặp lỗi ngoài dự kiến; hãy báo mã yêu cầu r-17 cho người quản trị.
en: Something unexpected went wrong inside the system; give the request id r-17 to the administrator.
`,
		},
		{
			"INV-FAULT-INTERNAL-SILENT: an Error somebody built by hand",
			&fault.Error{Field: "secret.field", Msg: "secret", MsgVi: "secret", Params: map[string]string{"value": "secret"}, Violations: []fault.Violation{{Field: "secret"}}},
			`Internal: Something unexpected went wrong inside the system; give the request id r-17 to the administrator.
info coso INTERNAL requestId=r-17
vi-VN: Hệ thống gặp lỗi ngoài dự kiến; hãy báo mã yêu cầu r-17 cho người quản trị.
en: Something unexpected went wrong inside the system; give the request id r-17 to the administrator.
`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, dump(fault.ToStatus(tc.err, "r-17"))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
	if fault.ToStatus(nil, "r-17") != nil || fault.ToStatus(nil, "").Err() != nil {
		t.Error("nil became a refusal")
	}
}

// The request id of an Internal error stays that of the process in which it happened.
func TestToStatusInternalKeepsItsRequestID(t *testing.T) {
	first := fault.ToStatus(io.EOF, "r-inner")
	again := fault.ToStatus(fault.FromStatus(first), "r-outer")
	if dump(again) != dump(first) {
		t.Errorf("%s\nbecame\n%s", dump(first), dump(again))
	}
}

// overWire is what gRPC does to a status.
func overWire(t interface{ Fatal(...any) }, st *status.Status) *status.Status {
	b, err := proto.Marshal(st.Proto())
	if err != nil {
		t.Fatal(err)
	}
	var p spb.Status
	if err := proto.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	return status.FromProto(&p)
}

func anyReason(t *rapid.T) faultpb.Reason {
	numbers := slices.Sorted(maps.Keys(faultpb.Reason_name))
	return faultpb.Reason(rapid.SampledFrom(numbers).Draw(t, "reason"))
}

// INV-FAULT-ROUND-TRIP.
func TestRoundTripProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var params []string
		for _, name := range []string{"value", "name", "limit", "date", "other-one"} {
			if rapid.Bool().Draw(t, name) {
				params = append(params, name, rapid.String().Draw(t, name+"'s value"))
			}
		}
		c := rapid.SampledFrom(constructors).Draw(t, "constructor")
		field := rapid.SampledFrom([]string{"", "name", "requests[3].organisation.unit"}).Draw(t, "field")
		sent := c.make(anyReason(t), field, params...)
		if wait := rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "to come back in"); wait > 0 {
			sent = sent.After(time.Duration(wait))
		}
		st := overWire(t, fault.ToStatus(sent.With(io.EOF), "r-1"))
		got := fault.From(fault.FromStatus(st))
		if diff := cmp.Diff(sent, got, cmpopts.IgnoreFields(fault.Error{}, "Violations")); diff != "" {
			t.Fatalf("-sent +received\n%s", diff)
		}
		if (len(got.Violations) == 1) != (field != "") {
			t.Fatalf("violations %v of field %q", got.Violations, field)
		}
		if again := fault.ToStatus(got, "r-2"); dump(again) != dump(st) {
			t.Fatalf("%s\nsent on becomes\n%s", dump(st), dump(again))
		}
	})
}

func TestFromStatusOfOthers(t *testing.T) {
	for _, tc := range []struct {
		code   codes.Code
		kind   fault.Kind
		reason faultpb.Reason
	}{
		{codes.Canceled, fault.KindCancelled, faultpb.Reason_REASON_CANCELLED},
		{codes.Unknown, fault.KindInternal, faultpb.Reason_REASON_INTERNAL},
		{codes.InvalidArgument, fault.KindInvalidArgument, faultpb.Reason_REASON_UNSPECIFIED},
		{codes.DeadlineExceeded, fault.KindDeadlineExceeded, faultpb.Reason_REASON_DEADLINE_EXCEEDED},
		{codes.NotFound, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND},
		{codes.AlreadyExists, fault.KindAlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS},
		{codes.PermissionDenied, fault.KindPermissionDenied, faultpb.Reason_REASON_UNSPECIFIED},
		{codes.ResourceExhausted, fault.KindResourceExhausted, faultpb.Reason_REASON_TOO_LARGE},
		{codes.FailedPrecondition, fault.KindFailedPrecondition, faultpb.Reason_REASON_UNSPECIFIED},
		{codes.Aborted, fault.KindAborted, faultpb.Reason_REASON_UNSPECIFIED},
		{codes.OutOfRange, fault.KindInvalidArgument, faultpb.Reason_REASON_UNSPECIFIED},
		{codes.Unimplemented, fault.KindUnimplemented, faultpb.Reason_REASON_METHOD_UNKNOWN},
		{codes.Internal, fault.KindInternal, faultpb.Reason_REASON_INTERNAL},
		{codes.Unavailable, fault.KindUnavailable, faultpb.Reason_REASON_SERVICE_UNAVAILABLE},
		{codes.DataLoss, fault.KindDataLoss, faultpb.Reason_REASON_DATA_DAMAGED},
		{codes.Unauthenticated, fault.KindUnauthenticated, faultpb.Reason_REASON_UNSPECIFIED},
		{codes.Code(99), fault.KindInternal, faultpb.Reason_REASON_INTERNAL},
	} {
		t.Run(tc.code.String(), func(t *testing.T) {
			foreign := status.New(tc.code, "their inner text")
			e := fault.From(fault.FromStatus(foreign))
			if e.Kind != tc.kind || e.Reason != tc.reason || e.Msg == "" || e.MsgVi == "" {
				t.Errorf("%+v", e)
			}
			if !strings.Contains(e.Error(), "their inner text") {
				t.Errorf("the log does not say %q: %q", foreign.Message(), e.Error())
			}
			if sent := dump(fault.ToStatus(e, "r")); strings.Contains(sent, "inner text") {
				t.Errorf("their text is sent on:\n%s", sent)
			}
		})
	}
	if err := fault.FromStatus(status.New(codes.OK, "")); err != nil {
		t.Errorf("OK became %v", err)
	}
	if err := fault.FromStatus(nil); err != nil {
		t.Errorf("no status became %v", err)
	}
}

// ErrorInfo of another domain does not name our reasons.
func TestFromStatusOfOtherDomain(t *testing.T) {
	st, err := status.New(codes.Unavailable, "proxy").WithDetails(
		&errdetails.ErrorInfo{Reason: "TAX_CODE_TAKEN", Domain: "proxy.example"},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "theirs"}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	e := fault.From(fault.FromStatus(st))
	if e.Reason != faultpb.Reason_REASON_SERVICE_UNAVAILABLE || e.Field != "" || e.Violations != nil {
		t.Errorf("%+v", e)
	}
}

// A reason that only a newer version knows arrives with kind, params and texts.
func TestFromStatusOfNewerVersion(t *testing.T) {
	st, err := status.New(codes.FailedPrecondition, "New rule; do this.").WithDetails(
		&errdetails.ErrorInfo{Reason: "RULE_OF_TOMORROW", Domain: fault.Domain, Metadata: map[string]string{"value": "7"}},
		&errdetails.LocalizedMessage{Locale: "vi-VN", Message: "Quy tắc mới; hãy làm thế này."},
		&errdetails.LocalizedMessage{Locale: "en", Message: "New rule; do this."},
	)
	if err != nil {
		t.Fatal(err)
	}
	want := &fault.Error{
		Kind: fault.KindFailedPrecondition, Msg: "New rule; do this.", MsgVi: "Quy tắc mới; hãy làm thế này.",
		Params: map[string]string{"value": "7"},
	}
	if diff := cmp.Diff(want, fault.From(fault.FromStatus(st))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// What a client's HTTP/2 header limit sees: the message, percent-encoded, and the whole status again in base64.
func headerSize(t *testing.T, st *status.Status) int {
	t.Helper()
	b, err := proto.Marshal(st.Proto())
	if err != nil {
		t.Fatal(err)
	}
	encoded := 0
	for _, c := range []byte(st.Message()) {
		if encoded++; c > '~' {
			encoded += 2
		}
	}
	return encoded + base64.RawStdEncoding.EncodedLen(len(b))
}

func TestStatusFitsIntoHeaders(t *testing.T) {
	const limit = 8 << 10
	many := *fault.InvalidArgument(faultpb.Reason_REASON_FIELD_REQUIRED, "requests[0].organisation.displayName")
	for i := range 500 {
		v := fault.InvalidArgument(faultpb.Reason_REASON_FIELD_REQUIRED, fmt.Sprintf("requests[%d].organisation.displayName", i))
		many.Violations = append(many.Violations, fault.Violation{Field: v.Field, Reason: v.Reason, Msg: v.Msg, MsgVi: v.MsgVi})
	}
	st := fault.ToStatus(&many, "r")
	if size := headerSize(t, st); size > limit {
		t.Errorf("500 violations take %d bytes", size)
	}
	received := fault.From(fault.FromStatus(st))
	if n := len(received.Violations); n < 5 || received.Field != many.Field {
		t.Errorf("of 500 violations %d arrived, the first in %q", n, received.Field)
	}
	long := strings.Repeat("ệ", 1000)
	for number := range faultpb.Reason_name {
		e := fault.FailedPrecondition(faultpb.Reason(number), "requests[499].organisation.displayName", "value", long, "limit", long)
		if size := headerSize(t, fault.ToStatus(e, "r")); size > limit {
			t.Errorf("%v with long values takes %d bytes", faultpb.Reason(number), size)
		}
	}
}

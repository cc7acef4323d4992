package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
)

// asBrowser is what a browser says of itself.
func asBrowser(more ...string) http.Header {
	h := http.Header{"Accept": {"text/html"}, "Accept-Language": {"en"}}
	for i := 0; i+1 < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

// reading lets a page find out who its reader is, and asks answer the rest.
func reading(answer func(context.Context, call) (proto.Message, error)) func(context.Context, call) (proto.Message, error) {
	return func(ctx context.Context, c call) (proto.Message, error) {
		switch c.request.(type) {
		case *identitypb.GetCallerRequest:
			return &identitypb.Caller{Principal: "principals/lan"}, nil
		case *registrypb.ListGrantsRequest:
			return &registrypb.ListGrantsResponse{}, nil
		}
		return answer(ctx, c)
	}
}

// A page asks the services under the reader's request id and token, and nothing else that the reader sent; what they say
// of old copies it passes on.
func TestPagesAskAsTheReader(t *testing.T) {
	g := newGate(t)
	g.reply = reading(func(ctx context.Context, _ call) (proto.Message, error) {
		if err := grpc.SetHeader(ctx, metadata.Pairs("coso-copy-age", "registry=400s")); err != nil {
			return nil, err
		}
		return &registrypb.ListUnitsResponse{Units: []*registrypb.Unit{{Name: "units/a", DisplayName: "Quận ủy A", ValidFrom: "2008-08-01"}}}, nil
	})
	res := g.do(t, ask{method: "GET", target: "/units?query=quan", header: asBrowser("X-Request-Id", "r-1", "Cookie", "a=b")})
	if res.code != http.StatusOK || !strings.Contains(string(res.body), "Quận ủy A") || !strings.Contains(string(res.body), "are behind (registry=400s)") {
		t.Fatalf("%d %s", res.code, res.body)
	}
	calls := g.taken()
	if len(calls) != 3 { // who reads, what he may, and what he asks for
		t.Fatalf("%d calls", len(calls))
	}
	for _, c := range calls {
		if got := c.metadata.Get("x-request-id"); len(got) != 1 || got[0] != "r-1" {
			t.Errorf("%s: request id %v", c.method, got)
		}
		if got := c.metadata.Get("authorization"); len(got) != 1 || got[0] != "Bearer "+g.as || len(c.metadata.Get("cookie")) != 0 {
			t.Errorf("%s: passed on: %v", c.method, c.metadata)
		}
	}
	if req, ok := calls[2].request.(*registrypb.ListUnitsRequest); !ok || req.GetQuery() != "quan" {
		t.Errorf("asked %v", calls[2].request)
	}
	if lines := g.logged(t); len(lines) != 1 || lines[0]["route"] != "/units" {
		t.Errorf("logged %v", lines)
	}
}

// A service that fails or refuses, and a path that nobody serves, give a page to a browser and JSON to a program.
func TestPagesRefuse(t *testing.T) {
	g := newGate(t)
	g.reply = func(context.Context, call) (proto.Message, error) { return nil, errors.New("10.0.0.7 is on fire") }
	for target, code := range map[string]int{
		"/units": http.StatusInternalServerError, "/nothing": http.StatusNotFound, "/units?x=1": http.StatusBadRequest,
		"/units?query=a&query=b": http.StatusBadRequest, // INV-PAGE-NOTHING-IGNORED
	} {
		res := g.do(t, ask{method: "GET", target: target, header: asBrowser()})
		if strings.Contains(string(res.body), "10.0.0.7") {
			t.Errorf("%s tells too much", target)
		}
		if res.code != code || !strings.HasPrefix(res.header.Get("Content-Type"), "text/html") || !strings.Contains(string(res.body), res.header.Get("X-Request-Id")) {
			t.Errorf("%s: %d %s", target, res.code, res.body)
		}
	}
	if got := refused(t, g.do(t, ask{method: "GET", target: "/nothing"})); got.http != http.StatusNotFound || got.reason != "METHOD_UNKNOWN" {
		t.Errorf("a program is told %d %s", got.http, got.reason)
	}
	if line := g.logged(t); len(line) != 5 {
		t.Errorf("%d lines", len(line))
	}
}

// An address that a reader has typed wrong is answered in the reader's language, with the way to the first page; a program
// that asks for the same is answered as the API does.
func TestUnknownPages(t *testing.T) {
	g := newGate(t)
	for _, c := range []struct {
		target, language, says, other string
		code                          int
	}{
		{"/foo", "vi", "Không có trang /foo; hãy kiểm tra lại địa chỉ", "There is no page /foo; check the address", http.StatusNotFound},
		{"/foo", "en", "There is no page /foo; check the address", "Không có trang /foo; hãy kiểm tra lại địa chỉ", http.StatusNotFound},
		{"/foo/", "vi", "Không có trang /foo/", "There is no page /foo/", http.StatusNotFound},
		{"/trang%20ch%E1%BB%A7", "vi", "Đường dẫn /trang%20ch%E1%BB%A7 không đúng dạng", "is malformed", http.StatusBadRequest},
		{"//foo", "en", "The path //foo is malformed", "Đường dẫn //foo không đúng dạng", http.StatusBadRequest},
	} {
		res := g.do(t, ask{method: "GET", target: c.target, header: asBrowser("Accept-Language", c.language)})
		body := string(res.body)
		if res.code != c.code || res.header.Get("Content-Language") != c.language || !strings.Contains(body, c.says) || strings.Contains(body, c.other) {
			t.Errorf("%s in %s: %d %s", c.target, c.language, res.code, body)
		}
		if !strings.Contains(body, `href="/`) {
			t.Errorf("%s: no way home: %s", c.target, body)
		}
		if strings.Contains(body, "<footer") {
			t.Errorf("%s: an error page speaks of figures: %s", c.target, body)
		}
		if got := refused(t, g.do(t, ask{method: "GET", target: c.target, header: http.Header{"Accept": {"application/json"}}})); got.http != c.code {
			t.Errorf("%s: a program is told %d", c.target, got.http)
		}
	}
	if n := len(g.taken()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// A day before the period begins, left in the form when another period was chosen, is refused on a page that still has the form.
func TestPageBeforeThePeriodKeepsItsForm(t *testing.T) {
	g := newGate(t)
	period := &planningpb.Period{
		Name: "periods/2021", DisplayName: "năm 2021", StartDate: "2021-01-01", CutOffDate: "2021-11-30", EndDate: "2021-12-31",
	}
	g.reply = reading(func(_ context.Context, c call) (proto.Message, error) {
		switch c.request.(type) {
		case *planningpb.ListPeriodsRequest:
			return &planningpb.ListPeriodsResponse{Periods: []*planningpb.Period{period}}, nil
		case *planningpb.GetPeriodRequest:
			return period, nil
		case *planningpb.GetIndicatorRequest:
			return &planningpb.Indicator{Name: "indicators/party", DisplayName: "Tổ chức đảng"}, nil
		case *registrypb.GetUnitRequest:
			return &registrypb.Unit{Name: "units/tay-ho", DisplayName: "Quận ủy Tây Hồ", ValidFrom: "2008-08-01"}, nil
		}
		err := fault.FailedPrecondition(faultpb.Reason_REASON_PERIOD_NOT_BEGUN, "asOf", "name", "periods/2021", "value", "2020-11-30", "from", "2021-01-01")
		return nil, fault.ToStatus(err, "of-the-service").Err()
	})
	for language, says := range map[string]string{
		"vi": "Kỳ báo cáo 2021 bắt đầu từ ngày 01/01/2021, nên ngày 30/11/2020 chưa có số liệu; hãy chọn ngày từ 01/01/2021 trở đi.",
		"en": "The reporting period 2021 begins on 2021-01-01, so nothing is counted in it as of 2020-11-30; choose 2021-01-01 or a later day.",
	} {
		for _, path := range []string{"/?", "/facts?indicator=party&", "/nominations?"} {
			res := g.do(t, ask{method: "GET", target: path + "unit=tay-ho&period=2021&asOf=2020-11-30", header: asBrowser("Accept-Language", language)})
			body := string(res.body)
			if res.code != http.StatusBadRequest || res.header.Get("Content-Language") != language || !strings.Contains(body, says) {
				t.Errorf("%s in %s: %d %s", path, language, res.code, body)
			}
			for _, part := range []string{`<select id="period"`, `value="2020-11-30"`, `name="unit" value="tay-ho"`, "Quận ủy Tây Hồ"} {
				if !strings.Contains(body, part) {
					t.Errorf("%s in %s: without %s: %s", path, language, part, body)
				}
			}
		}
	}
	g.logged(t)
}

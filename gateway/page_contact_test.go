package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	awardpb "coso/proto/gen/coso/award/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
)

// belowPlan lets the services answer of one unit, which has one indicator and stands below plan, with nothing below it.
func belowPlan() func(context.Context, call) (proto.Message, error) {
	period := &planningpb.Period{Name: "periods/2020", DisplayName: "năm 2020", StartDate: "2020-01-01", CutOffDate: "2020-11-30", EndDate: "2020-12-31"}
	unit := &registrypb.Unit{
		Name: "units/tay-ho", DisplayName: "Quận ủy Tây Hồ", ValidFrom: "2008-08-01",
		Placements: []*registrypb.Placement{{Tree: "party", FromDate: "2008-08-01"}},
	}
	return reading(func(_ context.Context, c call) (proto.Message, error) {
		switch req := c.request.(type) {
		case *planningpb.ListPeriodsRequest:
			return &planningpb.ListPeriodsResponse{Periods: []*planningpb.Period{period}}, nil
		case *planningpb.GetPeriodRequest:
			return period, nil
		case *registrypb.GetUnitRequest:
			return unit, nil
		case *registrypb.ListUnitsRequest:
			return &registrypb.ListUnitsResponse{}, nil
		case *planningpb.ListTargetsRequest:
			return &planningpb.ListTargetsResponse{}, nil
		case *awardpb.ListNominationsRequest:
			return &awardpb.ListNominationsResponse{}, nil
		case *planningpb.GetProgressRequest:
			return &planningpb.Progress{
				Unit: unit.GetName(), Period: period.GetName(), CountedFrom: "2020-01-01", CountedTo: "2020-11-30",
				Indicators: []*planningpb.IndicatorProgress{{
					Indicator: "indicators/party", DisplayName: "Tổ chức đảng",
					Figure: &planningpb.Figure{ActualValue: 1, AssignedValue: proto.Int64(2), PercentOfTarget: "50.00", Standing: planningpb.Standing_STANDING_MISSED},
				}},
			}, nil
		default:
			return nil, fault.ToStatus(fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name", "name", fmt.Sprintf("%T", req)), "").Err()
		}
	})
}

// What stands under a row that is below plan does not say that nothing is.
func TestPageOfAUnitBelowPlan(t *testing.T) {
	g := newGate(t)
	g.reply = belowPlan()
	for language, says := range map[string]string{
		"vi": "Chưa có đơn vị cấp dưới nào được giao kế hoạch. Riêng Quận ủy Tây Hồ chưa hoàn thành 1 chỉ tiêu, xem bảng trên.",
		"en": "No unit further down has a plan yet. Quận ủy Tây Hồ itself is below plan on 1 indicator, see the table above.",
	} {
		res := g.do(t, ask{method: "GET", target: "/?unit=tay-ho", header: asBrowser("Accept-Language", language)})
		if body := string(res.body); res.code != http.StatusOK || !strings.Contains(body, says) {
			t.Errorf("%s: %d %s", language, res.code, body)
		}
	}
}

// Who opens the facts without an indicator is shown which there are.
func TestFactsWithoutAnIndicator(t *testing.T) {
	g := newGate(t)
	g.reply = belowPlan()
	res := g.do(t, ask{method: "GET", target: "/facts?unit=tay-ho&asOf=2020-11-30", header: asBrowser("Accept-Language", "vi")})
	body := string(res.body)
	if res.code != http.StatusOK || !strings.Contains(body, "Chọn chỉ tiêu") ||
		!strings.Contains(body, `<a href="/facts?unit=tay-ho&amp;asOf=2020-11-30&amp;indicator=party" lang="vi">Tổ chức đảng</a>`) && !strings.Contains(body, `<a href="/facts?unit=tay-ho&amp;asOf=2020-11-30&amp;indicator=party" >Tổ chức đảng</a>`) {
		t.Errorf("%d %s", res.code, body)
	}
}

// An error page leads to itself in the other language, and no link carries on what was refused.
func TestErrorPagesLead(t *testing.T) {
	g := newGate(t)
	for target, other := range map[string]string{
		"/foo":                             `href="/foo?lang=vi"`,
		"/units?asOf=hom-qua":              `href="/units?asOf=hom-qua&amp;lang=vi"`,
		"/facts?asOf=2021-02-29&lang=en":   `href="/facts?asOf=2021-02-29&amp;lang=vi"`,
		"/nominations?asOf=2020-13-01&x=1": `href="/nominations?asOf=2020-13-01&amp;lang=vi&amp;x=1"`,
	} {
		res := g.do(t, ask{method: "GET", target: target, header: asBrowser()})
		body := string(res.body)
		if res.code < http.StatusBadRequest || !strings.Contains(body, other) {
			t.Errorf("%s: %d %s", target, res.code, body)
		}
		if rest := strings.Replace(body, other, "", 1); strings.Contains(rest, "asOf=") {
			t.Errorf("%s: a link keeps the day: %s", target, rest)
		}
	}
	if n := len(g.taken()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// The list of units is in the order in which people read names, over all of its pages.
func TestUnitsAreListedByName(t *testing.T) {
	g := newGate(t)
	names := []string{"Huyện ủy Ứng Hòa", "Quận ủy Đống Đa", "Huyện ủy Đan Phượng", "Quận ủy Ba Đình", "Quận ủy Tây Hồ"}
	g.reply = reading(func(_ context.Context, c call) (proto.Message, error) {
		out := &registrypb.ListUnitsResponse{}
		for i, name := range names {
			out.Units = append(out.Units, &registrypb.Unit{Name: fmt.Sprintf("units/u%d", i), DisplayName: name, ValidFrom: "2008-08-01"})
		}
		for i := range 60 {
			out.Units = append(out.Units, &registrypb.Unit{Name: fmt.Sprintf("units/x%02d", i), DisplayName: fmt.Sprintf("Xã %02d", i), ValidFrom: "2008-08-01"})
		}
		return out, nil
	})
	body := string(g.do(t, ask{method: "GET", target: "/units", header: asBrowser()}).body)
	at := 0
	for _, name := range []string{"Huyện ủy Đan Phượng", "Huyện ủy Ứng Hòa", "Quận ủy Ba Đình", "Quận ủy Đống Đa", "Quận ủy Tây Hồ", "Xã 00", "Xã 44"} {
		next := strings.Index(body, ">"+name+"<")
		if next < at {
			t.Fatalf("%s stands at %d, before %d: %s", name, next, at, body)
		}
		at = next
	}
	if !strings.Contains(body, `href="/units?token=50"`) || strings.Contains(body, "Xã 45") {
		t.Errorf("the first page: %s", body)
	}
	second := string(g.do(t, ask{method: "GET", target: "/units?token=50", header: asBrowser()}).body)
	if !strings.Contains(second, "Xã 45") || !strings.Contains(second, "Xã 59") || strings.Contains(second, "Xã 44") || strings.Contains(second, `rel="next"`) {
		t.Errorf("the second page: %s", second)
	}
	if res := g.do(t, ask{method: "GET", target: "/units?token=x", header: asBrowser()}); res.code != http.StatusBadRequest {
		t.Errorf("a token that is none: %d", res.code)
	}
}

// An address that is nearly one of this server is answered with it; so is a path of the API without its version.
func TestNearAddresses(t *testing.T) {
	g := newGate(t)
	for target, near := range map[string]string{
		"/v1/unit/tay-ho": "/v1/units/tay-ho", "/v1/units/tay-ho:history2": "/v1/units/tay-ho:history", "/v1/organization": "/v1/organisations",
		"/unit": "/units", "/openapi.jso": "/openapi.json", "/organisations/chi-bo-a": "/v1/organisations/chi-bo-a", "/v1/khong-co": "",
	} {
		got := refused(t, g.do(t, ask{method: "GET", target: target}))
		if got.http != http.StatusNotFound || got.metadata["near"] != near && !strings.HasPrefix(got.metadata["near"], near+" / ") {
			t.Errorf("%s: %d %q, want %q", target, got.http, got.metadata["near"], near)
		}
		if !strings.Contains(got.en, "/docs") {
			t.Errorf("%s: %q", target, got.en)
		}
	}
	res := g.do(t, ask{method: "GET", target: "/unit", header: asBrowser()})
	if body := string(res.body); res.code != http.StatusNotFound || !strings.Contains(body, "Did you mean /units?") {
		t.Errorf("a page: %d %s", res.code, body)
	}
}

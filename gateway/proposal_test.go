package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	awardpb "coso/proto/gen/coso/award/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// What is proposed for a unit stands beside its plan, in both languages; what counts stays what is drawn.
func TestPageShowsWhatIsProposed(t *testing.T) {
	g := newGate(t)
	unit := &registrypb.Unit{Name: "units/a", DisplayName: "Quận ủy A", ValidFrom: "2008-08-01"}
	period := &planningpb.Period{
		Name: "periods/2020", DisplayName: "năm 2020", StartDate: "2020-01-01", EndDate: "2020-12-31", CutOffDate: "2020-11-30",
	}
	g.reply = reading(func(_ context.Context, c call) (proto.Message, error) {
		switch req := c.request.(type) {
		case *registrypb.GetUnitRequest:
			return unit, nil
		case *registrypb.ListUnitsRequest:
			return &registrypb.ListUnitsResponse{}, nil
		case *planningpb.ListPeriodsRequest:
			return &planningpb.ListPeriodsResponse{Periods: []*planningpb.Period{period}}, nil
		case *planningpb.GetPeriodRequest:
			return period, nil
		case *planningpb.GetProgressRequest:
			assigned := int64(6)
			return &planningpb.Progress{Unit: "units/a", Period: "periods/2020", CountedFrom: "2020-01-01", CountedTo: "2020-11-30", Indicators: []*planningpb.IndicatorProgress{
				{Indicator: "indicators/party", DisplayName: "Tổ chức đảng", Figure: &planningpb.Figure{ActualValue: 3, AssignedValue: &assigned}},
				{Indicator: "indicators/youth", DisplayName: "Tổ chức Đoàn", Figure: &planningpb.Figure{ActualValue: 1}},
			}}, nil
		case *planningpb.ListTargetsRequest:
			if !req.GetUndecided() || req.GetUnit() != "units/a" || req.GetPeriod() != "periods/2020" {
				t.Errorf("asked for %v", req)
			}
			return &planningpb.ListTargetsResponse{Targets: []*planningpb.Target{{
				Name: "targets/t", Indicator: "indicators/party", Proposal: &planningpb.TargetProposal{AssignedValue: 4857, AssignedDecision: "345-QĐ/TU"},
			}}}, nil
		case *awardpb.ListNominationsRequest:
			return &awardpb.ListNominationsResponse{}, nil
		}
		t.Errorf("asked %T", c.request)
		return nil, nil
	})
	for language, want := range map[string]string{
		"en": "4,857 proposed (345-QĐ/TU), waits for approval", "vi": "đề xuất giao 4.857 (345-QĐ/TU), chờ phê duyệt",
	} {
		res := g.do(t, ask{method: "GET", target: "/?unit=a&period=2020&asOf=2020-11-30", header: asBrowser("Accept-Language", language)})
		page := string(res.body)
		if res.code != http.StatusOK || strings.Count(page, want) != 1 || !strings.Contains(page, "/6") {
			t.Errorf("%s: %d %s", language, res.code, page)
		}
	}
}

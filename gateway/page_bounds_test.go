package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"google.golang.org/protobuf/proto"

	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// endless is a tree without top or end: above every unit is another, below each are ever more, and of every list there is a
// next page.
func endless() func(context.Context, call) (proto.Message, error) {
	rest := belowPlan()
	unit := func(name, parent string) *registrypb.Unit {
		return &registrypb.Unit{
			Name: name, DisplayName: "Quận ủy Tây Hồ", ValidFrom: "2008-08-01",
			Placements: []*registrypb.Placement{{Tree: "party", Parent: parent, FromDate: "2008-08-01"}},
		}
	}
	next := 0
	return func(ctx context.Context, c call) (proto.Message, error) {
		switch req := c.request.(type) {
		case *registrypb.GetUnitRequest:
			return unit(req.GetName(), req.GetName()+"u"), nil
		case *registrypb.ListUnitsRequest:
			out := &registrypb.ListUnitsResponse{NextPageToken: "more"}
			for range 500 {
				next++
				out.Units = append(out.Units, unit(fmt.Sprintf("units/u%d", next), req.GetParent()))
			}
			return out, nil
		case *planningpb.GetIndicatorRequest:
			return &planningpb.Indicator{Name: req.GetName(), DisplayName: "Tổ chức đảng", Measure: planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED}, nil
		case *planningpb.ListCountedFactsRequest:
			out := &planningpb.ListCountedFactsResponse{NextPageToken: "more"}
			for i := range req.GetPageSize() {
				out.CountedFacts = append(out.CountedFacts, &planningpb.CountedFact{Source: fmt.Sprintf("organisations/o%d", i), Unit: "units/u"})
			}
			return out, nil
		case *registrypb.GetOrganisationRequest:
			return &registrypb.Organisation{Name: req.GetName()}, nil
		}
		return rest(ctx, c)
	}
}

// INV-PAGE-BOUNDED: in a tree without end every page is answered, by about a thousand calls at most.
func TestPagesOfATreeWithoutEnd(t *testing.T) {
	g := newGate(t)
	g.reply = endless()
	for _, target := range []string{"/?unit=u", "/units", "/nominations?unit=u", "/facts?unit=u", "/facts?unit=u&indicator=party"} {
		res := g.do(t, ask{method: "GET", target: target, header: asBrowser()})
		if n := len(g.taken()); res.code != http.StatusOK || n < 3 || n > 1200 {
			t.Errorf("%s: %d after %d calls: %.300s", target, res.code, n, res.body)
		} else {
			t.Logf("%s: %d calls", target, n)
		}
	}
	g.logged(t)
}

package server_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	accesspb "coso/proto/gen/coso/access/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// moved is a house in which Phúc Thọ was below Tây Hồ until the end of 2019, and is below Ba Đình since; nga administers Ba
// Đình alone.
func moved(t *testing.T) *house {
	t.Helper()
	h := settled(t)
	must(h.CreateUnit(h.as("admin"), &registrypb.CreateUnitRequest{UnitId: "phuc-tho", Unit: &registrypb.Unit{
		DisplayName: "Phúc Thọ", Level: "DISTRICT_COMMITTEE", ValidFrom: "1954-10-10",
		Placements: []*registrypb.Placement{
			{Tree: "party", Parent: "units/tay-ho", FromDate: "1954-10-10"}, {Tree: "party", Parent: "units/ba-dinh", FromDate: "2020-01-01"},
		},
	}}))(t)
	h.give("nga", accesspb.Role_ROLE_ADMINISTRATOR, "units/ba-dinh")
	return h
}

// A move that begins in the past erases what another superior had since then, so that one is asked too.
func TestAMoveIntoThePastAsksWhoHadTheUnit(t *testing.T) {
	h := moved(t)
	back := &registrypb.ReparentUnitRequest{Name: "units/phuc-tho", Parent: "units/ba-dinh", FromDate: "1960-01-01"}
	if _, err := h.ReparentUnit(h.as("nga"), back); status.Code(err) != codes.PermissionDenied {
		t.Errorf("moved with %v", err)
	}
	if _, err := h.ReparentUnit(h.as("admin"), back); err != nil {
		t.Errorf("who administers both: %v", err)
	}
}

// What was once below a unit may be elsewhere today: a list shows no unit that its caller may not get.
func TestUnitsThatLeftAreNotListed(t *testing.T) {
	h := moved(t)
	for _, req := range []*registrypb.ListUnitsRequest{
		{Parent: "units/tay-ho", AnyDay: true}, {Parent: "units/tay-ho", AsOf: "2019-06-01"},
	} {
		if got := must(h.ListUnits(h.as("hoa"), req))(t).GetUnits(); len(got) > 0 {
			t.Errorf("%v shows %v", req, got)
		}
		if got := must(h.ListUnits(h.as("minh"), req))(t).GetUnits(); len(got) != 1 {
			t.Errorf("%v shows %v to who may read all", req, got)
		}
	}
}

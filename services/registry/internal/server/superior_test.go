package server_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
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

// A unit's end is its superiors' business, as its beginning and its moves are: whoever administers the unit alone neither closes it nor
// undoes what they decided, on whatever day.
func TestAUnitsEndAsksItsSuperiors(t *testing.T) {
	h := moved(t)
	h.give("phuc", accesspb.Role_ROLE_ADMINISTRATOR, "units/phuc-tho")
	closing := func(account, on string) error {
		_, err := h.CloseUnit(h.as(account), &registrypb.CloseUnitRequest{Name: "units/phuc-tho", ClosedOn: on})
		return err
	}
	correcting := func(account, on string) error {
		_, err := h.CorrectUnitClosing(h.as(account), &registrypb.CorrectUnitClosingRequest{Name: "units/phuc-tho", ClosedOn: on, Reason: "nhầm"})
		return err
	}
	denied := func(err error) {
		t.Helper()
		wantRefused(t, err, codes.PermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT, "")
	}
	hidden := func(err error) {
		t.Helper()
		wantRefused(t, err, codes.PermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED_OR_MISSING, "name")
	}
	for _, on := range []string{"2020-06-01", "2020-11-30", "2030-01-01"} {
		denied(closing("phuc", on))
		hidden(closing("hoa", on)) // had it until 2019
	}
	denied(closing("nga", "2019-06-01")) // as long as Tây Hồ had it
	wantRefused(t, closing("admin", "2019-06-01"), codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_HAS_PLACEMENTS, "closedOn")
	must(0, closing("nga", "2020-11-01"))(t)
	wantRefused(t, closing("nga", "2020-11-01"), codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_CLOSED, "name")
	for _, on := range []string{"", "2020-12-01", "2020-10-01"} {
		denied(correcting("phuc", on))
		hidden(correcting("hoa", on))
	}
	denied(correcting("nga", "2019-06-01"))
	must(0, correcting("nga", "2020-10-01"))(t)
	must(0, correcting("nga", ""))(t)
	wantRefused(t, correcting("nga", ""), codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_NOT_CLOSED, "name")
	_, err := h.ReparentUnit(h.as("nga"), &registrypb.ReparentUnitRequest{Name: "units/phuc-tho", Parent: "units/ba-dinh", FromDate: "2020-02-30"})
	wantRefused(t, err, codes.InvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "fromDate")
}

// A grant in a unit holds on when the unit is closed: its past is read and corrected; what would begin then is refused by the rules.
func TestAGrantInAClosedUnitReadsItsPast(t *testing.T) {
	h := settled(t)
	must(h.CloseUnit(h.as("admin"), &registrypb.CloseUnitRequest{Name: "units/tay-ho", ClosedOn: "2020-11-01"}))(t)
	must(h.GetUnit(h.as("lan"), &registrypb.GetUnitRequest{Name: "units/tay-ho"}))(t)
	must(h.ListUnitHistory(h.as("lan"), &registrypb.ListUnitHistoryRequest{Name: "units/tay-ho"}))(t)
	must(h.UpdateUnit(h.as("hoa"), &registrypb.UpdateUnitRequest{Unit: &registrypb.Unit{Name: "units/tay-ho", DisplayName: "Quận ủy Tây Hồ"}}))(t)
	_, err := h.CreateUnit(h.as("hoa"), &registrypb.CreateUnitRequest{Unit: &registrypb.Unit{
		DisplayName: "mới", Level: "WARD_COMMITTEE", ValidFrom: "2020-11-01",
		Placements: []*registrypb.Placement{{Tree: "party", Parent: "units/tay-ho", FromDate: "2020-11-01"}},
	}})
	wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_PARENT_NOT_IN_FORCE, "unit.placements[0].parent")
	_, err = h.CreateGrant(h.as("hoa"), askGrant("", "moi", accesspb.Role_ROLE_CLERK, "units/tay-ho"))
	wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "grant.unit")
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

package unit_test

import (
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/registry/internal/unit"
)

// holdings are the units of the world, and no organisations.
func (w world) holdings(organisations ...*registrypb.Organisation) unit.Holdings {
	return unit.Holdings{Below: w.all(), Organisations: each(organisations)}
}

func each[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, one := range all {
			if !yield(one, nil) {
				return
			}
		}
	}
}

func foundedOn(name, day string) *registrypb.Organisation {
	return &registrypb.Organisation{Name: "organisations/" + name, FoundedOn: day}
}

// INV-UNIT-END-AFTER-FOUNDINGS, INV-UNIT-PLACEMENTS-ORDERED: the refusal names the first thing in the way.
func TestCloseNamesWhatIsInTheWay(t *testing.T) {
	withdrawn := foundedOn("withdrawn", "2024-01-01")
	withdrawn.State = registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN
	all := []*registrypb.Organisation{
		foundedOn("last", "2024-12-31"), foundedOn("b", "2023-05-19"), foundedOn("a", "2023-05-19"), foundedOn("before", "2022-01-01"), withdrawn,
	}
	cur := unitOf("units/ung-hoa", "2008-08-01", "", place(party, "units/ha-noi", "2008-08-01"), place(state, "", "2024-07-01"))
	for _, tc := range []struct {
		on           string
		reason       faultpb.Reason
		param, named string
	}{
		{"2025-01-01", 0, "", ""},
		{"2024-12-31", faultpb.Reason_REASON_UNIT_HAS_ORGANISATIONS, "by", "organisations/last"},
		{"2024-07-01", faultpb.Reason_REASON_UNIT_HAS_PLACEMENTS, "from", "2024-07-01"},
	} {
		_, _, err := unit.Close(cur, &registrypb.CloseUnitRequest{ClosedOn: tc.on}, worldOf().holdings(all...))
		if tc.reason == 0 && err == nil {
			continue
		}
		if e := fault.From(err); e == nil || e.Reason != tc.reason || e.Params[tc.param] != tc.named || e.Field != "closedOn" {
			t.Errorf("closed on %s: %v", tc.on, err)
		}
	}
	cur.Placements = cur.GetPlacements()[:1]
	_, _, err := unit.Close(cur, &registrypb.CloseUnitRequest{ClosedOn: "2023-01-01"}, worldOf().holdings(all...))
	if e := fault.From(err); e == nil || e.Params["by"] != "organisations/a" || e.Params["founded"] != "2023-05-19" {
		t.Errorf("the first in the way is %v", err)
	}
}

func TestCorrectClosing(t *testing.T) {
	city := unitOf("units/ha-noi", "1954-10-10", "2030-01-01")
	for _, tc := range []struct {
		name, closed, to string
		kind             fault.Kind
		reason           faultpb.Reason
		field            string
	}{
		{"to a later day", "2025-07-01", "2025-08-01", 0, 0, ""},
		{"to an earlier day", "2025-07-01", "2024-07-01", 0, 0, ""},
		{"closed by mistake", "2025-07-01", "", fault.KindFailedPrecondition, faultpb.Reason_REASON_PARENT_NOT_IN_FORCE, "closedOn"},
		{"beyond its superior", "2025-07-01", "2030-01-02", fault.KindFailedPrecondition, faultpb.Reason_REASON_PARENT_NOT_IN_FORCE, "closedOn"},
		{"as long as its superior", "2025-07-01", "2030-01-01", 0, 0, ""},
		{"not closed", "", "2025-07-01", fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_NOT_CLOSED, "name"},
		{"a day that is none", "2025-07-01", "2025-06-31", fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "closedOn"},
		{"before its first day", "2025-07-01", "2008-08-01", fault.KindFailedPrecondition, faultpb.Reason_REASON_CLOSED_BEFORE_VALID, "closedOn"},
		{"before a founding", "2025-07-01", "2020-05-19", fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_HAS_ORGANISATIONS, "closedOn"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cur := unitOf("units/ung-hoa", "2008-08-01", tc.closed, place(party, "units/ha-noi", "2008-08-01"))
			cmd := &registrypb.CorrectUnitClosingRequest{Name: cur.GetName(), ClosedOn: tc.to, Reason: "nhầm ngày"}
			w := worldOf(city, cur)
			got, event, err := unit.CorrectClosing(cur, cmd, w.holdings(foundedOn("a", "2020-05-19")), w.lookup)
			if tc.reason != 0 {
				wantRefused(t, err, tc.kind, tc.reason, tc.field)
				return
			}
			want := proto.CloneOf(cur)
			want.ClosedOn, want.CorrectionReason = tc.to, "nhầm ngày"
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil || event == nil {
				t.Errorf("%v, %v (-want +got):\n%s", event, err, diff)
			}
		})
	}
}

func TestCorrectingToTheSameDayIsNoChange(t *testing.T) {
	cur := unitOf("units/u", "2008-08-01", "2025-07-01")
	cmd := &registrypb.CorrectUnitClosingRequest{ClosedOn: "2025-07-01", Reason: "nhầm"}
	if next, event, err := unit.CorrectClosing(cur, cmd, worldOf().holdings(), worldOf().lookup); next != cur || event != nil || err != nil {
		t.Errorf("%v, %v, %v", next, event, err)
	}
}

func TestRemovePlacement(t *testing.T) {
	city, province := unitOf("units/ha-noi", "1954-10-10", ""), unitOf("units/ha-tay", "1965-07-01", "2008-08-01")
	cur := unitOf("units/ung-hoa", "1954-10-10", "",
		place(party, "units/ha-tay", "1965-07-01"), place(party, "units/ha-noi", "2008-08-01"), place(party, "", "2099-01-01"))
	w := worldOf(city, province, cur)
	for _, tc := range []struct {
		name, tree, from string
		left             []*registrypb.Placement
		kind             fault.Kind
		reason           faultpb.Reason
	}{
		{"far ahead", "", "2099-01-01", cur.GetPlacements()[:2], 0, 0},
		{"the first of all", party, "1965-07-01", cur.GetPlacements()[1:], 0, 0},
		{"where the one before cannot hold on", party, "2008-08-01", nil, fault.KindFailedPrecondition, faultpb.Reason_REASON_PARENT_NOT_IN_FORCE},
		{"of another tree", state, "2099-01-01", nil, fault.KindFailedPrecondition, faultpb.Reason_REASON_PLACEMENT_UNKNOWN},
		{"of another day", party, "2099-01-02", nil, fault.KindFailedPrecondition, faultpb.Reason_REASON_PLACEMENT_UNKNOWN},
		{"of no day", party, "2099-02-30", nil, fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_INVALID},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := &registrypb.RemoveUnitPlacementRequest{Tree: tc.tree, FromDate: tc.from, Reason: "nhập nhầm"}
			got, event, err := unit.RemovePlacement(cur, cmd, w.lookup)
			if tc.reason != 0 {
				wantRefused(t, err, tc.kind, tc.reason, "fromDate")
				return
			}
			want := proto.CloneOf(cur)
			want.Placements, want.CorrectionReason = tc.left, "nhập nhầm"
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil || event == nil {
				t.Errorf("%v, %v (-want +got):\n%s", event, err, diff)
			}
		})
	}
}

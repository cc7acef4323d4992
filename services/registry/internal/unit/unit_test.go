package unit_test

import (
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
	"coso/services/registry/internal/unit"
)

const (
	party = unit.DefaultTree
	state = "administrative"
)

func place(tree, parent, from string) *registrypb.Placement {
	return &registrypb.Placement{Tree: tree, Parent: parent, FromDate: from}
}

func unitOf(name, from, closed string, placements ...*registrypb.Placement) *registrypb.Unit {
	return &registrypb.Unit{Name: name, ValidFrom: from, ClosedOn: closed, Placements: placements}
}

// world is the units there are.
type world map[string]*registrypb.Unit

func worldOf(units ...*registrypb.Unit) world {
	w := world{}
	for _, u := range units {
		w[u.GetName()] = u
	}
	return w
}

func (w world) lookup(name string) (*registrypb.Unit, bool, error) {
	u, ok := w[name]
	return u, ok, nil
}

func (w world) all() iter.Seq2[*registrypb.Unit, error] {
	return func(yield func(*registrypb.Unit, error) bool) {
		for _, u := range w {
			if !yield(u, nil) {
				return
			}
		}
	}
}

// hanoi is a city with two districts, one of which ends in 2025.
func hanoi() world {
	return worldOf(
		unitOf("units/ha-noi", "1954-10-10", "", place(party, "", "1954-10-10")),
		unitOf("units/tay-ho", "1995-10-28", "", place(party, "units/ha-noi", "1995-10-28")),
		unitOf("units/ung-hoa", "2008-08-01", "2025-07-01", place(party, "units/ha-noi", "2008-08-01")),
	)
}

func TestCreate(t *testing.T) {
	for _, tc := range []struct {
		name       string
		from       string
		placements []*registrypb.Placement
		kind       fault.Kind
		reason     faultpb.Reason
		field      string
	}{
		{"at the top", "2000-01-01", []*registrypb.Placement{place(party, "", "2000-01-01")}, 0, 0, ""},
		{"nowhere", "2000-01-01", nil, 0, 0, ""},
		{"below the city", "2000-01-01", []*registrypb.Placement{place(party, "units/ha-noi", "2000-01-01")}, 0, 0, ""},
		{"placed later than it begins", "2000-01-01", []*registrypb.Placement{place(party, "units/ha-noi", "2001-01-01")}, 0, 0, ""},
		{"in two trees from one day", "2000-01-01", []*registrypb.Placement{
			place(state, "units/ha-noi", "2000-01-01"), place(party, "units/tay-ho", "2000-01-01"),
		}, 0, 0, ""},
		{"moved before its first superior ends", "2010-01-01", []*registrypb.Placement{
			place(party, "units/ha-noi", "2025-07-01"), place(party, "units/ung-hoa", "2010-01-01"),
		}, 0, 0, ""},

		{"a first day that is none", "2001-02-29", nil, fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "validFrom"},
		{"a placement's day that is none", "2000-01-01", []*registrypb.Placement{
			place(party, "", "2000-01-01"), place(state, "", "2000-13-01"),
		}, fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "placements[1].fromDate"},
		{
			"placed before it begins", "2000-01-01",
			[]*registrypb.Placement{place(party, "", "1999-12-31")},
			fault.KindInvalidArgument, faultpb.Reason_REASON_PLACEMENT_INVALID, "placements[0].fromDate",
		},
		{"twice on one day of a tree", "2000-01-01", []*registrypb.Placement{
			place(state, "", "2000-01-01"), place(party, "", "2000-01-01"), place(party, "units/ha-noi", "2000-01-01"),
		}, fault.KindInvalidArgument, faultpb.Reason_REASON_PLACEMENT_INVALID, "placements[1].fromDate"},
		{
			"below nobody", "2000-01-01",
			[]*registrypb.Placement{place(party, "units/none", "2000-01-01")},
			fault.KindFailedPrecondition, faultpb.Reason_REASON_PARENT_NOT_IN_FORCE, "placements[0].parent",
		},
		{"below one that comes later", "2000-01-01", []*registrypb.Placement{
			place(state, "", "2000-01-01"), place(party, "units/ung-hoa", "2000-01-01"),
		}, fault.KindFailedPrecondition, faultpb.Reason_REASON_PARENT_NOT_IN_FORCE, "placements[1].parent"},
		{
			"below one that has ended", "2025-07-01",
			[]*registrypb.Placement{place(party, "units/ung-hoa", "2025-07-01")},
			fault.KindFailedPrecondition, faultpb.Reason_REASON_PARENT_NOT_IN_FORCE, "placements[0].parent",
		},
		{"below one that ends meanwhile", "2010-01-01", []*registrypb.Placement{
			place(party, "units/ung-hoa", "2010-01-01"), place(party, "units/ha-noi", "2025-07-02"),
		}, fault.KindFailedPrecondition, faultpb.Reason_REASON_PARENT_NOT_IN_FORCE, "placements[0].parent"},
		{
			"below itself", "2000-01-01",
			[]*registrypb.Placement{place(party, "units/new", "2000-01-01")},
			fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_CYCLE, "placements[0].parent",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			asked := unitOf("", tc.from, "", tc.placements...)
			before := proto.CloneOf(asked)
			got, event, err := unit.Create(asked, "units/new", hanoi().lookup)
			if !proto.Equal(before, asked) {
				t.Error("Create changed its argument")
			}
			if tc.reason != 0 {
				wantRefused(t, err, tc.kind, tc.reason, tc.field)
				return
			}
			if err != nil || event == nil || got.GetName() != "units/new" || !ordered(got) {
				t.Errorf("Create = %v, %v, %v", got, event, err)
			}
		})
	}
}

func TestReparent(t *testing.T) {
	// A ward below the district of Tây Hồ that is planned to move to the city; another, below the ward.
	const ward, zone = "units/buoi", "units/khu-cong-nghiep"
	wards := func() world {
		w := hanoi()
		w[ward] = unitOf(ward, "2000-01-01", "2026-01-01",
			place(party, "units/tay-ho", "2000-01-01"), place(party, "units/ha-noi", "2025-07-01"))
		w[zone] = unitOf(zone, "2010-01-01", "2025-01-01", place(party, ward, "2010-01-01"))
		return w
	}
	for _, tc := range []struct {
		name             string
		unit, tree       string
		parent, from     string
		kind             fault.Kind
		reason           faultpb.Reason
		field            string
		wantInTree       string
		wantPlacedBefore int
	}{
		{"to the top", ward, "", "", "2020-01-01", 0, 0, "", party, 1},
		{"between two placements", ward, "party", "units/ha-noi", "2020-01-01", 0, 0, "", party, 1},
		{"into another tree", ward, state, "units/tay-ho", "2000-01-01", 0, 0, "", state, 0},
		{"on the day of another placement, which it corrects", ward, "", "", "2025-07-01", 0, 0, "", party, 1},
		{"in time to come", "units/tay-ho", "", "", "2999-12-31", 0, 0, "", party, 1},
		{"below one that ends later than it moves on", ward, "", "units/ung-hoa", "2020-01-01", 0, 0, "", party, 1},
		{
			"below a former descendant, after that has moved away", "units/tay-ho", "", ward, "2025-07-01",
			fault.KindFailedPrecondition, faultpb.Reason_REASON_PARENT_NOT_IN_FORCE, "parent", "", 0,
		},

		{"on a day that is none", ward, "", "", "2021-02-29", fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "fromDate", "", 0},
		{"before it begins", ward, "", "", "1999-12-31", fault.KindFailedPrecondition, faultpb.Reason_REASON_PLACEMENT_INVALID, "fromDate", "", 0},
		{"when it is no more", ward, "", "", "2026-01-01", fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_CLOSED, "fromDate", "", 0},
		{"below nobody", ward, "", "units/none", "2020-01-01", fault.KindFailedPrecondition, faultpb.Reason_REASON_PARENT_NOT_IN_FORCE, "parent", "", 0},
		{
			"below one that has ended", "units/tay-ho", "", "units/ung-hoa", "2025-07-01",
			fault.KindFailedPrecondition, faultpb.Reason_REASON_PARENT_NOT_IN_FORCE, "parent", "", 0,
		},
		{"below itself", ward, "", ward, "2020-01-01", fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_CYCLE, "parent", "", 0},
		{"below its child", ward, "", zone, "2020-01-01", fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_CYCLE, "parent", "", 0},
		{"below its grandchild", "units/tay-ho", "", zone, "2020-01-01", fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_CYCLE, "parent", "", 0},
		{"below its child to be", "units/ha-noi", "", ward, "2020-01-01", fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_CYCLE, "parent", "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := wards()
			cur := w[tc.unit]
			before := proto.CloneOf(cur)
			cmd := &registrypb.ReparentUnitRequest{Name: tc.unit, Tree: tc.tree, Parent: tc.parent, FromDate: tc.from}
			got, event, err := unit.Reparent(cur, cmd, w.lookup)
			if !proto.Equal(before, cur) {
				t.Error("Reparent changed its argument")
			}
			if tc.reason != 0 {
				wantRefused(t, err, tc.kind, tc.reason, tc.field)
				return
			}
			if err != nil || event == nil || !ordered(got) {
				t.Fatalf("Reparent = %v, %v, %v", got, event, err)
			}
			want := place(tc.wantInTree, tc.parent, tc.from)
			i := indexOfTree(got, tc.wantInTree) + tc.wantPlacedBefore
			if diff := cmp.Diff(want, got.GetPlacements()[i], protocmp.Transform()); diff != "" {
				t.Errorf("placement (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReparentAfterTheDescendantHasMovedAway(t *testing.T) {
	w := worldOf(
		unitOf("units/a", "2000-01-01", "", place(party, "", "2000-01-01")),
		unitOf("units/b", "2000-01-01", "", place(party, "units/a", "2000-01-01"), place(party, "", "2010-01-01")),
	)
	for from, reason := range map[string]faultpb.Reason{
		"2009-12-31": faultpb.Reason_REASON_UNIT_CYCLE,
		"2010-01-01": faultpb.Reason_REASON_UNSPECIFIED,
	} {
		cmd := &registrypb.ReparentUnitRequest{Name: "units/a", Parent: "units/b", FromDate: from}
		if _, _, err := unit.Reparent(w["units/a"], cmd, w.lookup); fault.ReasonOf(err) != reason {
			t.Errorf("from %s: %v, want %v", from, err, reason)
		}
	}
}

func TestClose(t *testing.T) {
	moves := unitOf("units/moves", "2009-01-01", "",
		place(party, "units/ung-hoa", "2009-01-01"), place(party, "units/ha-noi", "2020-01-01"), place(party, "units/ung-hoa", "2022-01-01"))
	closes := unitOf("units/closes", "2009-01-01", "2023-01-01", place(state, "units/ung-hoa", "2009-01-01"))
	for _, tc := range []struct {
		name   string
		closed string
		on     string
		below  []*registrypb.Unit
		kind   fault.Kind
		reason faultpb.Reason
		field  string
	}{
		{"nothing below", "", "2025-07-01", nil, 0, 0, ""},
		{"the day after its first", "", "2008-08-02", nil, 0, 0, ""},
		{"below it before", "", "2023-01-01", []*registrypb.Unit{closes, closes}, 0, 0, ""},
		{"a day that is none", "", "2025-06-31", nil, fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "closedOn"},
		{"on its first day", "", "2008-08-01", nil, fault.KindFailedPrecondition, faultpb.Reason_REASON_CLOSED_BEFORE_VALID, "closedOn"},
		{"closed already", "2024-01-01", "2025-07-01", nil, fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_CLOSED, "name"},
		{"below it still", "", "2022-12-31", []*registrypb.Unit{closes}, fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_HAS_CHILDREN, "closedOn"},
		{"below it again", "", "2021-01-01", []*registrypb.Unit{moves}, fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_HAS_CHILDREN, "closedOn"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cur := unitOf("units/ung-hoa", "2008-08-01", tc.closed, place(party, "units/ha-noi", "2008-08-01"))
			cmd := &registrypb.CloseUnitRequest{Name: cur.GetName(), ClosedOn: tc.on}
			got, event, err := unit.Close(cur, cmd, worldOf(tc.below...).holdings())
			if tc.reason != 0 {
				wantRefused(t, err, tc.kind, tc.reason, tc.field)
				return
			}
			want := unitOf("units/ung-hoa", "2008-08-01", tc.on, place(party, "units/ha-noi", "2008-08-01"))
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil || event == nil {
				t.Errorf("Close: %v, %v; unit (-want +got):\n%s", event, err, diff)
			}
		})
	}
}

func TestUpdate(t *testing.T) {
	cur := hanoi()["units/tay-ho"]
	if next, event, err := unit.Update(cur, proto.CloneOf(cur)); next != cur || event != nil || err != nil {
		t.Errorf("Update that changes nothing = %v, %v, %v; want the record as it is", next, event, err)
	}
	merged := proto.CloneOf(cur)
	merged.DisplayName = "Quận ủy Tây Hồ"
	if next, event, err := unit.Update(cur, merged); next != merged || event == nil || err != nil {
		t.Errorf("Update = %v, %v, %v", next, event, err)
	}
}

func TestBelow(t *testing.T) {
	u := unitOf("units/u", "2000-01-01", "2025-07-01",
		place(party, "units/a", "2001-01-01"), place(party, "units/b", "2010-01-01"), place(party, "", "2020-01-01"))
	for _, tc := range []struct {
		day   string
		below map[string]bool
	}{
		{"1999-12-31", nil},
		{"2000-01-01", nil},
		{"2000-12-31", nil},
		{"2001-01-01", map[string]bool{"units/a": true}},
		{"2009-12-31", map[string]bool{"units/a": true}},
		{"2010-01-01", map[string]bool{"units/b": true}},
		{"2020-01-01", map[string]bool{"": true}},
		{"2025-06-30", map[string]bool{"": true}},
		{"2025-07-01", nil},
	} {
		day := civil.MustParse(tc.day)
		for _, parent := range []string{"", "units/a", "units/b"} {
			if got := unit.Below(u, party, parent, day); got != tc.below[parent] {
				t.Errorf("below %q on %s: %v", parent, tc.day, got)
			}
			if unit.Below(u, state, parent, day) {
				t.Errorf("below %q on %s in a tree it is not in", parent, tc.day)
			}
		}
	}
}

func TestLookupErrorsAreKept(t *testing.T) {
	broken := errors.New("unreadable")
	lookup := func(string) (*registrypb.Unit, bool, error) { return nil, false, broken }
	asked := unitOf("", "2000-01-01", "", place(party, "units/ha-noi", "2000-01-01"))
	if _, _, err := unit.Create(asked, "units/new", lookup); !errors.Is(err, broken) {
		t.Errorf("Create: %v", err)
	}
	cmd := &registrypb.ReparentUnitRequest{Parent: "units/ha-noi", FromDate: "2001-01-01"}
	if _, _, err := unit.Reparent(unitOf("units/u", "2000-01-01", ""), cmd, lookup); !errors.Is(err, broken) {
		t.Errorf("Reparent: %v", err)
	}
	below := func(yield func(*registrypb.Unit, error) bool) { yield(nil, broken) }
	end := &registrypb.CloseUnitRequest{ClosedOn: "2001-01-01"}
	if _, _, err := unit.Close(unitOf("units/u", "2000-01-01", ""), end, unit.Holdings{Below: below}); !errors.Is(err, broken) {
		t.Errorf("Close: %v", err)
	}
}

// INV-UNIT-UNKNOWN-FIELDS: of the unit and of its placements.
func TestUnknownFieldsSurvive(t *testing.T) {
	newer := protowire.AppendVarint(protowire.AppendTag(nil, 9999, protowire.VarintType), 42)
	w := hanoi()
	cur := w["units/tay-ho"]
	cur.ProtoReflect().SetUnknown(newer)
	cur.GetPlacements()[0].ProtoReflect().SetUnknown(newer)
	merged := proto.CloneOf(cur)
	merged.DisplayName = "Quận ủy Tây Hồ"

	created, _, err := unit.Create(cur, "units/new", w.lookup)
	updated, _, err2 := unit.Update(cur, merged)
	moved, _, err3 := unit.Reparent(cur, &registrypb.ReparentUnitRequest{Tree: state, FromDate: "2001-01-01"}, w.lookup)
	closed, _, err4 := unit.Close(cur, &registrypb.CloseUnitRequest{ClosedOn: "2025-07-01"}, worldOf().holdings())
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	for rule, u := range map[string]*registrypb.Unit{"Create": created, "Update": updated, "Reparent": moved, "Close": closed} {
		p := u.GetPlacements()[indexOfTree(u, party)]
		for what, m := range map[string]proto.Message{"unit": u, "placement": p} {
			if got := m.ProtoReflect().GetUnknown(); string(got) != string(newer) {
				t.Errorf("%s keeps %x of the %s's unknown field %x", rule, got, what, newer)
			}
		}
	}
}

func indexOfTree(u *registrypb.Unit, tree string) int {
	for i, p := range u.GetPlacements() {
		if p.GetTree() == tree {
			return i
		}
	}
	return -1
}

func wantRefused(t *testing.T, err error, kind fault.Kind, reason faultpb.Reason, field string) {
	t.Helper()
	got := fault.From(err)
	if got == nil || got.Kind != kind || got.Reason != reason || got.Field != field {
		t.Errorf("refused with %v; want %v %v at %q", err, kind, reason, field)
	}
}

// To hang a unit where it hangs already is no change.
func TestReparentToWhereItHangs(t *testing.T) {
	w := hanoi()
	cur := w["units/tay-ho"]
	p := cur.GetPlacements()[0]
	cmd := &registrypb.ReparentUnitRequest{Name: cur.GetName(), Tree: p.GetTree(), Parent: p.GetParent(), FromDate: p.GetFromDate()}
	if got, event, err := unit.Reparent(cur, cmd, w.lookup); err != nil || event != nil || got != cur {
		t.Errorf("Reparent = %v, %v, %v", got, event, err)
	}
}

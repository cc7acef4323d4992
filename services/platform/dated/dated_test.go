package dated_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/dated"
)

// moved is a unit that was moved, and closed; in no order.
func moved() *registrypb.Unit {
	return &registrypb.Unit{ValidFrom: "2008-08-01", ClosedOn: "2025-07-01", Placements: []*registrypb.Placement{
		{Tree: "party", Parent: "units/c", FromDate: "2020-06-01"},
		{Tree: "party", Parent: "units/a", FromDate: "2008-08-01"},
		{Tree: "party", Parent: "", FromDate: "2015-01-01"},
		{Tree: "party", Parent: "units/late", FromDate: "2025-07-01"}, // not within the unit's life
		{Tree: "administrative", Parent: "units/z", FromDate: "2009-01-01"},
	}}
}

func TestInForce(t *testing.T) {
	for day, want := range map[string]bool{"2008-07-31": false, "2008-08-01": true, "2025-06-30": true, "2025-07-01": false} {
		if dated.InForce(moved(), day) != want {
			t.Errorf("%s: %v", day, !want)
		}
	}
	if !dated.InForce(&registrypb.Unit{ValidFrom: "2008-08-01"}, "2999-12-31") {
		t.Error("a unit that was never closed")
	}
}

func TestPlaced(t *testing.T) {
	for _, c := range []struct {
		tree, day, parent string
		ok                bool
	}{
		{"party", "2008-07-31", "", false},
		{"party", "2008-08-01", "units/a", true},
		{"party", "2014-12-31", "units/a", true},
		{"party", "2015-01-01", "", true},
		{"party", "2020-05-31", "", true},
		{"party", "2020-06-01", "units/c", true},
		{"party", "2025-06-30", "units/c", true},
		{"party", "2025-07-01", "units/c", true}, // where it was on its last day
		{"party", "2030-01-01", "units/c", true},
		{"administrative", "2008-12-31", "", false},
		{"administrative", "2020-06-01", "units/z", true},
		{"youth", "2020-06-01", "", false},
	} {
		if p := dated.Placed(moved(), c.tree, c.day); p.GetParent() != c.parent || (p != nil) != c.ok {
			t.Errorf("%s on %s: %v, want %q %v", c.tree, c.day, p, c.parent, c.ok)
		}
	}
}

func TestPlacedOrComing(t *testing.T) {
	for day, want := range map[string][]string{
		"2000-01-01": {"party units/a", "administrative units/z"}, // both to come
		"2008-08-01": {"party units/a", "administrative units/z"}, // one to come
		"2015-01-01": {"party ", "administrative units/z"},
		"2030-01-01": {"party units/late", "administrative units/z"},
	} {
		var got []string
		for _, p := range dated.PlacedOrComing(moved(), day) {
			got = append(got, p.GetTree()+" "+p.GetParent())
		}
		if !slices.Equal(got, want) {
			t.Errorf("on %s: %q, want %q", day, got, want)
		}
	}
}

// Where a placement has begun, in a unit that is not closed, both functions say the same, in whatever order placements stand.
func TestPlacedOrComingIsPlacedOnceSomethingBegan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		u := &registrypb.Unit{}
		days := rapid.SliceOfNDistinct(rapid.IntRange(1, 28), 0, 6, rapid.ID).Draw(rt, "days")
		for i, d := range days {
			u.Placements = append(u.Placements, &registrypb.Placement{
				Tree: rapid.SampledFrom([]string{"party", "administrative"}).Draw(rt, "tree"), Parent: fmt.Sprintf("units/u%d", i), FromDate: fmt.Sprintf("2020-01-%02d", d),
			})
		}
		day := fmt.Sprintf("2020-01-%02d", rapid.IntRange(1, 28).Draw(rt, "day"))
		coming := dated.PlacedOrComing(u, day)
		for _, tree := range []string{"party", "administrative"} {
			placed := dated.Placed(u, tree, day)
			at := slices.IndexFunc(coming, func(p *registrypb.Placement) bool { return p.GetTree() == tree })
			if placed != nil && (at < 0 || coming[at] != placed) || at >= 0 && placed == nil && coming[at].GetFromDate() <= day {
				rt.Fatalf("%s on %s: %v, and %v", tree, day, placed, coming)
			}
		}
	})
}

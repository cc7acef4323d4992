package unit_test

import (
	"testing"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/unit"
	"coso/services/platform/civil"
)

func moved() *registrypb.Unit {
	return &registrypb.Unit{ValidFrom: "2008-08-01", ClosedOn: "2025-07-01", Placements: []*registrypb.Placement{
		{Tree: "party", Parent: "units/c", FromDate: "2020-06-01"}, // in no order
		{Tree: "party", Parent: "units/a", FromDate: "2008-08-01"},
		{Tree: "party", Parent: "", FromDate: "2015-01-01"},
		{Tree: "administrative", Parent: "units/z", FromDate: "2009-01-01"},
	}}
}

func TestInForce(t *testing.T) {
	for day, want := range map[string]bool{
		"2008-07-31": false, "2008-08-01": true, "2025-06-30": true, "2025-07-01": false,
	} {
		if unit.InForce(moved(), civil.MustParse(day)) != want {
			t.Errorf("%s: %v", day, !want)
		}
	}
	if !unit.InForce(&registrypb.Unit{ValidFrom: "2008-08-01"}, civil.MustParse("2999-12-31")) {
		t.Error("a unit that was never closed")
	}
}

func TestParent(t *testing.T) {
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
		{"administrative", "2008-12-31", "", false},
		{"administrative", "2020-06-01", "units/z", true},
		{"youth", "2020-06-01", "", false},
	} {
		if parent, ok := unit.Parent(moved(), c.tree, civil.MustParse(c.day)); parent != c.parent || ok != c.ok {
			t.Errorf("%s on %s: %q %v, want %q %v", c.tree, c.day, parent, ok, c.parent, c.ok)
		}
	}
}

func TestLastDay(t *testing.T) {
	for day, want := range map[string]string{
		"2025-06-29": "2025-06-29", "2025-06-30": "2025-06-30", "2025-07-01": "2025-06-30", "2025-11-30": "2025-06-30",
	} {
		if got, err := unit.LastDay(moved(), civil.MustParse(day)); err != nil || got.String() != want {
			t.Errorf("%s: %s %v, want %s", day, got, err, want)
		}
	}
	if _, err := unit.LastDay(&registrypb.Unit{ClosedOn: "x"}, civil.MustParse("2025-01-01")); err == nil {
		t.Error("a closing day that is none")
	}
}

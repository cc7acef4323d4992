package unit_test

import (
	"testing"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/unit"
	"coso/services/platform/civil"
)

func TestLastDay(t *testing.T) {
	for day, want := range map[string]string{
		"2025-06-29": "2025-06-29", "2025-06-30": "2025-06-30", "2025-07-01": "2025-06-30", "2025-11-30": "2025-06-30",
	} {
		if got, err := unit.LastDay(&registrypb.Unit{ValidFrom: "2008-08-01", ClosedOn: "2025-07-01"}, civil.MustParse(day)); err != nil || got.String() != want {
			t.Errorf("%s: %s %v, want %s", day, got, err, want)
		}
	}
	if _, err := unit.LastDay(&registrypb.Unit{ClosedOn: "x"}, civil.MustParse("2025-01-01")); err == nil {
		t.Error("a closing day that is none")
	}
}

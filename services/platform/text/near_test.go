package text_test

import (
	"slices"
	"strings"
	"testing"

	"coso/services/platform/text"
)

func TestNearest(t *testing.T) {
	known := []string{"displayName", "unit", "foundedOn", "asOf"}
	for name, want := range map[string]string{
		"unitt": "unit", "Unit": "unit", "display_name": "displayName", "as-of": "asOf", "foundedOm": "foundedOn",
		"khongCo": "", "": "", strings.Repeat("ố", 50): "",
	} {
		if got := text.Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
	if got := text.Nearest("x", nil); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestNear(t *testing.T) {
	known := []string{"ba-dinh", "quan-tay-ho", "tay-ho", "tay-mo", "CELL", "BASE_CELL", "YOUTH_CLUB"}
	for name, want := range map[string][]string{
		"tay-hoo": {"tay-ho", "tay-mo"}, "dinh": {"ba-dinh"}, "cel": {"CELL"}, "Cell": {"CELL", "BASE_CELL"},
		"quan-tay-ho-cu": {"quan-tay-ho", "tay-ho"}, "o": nil, "khong-co": nil,
	} {
		if got := text.Near(name, known, 2); !slices.Equal(got, want) {
			t.Errorf("Near(%q) = %q, want %q", name, got, want)
		}
	}
}

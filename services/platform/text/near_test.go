package text_test

import (
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

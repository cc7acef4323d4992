package token_test

import (
	"testing"

	"coso/services/platform/token"
)

func TestBearer(t *testing.T) {
	for _, c := range []struct {
		header, compact string
		ok              bool
	}{
		{"Bearer a.b.c", "a.b.c", true},
		{"bEARER a.b.c", "a.b.c", true},
		{"Bearer ", "", true},
		{"Bearer", "", false},
		{"Basic YTpi", "YTpi", false},
		{"", "", false},
		{"a.b.c", "", false},
	} {
		if compact, ok := token.Bearer(c.header); compact != c.compact || ok != c.ok {
			t.Errorf("%q: %q, %v", c.header, compact, ok)
		}
	}
}

package text_test

import (
	"testing"

	"pgregory.net/rapid"

	"coso/services/platform/text"
)

func TestInvisible(t *testing.T) {
	for _, r := range []rune{
		0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x202a, 0x202e, 0x2028, 0x2029, 0x2060, 0x2066, 0x2069, 0xfeff, 0x00ad, 0x061c,
		0x115f, 0x3164, 0xffa0, 0x2800, 0x034f, 0xfe0f, 0xe000, 0xe0020, 0xe0100,
	} {
		if !text.Invisible(r) {
			t.Errorf("U+%04X passes for visible", r)
		}
	}
	for _, r := range "Chi bộ Công ty TNHH “Sao Mai” – số 1/2 & Ệ ỹ Đ\u0301\u00a0\u3000한漢Я€" {
		if text.Invisible(r) {
			t.Errorf("U+%04X passes for invisible", r)
		}
	}
}

func TestBlank(t *testing.T) {
	for s, want := range map[string]bool{
		"": false, " ": true, "\u00a0\t\n": true, "\u200b": true, "\u0301": true, " \u3164 ": true, "\u2800": true,
		"x": false, " ở ": false, "—": false, "1": false, "+": false,
	} {
		if text.Blank(s) != want {
			t.Errorf("Blank(%+q) = %v", s, !want)
		}
	}
}

// No letter that people write Vietnamese with is invisible, composed or decomposed, and no text of them is blank.
func TestVietnameseIsVisibleProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.SampledFrom(vietnameseRunes), 1, 20, -1).Draw(t, "s")
		for _, r := range s + text.NFC(s) {
			if text.Invisible(r) {
				t.Fatalf("U+%04X of %q passes for invisible", r, s)
			}
		}
		if text.Blank(s + "ệ") {
			t.Fatalf("%q passes for blank", s)
		}
	})
}

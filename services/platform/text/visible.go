package text

import (
	"strings"
	"unicode"
)

// hidden are characters that show nothing and are no spaces, beside those of the categories that Invisible looks at.
var hidden = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x034f, Hi: 0x034f, Stride: 1}, // combining grapheme joiner
		{Lo: 0x115f, Hi: 0x1160, Stride: 1}, // Hangul fillers
		{Lo: 0x17b4, Hi: 0x17b5, Stride: 1}, // Khmer inherent vowels
		{Lo: 0x180b, Hi: 0x180f, Stride: 1}, // Mongolian selectors
		{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // empty Braille cell
		{Lo: 0x3164, Hi: 0x3164, Stride: 1}, // Hangul filler
		{Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}, // variation selectors
		{Lo: 0xffa0, Hi: 0xffa0, Stride: 1}, // half-width Hangul filler
		{Lo: 0xfffc, Hi: 0xfffc, Stride: 1}, // object replacement
	},
	R32: []unicode.Range32{{Lo: 0xe0100, Hi: 0xe01ef, Stride: 1}}, // more variation selectors
}

// Invisible says of a character that nobody sees it, or sees it the same everywhere: zero width, marks that turn the
// direction of writing, soft hyphens, line and paragraph separators, private characters. Two names that
// differ in nothing else look the same, and a mark of direction lets a name show as another. No Vietnamese text needs one.
// Spaces and control characters are not meant.
func Invisible(r rune) bool {
	return !latin(r) && unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs, hidden)
}

// latin is the quick way past what nearly all texts are made of: all of it can be seen, or is a space.
func latin(r rune) bool {
	return ' ' <= r && r <= '~' || 0xc0 <= r && r <= 0x24f || 0x300 <= r && r < 0x34f || 0x1e00 <= r && r <= 0x1eff
}

// Blank says that a text, not an empty one, has nothing to read in it: spaces, marks on nothing, invisible characters.
func Blank(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return ' ' < r && r <= '~' || unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && !Invisible(r)
	})
}

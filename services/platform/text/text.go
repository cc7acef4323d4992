// Package text handles what people write and read in Vietnamese: one stored form (NFC), a folded form to search by, the
// order of the Vietnamese alphabet, and numbers as reports write them. It translates nothing; the texts of refusals
// live in package fault. Everything here is safe for concurrent use.
//
// INV-PERCENT-EXACT: a percentage is computed from integers, half up, two decimals, and never overflows.
package text

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// NFC returns s in Unicode normalisation form C, the form in which text is stored; otherwise as typed.
func NFC(s string) string { return norm.NFC.String(s) }

// Fold returns the key by which s is searched: without case, diacritics and tone marks (so both styles of writing them,
// `uỷ` and `ủy`, meet), đ as d, white space collapsed to single spaces and trimmed. It is idempotent, and no text to
// show: different names may fold alike.
func Fold(s string) string {
	// Folding may leave new marks (İ becomes i and a dot), so they go last. It turns Cherokee letters to and fro between
	// their cases; lower case makes one of both.
	folded := norm.NFD.String(strings.ToLower(cases.Fold().String(norm.NFD.String(s))))
	var b strings.Builder
	b.Grow(len(folded))
	space := false
	for _, r := range folded {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		case unicode.Is(unicode.Mn, r):
			continue
		case r == 'đ', r == 'ð', r == 'ɖ': // the last two look like đ and are typed for it
			r = 'd'
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

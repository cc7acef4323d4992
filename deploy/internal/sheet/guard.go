package sheet

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// triggers are the characters with which a cell begins that a spreadsheet takes for a formula, after OWASP's page on CSV
// injection: = + - @ tab CR LF, and the full-width forms that some spreadsheets read the same way.
const triggers = "=+-@\t\r\n＝＋－＠"

// guard writes a text so that no spreadsheet runs it: OWASP's apostrophe in front of one that begins with a trigger. Texts
// with white space at their edges get it too, for Parse takes that away otherwise. One more apostrophe goes before those
// that a text of this sort has already, so that unguard gives back every text: INV-SHEET-GUARD-LOSSLESS. Separators and
// quotation marks, the other way into a cell, are the CSV writer's to quote.
func guard(s string) string {
	if needsGuard(s) {
		return "'" + s
	}
	return s
}

func needsGuard(s string) bool {
	rest := strings.TrimLeft(s, "'")
	if rest == "" {
		return false
	}
	first, _ := utf8.DecodeRuneInString(rest)
	last, _ := utf8.DecodeLastRuneInString(rest)
	return strings.ContainsRune(triggers, first) || unicode.IsSpace(first) || unicode.IsSpace(last)
}

// unguard reads a cell: what guard wrote as it was, anything else without the white space around it.
func unguard(cell string) string {
	if after, ok := strings.CutPrefix(cell, "'"); ok && needsGuard(after) {
		return after
	}
	cell = strings.TrimSpace(cell)
	if after, ok := strings.CutPrefix(cell, "'"); ok && needsGuard(after) {
		return after
	}
	return cell
}

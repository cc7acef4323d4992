package sheet

import (
	"bytes"
	"encoding/csv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Dialect is how a sheet is written down.
type Dialect struct {
	// Comma separates cells: `,`, `;` or tab.
	Comma rune
	// BOM: the file begins with a byte order mark.
	BOM bool
	// CRLF: lines end with CR LF.
	CRLF bool
}

// Plain is what programs read best.
func Plain() Dialect { return Dialect{Comma: ','} }

// Excel is what Excel in Viet Nam opens with a double click, and writes itself.
func Excel() Dialect { return Dialect{Comma: ';', BOM: true, CRLF: true} }

const byteOrderMark = "\xef\xbb\xbf"

// decode takes the byte order mark and a `sep=;` line away and says how the rest is written. It refuses what is no UTF-8
// text, and says what to do about it. skipped is how many lines are gone.
func decode(raw []byte) (body []byte, d Dialect, skipped int, line int, err error) {
	if err := foreign(raw); err != nil {
		return nil, d, 0, 0, err
	}
	body, d.BOM = bytes.CutPrefix(raw, []byte(byteOrderMark))
	if at := brokenAt(body); at > 0 {
		return nil, d, 0, at, say(
			"tệp không phải UTF-8, có lẽ dùng mã cũ (TCVN3/ABC, VNI hoặc Windows-1258); trong Excel hãy chọn Lưu thành (Save As) → “CSV UTF-8 (Comma delimited)”; chữ gõ bằng phông .VnTime hay VNI thì phải đổi sang Unicode trước (Unikey: Ctrl+Shift+F6)",
			"the file is not UTF-8 but some old code (TCVN3/ABC, VNI or Windows-1258); in Excel choose Save As → `CSV UTF-8 (Comma delimited)`; text typed in .VnTime or VNI fonts must be converted to Unicode first (Unikey: Ctrl+Shift+F6)")
	}
	first, rest, _ := bytes.Cut(body, []byte("\n"))
	d.CRLF = bytes.HasSuffix(first, []byte("\r"))
	if sep, ok := strings.CutPrefix(strings.ToLower(strings.TrimRight(string(first), "\r")), "sep="); ok && utf8.RuneCountInString(sep) == 1 {
		d.Comma, _ = utf8.DecodeRuneInString(sep)
		if !strings.ContainsRune(",;\t", d.Comma) {
			return nil, d, 0, 1, say("không dùng được dấu ngăn cách %q; hãy dùng dấu phẩy, dấu chấm phẩy hoặc tab",
				"%q cannot separate cells; use a comma, a semicolon or a tab", sep)
		}
		return rest, d, 1, 0, nil
	}
	d.Comma = separator(string(first))
	return body, d, 0, 0, nil
}

// foreign refuses files of other kinds.
func foreign(raw []byte) error {
	switch {
	case bytes.HasPrefix(raw, []byte("PK\x03\x04")), bytes.HasPrefix(raw, []byte("\xd0\xcf\x11\xe0")):
		return say("đây là tệp Excel, không phải CSV; trong Excel hãy chọn Lưu thành (Save As) → “CSV UTF-8 (Comma delimited)”",
			"this is an Excel workbook, not CSV; in Excel choose Save As → `CSV UTF-8 (Comma delimited)`")
	case bytes.HasPrefix(raw, []byte("\xff\xfe")), bytes.HasPrefix(raw, []byte("\xfe\xff")), bytes.IndexByte(raw[:min(len(raw), 4096)], 0) >= 0:
		return say("tệp được lưu ở dạng UTF-16 (“Unicode Text” của Excel); trong Excel hãy chọn Lưu thành (Save As) → “CSV UTF-8 (Comma delimited)”",
			"the file is UTF-16 (Excel's `Unicode Text`); in Excel choose Save As → `CSV UTF-8 (Comma delimited)`")
	}
	return nil
}

// brokenAt is the line of the first byte that is no UTF-8; 0: none.
func brokenAt(raw []byte) int {
	for line := 1; len(raw) > 0; line++ {
		row, rest, _ := bytes.Cut(raw, []byte("\n"))
		if !utf8.Valid(row) {
			return line
		}
		raw = rest
	}
	return 0
}

// separator finds what separates the cells of a header line: whichever gives the most names of columns.
func separator(header string) rune {
	best, most := ',', -1
	for _, comma := range ",;\t" {
		r := csv.NewReader(strings.NewReader(header))
		r.Comma, r.LazyQuotes = comma, true
		cells, err := r.Read()
		if err != nil {
			continue
		}
		known := 0
		for _, c := range cells {
			if isColumn(columnName(c)) {
				known++
			}
		}
		if known > most {
			best, most = comma, known
		}
	}
	return best
}

func isColumn(name string) bool {
	for _, n := range nouns {
		if n.column(name) != nil {
			return true
		}
	}
	return false
}

// columnName is a cell of a header as a name.
func columnName(cell string) string { return strings.ToLower(strings.TrimSpace(cell)) }

// oldMarks and oldLetters are what the vowels and the đ of TCVN3 and VNI look like once a program has taken their bytes for
// Latin-1 and written them as UTF-8. Vietnamese in Unicode has none of the letters.
const (
	oldMarks   = "®«¬\u00adµ¶·¸¹¨©ª¦§¡¢£¤¥×"
	oldLetters = "äÄåÅëËïÏñÑöÖûÛüÜøØæÆçÇÞ"
)

// oldFont says that the texts of a sheet were typed in a font of the old codes and saved as UTF-8 all the same: "C«ng ty"
// for "Công ty". It is sure of it only if no text has a letter that Vietnamese alone has, and most that are not ASCII have
// an old sign in them.
func oldFont(rows []Row) bool {
	foreignTexts, old := 0, 0
	for _, r := range rows {
		for _, c := range r.cells {
			if strings.ContainsFunc(c, func(r rune) bool {
				return strings.ContainsRune("ăĂđĐơƠưƯ", r) || r >= 0x1ea0 && r <= 0x1ef9 || unicode.Is(unicode.Mn, r)
			}) {
				return false
			}
			if strings.ContainsFunc(c, func(r rune) bool { return r >= utf8.RuneSelf }) {
				foreignTexts++
				if hasOldSign(c) {
					old++
				}
			}
		}
	}
	return old >= 2 && 2*old > foreignTexts
}

// hasOldSign says that a text has an old letter, or an old mark where a letter would be: before a letter or another mark.
// `ABC®` and `«Sao Mai»` are no old texts: nothing is in front of their marks, or nothing behind.
func hasOldSign(s string) bool {
	letter, mark := false, false
	for _, r := range s {
		if strings.ContainsRune(oldLetters, r) || mark && (unicode.IsLetter(r) || strings.ContainsRune(oldMarks, r)) {
			return true
		}
		mark = strings.ContainsRune(oldMarks, r) && (letter || r != '«')
		letter = unicode.IsLetter(r)
	}
	return false
}

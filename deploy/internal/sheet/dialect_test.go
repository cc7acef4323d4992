package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// One sheet, in every way in which programs write it.
func TestDialects(t *testing.T) {
	const plain = "id,unit,indicator,period,registered_value\na,u,i,2020,5\nb,u,j,2020,\n"
	semicolons := strings.ReplaceAll(plain, ",", ";")
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for what, c := range map[string]struct {
		raw  string
		want Dialect
		line int
	}{
		"plain":                       {plain, Dialect{Comma: ','}, 2},
		"Excel in Viet Nam":           {byteOrderMark + crlf(semicolons), Dialect{';', true, true}, 2},
		"tabs":                        {strings.ReplaceAll(plain, ",", "\t"), Dialect{Comma: '\t'}, 2},
		"no line end":                 {strings.TrimRight(plain, "\n"), Dialect{Comma: ','}, 2},
		"capitals and spaces":         {" ID , Unit ,INDICATOR,Period,Registered_Value\n" + strings.SplitAfterN(plain, "\n", 2)[1], Dialect{Comma: ','}, 2},
		"quoted header":               {`"id";"unit";"indicator";"period";"registered_value"` + "\n" + strings.SplitAfterN(semicolons, "\n", 2)[1], Dialect{Comma: ';'}, 2},
		"sep line":                    {"sep=;\r\n" + crlf(semicolons), Dialect{Comma: ';', CRLF: true}, 3},
		"empty columns at the end":    {"id,unit,indicator,period,registered_value,,\na,u,i,2020,5,,\nb,u,j,2020,,,\n", Dialect{Comma: ','}, 2},
		"empty rows":                  {"id,unit,indicator,period,registered_value\na,u,i,2020,5\n\nb,u,j,2020,\n,,,,\n,,,,\n\n", Dialect{Comma: ','}, 2},
		"reasons of an earlier try":   {"id,unit,indicator,period,registered_value,reason\na,u,i,2020,5,vì sao\nb,u,j,2020,,\n", Dialect{Comma: ','}, 2},
		"reasons somewhere in midway": {"id,reason,unit,indicator,period,registered_value\na,vì sao,u,i,2020,5\nb,,u,j,2020,\n", Dialect{Comma: ','}, 2},
	} {
		s, err := Parse("x.csv", []byte(c.raw))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if s.dialect != c.want || len(s.Rows) != 2 || s.Rows[0].Cell("registered_value") != "5" || s.Rows[1].Cell("indicator") != "j" || s.Rows[0].Line != c.line {
			t.Errorf("%s: read as %+v, rows %+v", what, s.dialect, s.Rows)
		}
		if err := check(s); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestFilesOfOtherKinds(t *testing.T) {
	text := "id,display_name,kind\na,Chi bộ,BASE_CELL\n"
	var wide bytes.Buffer
	wide.WriteString("\xff\xfe")
	for _, u := range utf16.Encode([]rune(text)) {
		wide.WriteByte(byte(u))
		wide.WriteByte(byte(u >> 8))
	}
	for what, c := range map[string]struct{ raw, vi, en string }{
		"UTF-16":              {wide.String(), "UTF-16", "UTF-16"},
		"UTF-16 without mark": {wide.String()[2:], "UTF-16", "UTF-16"},
		"workbook":            {"PK\x03\x04 and so on", "tệp Excel", "workbook"},
		"old workbook":        {"\xd0\xcf\x11\xe0\xa1\xb1", "tệp Excel", "workbook"},
		"Windows-1258":        {"id,display_name\na,Chi b\xf4\xf2\n", "Windows-1258", "Windows-1258"},
		"TCVN3":               {"id,display_name\na,C\xabng ty\n", "Unikey", "Unikey"},
		"TCVN3 saved as UTF-8": {
			header + "a,BASE_CELL,§oµn c¬ së C«ng ty,e,u,2020-01-02,\nb,BASE_CELL,C«ng ty Sao Mai,e,u,2020-01-02,\n", "Unikey", "TCVN3",
		},
		"VNI saved as UTF-8": {
			header + "a,BASE_CELL,Ñaûng boä Coâng ty,e,u,2020-01-02,\nb,BASE_CELL,Chi boä Coâng ty,e,u,2020-01-02,\n", "Unikey", "VNI",
		},
		"published figures": {"unit,indicator,period,as_of,actual,target,percent,status,below_plan\n", "không phải bảng để nhập", "no sheet to import"},
		"unnamed column":    {"id,,unit\n", "cột thứ 2 không có tên", "column 2 has no name"},
		"strange separator": {"sep=|\nid|unit\n", "dấu ngăn cách", "cannot separate"},
	} {
		_, err := Parse("x.csv", []byte(c.raw))
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Text(Vietnamese), c.vi) || !strings.Contains(e.Text(English), c.en) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Texts that are not Vietnamese, and signs at the end of a word, are no old fonts.
func TestNoOldFont(t *testing.T) {
	for _, names := range [][2]string{{"Công ty ABC®", "Công ty XYZ®"}, {"«Sao Mai»", "Chi bộ"}, {"Cty A", "Cty B"}} {
		s := header + "a,BASE_CELL," + names[0] + ",e,u,2020-01-02,\nb,BASE_CELL," + names[1] + ",e,u,2020-01-02,\n"
		if _, err := Parse("x.csv", []byte(s)); err != nil {
			t.Errorf("%q: %v", names, err)
		}
	}
}

func TestGuard(t *testing.T) {
	for s, want := range map[string]string{
		"=1+1": "'=1+1", "+84": "'+84", "-5": "'-5", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx", "\rx": "'\rx", "＝1": "'＝1",
		"'=1": "''=1", "''=1": "'''=1", "'x": "'x", "'": "'", "": "", "Công ty": "Công ty", "a=b": "a=b", " x": "' x", "x ": "'x ", "'x ": "''x ",
	} {
		if got := guard(s); got != want {
			t.Errorf("guard(%q) = %q, want %q", s, got, want)
		}
		if back := unguard(want); back != s {
			t.Errorf("unguard(%q) = %q, want %q", want, back, s)
		}
	}
	for cell, want := range map[string]string{"  x ": "x", "=1": "=1", "-5": "-5", " '=1": "=1", "'=1 ": "=1 ", "\u00a0x": "x"} {
		if got := unguard(cell); got != want {
			t.Errorf("unguard(%q) = %q, want %q", cell, got, want)
		}
	}
}

var oddTexts = rapid.OneOf(
	rapid.String(),
	rapid.StringOf(rapid.SampledFrom([]rune("'=+-@\t \"',;\nệĐơ"))),
	rapid.Map(rapid.StringOf(rapid.SampledFrom([]rune("Chi bộ Cơ sở Đảng ủy Ứng Hòa ệỹ"))), norm.NFD.String),
)

// INV-SHEET-GUARD-LOSSLESS: whatever text is written as a cell is read back, in every dialect, and none begins like a
// formula.
func TestGuardLosslessProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom([]Dialect{Plain(), Excel(), {Comma: '\t', CRLF: true}}).Draw(t, "dialect")
		want := strings.ReplaceAll(oddTexts.Draw(t, "text"), "\r", "") // no service keeps a CR
		var b bytes.Buffer
		w, err := newWriter(&b, d, []string{"id", "text"})
		if err == nil {
			err = w.write([]string{"x", want})
		}
		if err = errors.Join(err, w.flush()); err != nil {
			t.Fatal(err)
		}
		r := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.String(), byteOrderMark)))
		r.Comma = d.Comma
		rows, err := r.ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%q: %v", b.String(), err)
		}
		if got := unguard(rows[1][1]); got != want {
			t.Fatalf("%q came back as %q", want, got)
		}
		if strings.ContainsAny(rows[1][1][:min(1, len(rows[1][1]))], "=+-@\t\r\n") {
			t.Fatalf("the cell %q begins like a formula", rows[1][1])
		}
	})
}

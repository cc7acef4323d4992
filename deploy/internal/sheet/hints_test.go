package sheet

import (
	"strings"
	"testing"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// A date in another writing is answered with how that very day is written, or with what is wrong with it.
func TestDatesAreHinted(t *testing.T) {
	for value, want := range map[string]struct{ vi, en string }{
		"30/11/2020":          {"viết lại là 2020-11-30", "write 2020-11-30"},
		"30-11-2020":          {"viết lại là 2020-11-30", "write 2020-11-30"},
		"30.11.2020 00:00:00": {"viết lại là 2020-11-30", "write 2020-11-30"},
		"5/5/2020":            {"viết lại là 2020-05-05", "write 2020-05-05"},
		"2020/11/3":           {"viết lại là 2020-11-03", "write 2020-11-03"},
		"2020-11-30 00:00":    {"viết lại là 2020-11-30", "write 2020-11-30"},
		"05/11/2020":          {"ngày 5 tháng 11 thì viết lại là 2020-11-05, nếu là ngày 11 tháng 5 thì viết lại là 2020-05-11", "it may be two days"},
		"11/30/2020":          {"không có tháng 30; nếu là ngày 30 tháng 11 thì viết lại là 2020-11-30", "there is no month 30"},
		"31/02/2021":          {"không có ngày 31 trong tháng 2 năm 2021, tháng này có 28 ngày", "there is no day 31 in month 2 of 2021"},
		"2021-02-29":          {"không có ngày 29 trong tháng 2 năm 2021", "there is no day 29"},
		"32/13/2020":          {"không có tháng 13", "there is no month 13"},
		"00/11/2020":          {"không có ngày 0", "there is no day 0"},
		"2020-13-01":          {"không có tháng 13", "there is no month 13"},
		"30/11/20":            {"nếu là năm 2020 thì viết lại là 2020-11-30", "if it is 2020, write 2020-11-30"},
		"30/11/0020":          {"năm 20 nằm ngoài khoảng 1900–2999", "the year 20 is not within"},
		"44165":               {"44165 là ngày 2020-11-30", "44165 is 2020-11-30"},
		"hôm qua":             {"", ""},
		"2020":                {"", ""},
	} {
		n := organisations()
		refusal := fault.InvalidArgument(faultpb.Reason_REASON_DATE_INVALID, "organisation.foundedOn", "value", value)
		got := n.hinted(refusal, refusal, "founded_on", value)
		if want.vi == "" && got != error(refusal) { //nolint:errorlint // whether it is the refusal itself
			t.Errorf("%s: %v", value, got)
		}
		if !strings.Contains(TextOf(got, Vietnamese), want.vi) || !strings.Contains(TextOf(got, English), want.en) {
			t.Errorf("%s: %s / %s", value, TextOf(got, Vietnamese), TextOf(got, English))
		}
	}
}

// What a spreadsheet writes where a formula failed is refused by name in every column, whatever else the cell may hold; a text
// that only begins like it is not.
func TestFailedFormulasAreRefused(t *testing.T) {
	for _, value := range []string{"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#GETTING_DATA", "#SPILL!", "#CALC!", "#n/a"} {
		for _, n := range nouns {
			for _, c := range n.columns {
				if c.told {
					continue
				}
				cells := make([]string, len(n.columns))
				for i := range n.columns {
					if n.columns[i].name == c.name {
						cells[i] = value
					}
				}
				s, err := Parse("s.csv", []byte(strings.Join(n.names(true), ";")+"\n"+strings.Join(cells, ";")+"\n"))
				if err != nil {
					t.Fatal(err)
				}
				im, out := newImporter(nil, []*Sheet{s}, Options{})
				im.prepare(n, im.gather(n, []*Sheet{s})[0])
				found := 0
				for _, e := range out[0].Refused {
					if e.Column == c.name {
						found++
						if !strings.Contains(e.Text(Vietnamese), "lỗi công thức của bảng tính") || !strings.Contains(e.Error(), "the error of a spreadsheet formula") {
							t.Errorf("%s in %s of %s: %s", value, c.name, n.name, e.Text(Vietnamese))
						}
					}
				}
				if found != 1 {
					t.Errorf("%s in %s of %s: %d errors", value, c.name, n.name, found)
				}
			}
		}
	}
	if err := failure("#N/A rồi"); err != nil {
		t.Errorf("a text: %v", err)
	}
}

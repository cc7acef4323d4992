package trial

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"coso/deploy/internal/sheet"
)

// score is a result held against a target, counted from the sheets.
type score struct{ actual, assigned int64 }

// rows answers the rows of a noun's sheets.
func (s *Set) rows(noun string) []sheet.Row {
	var out []sheet.Row
	for _, one := range s.sheets {
		if one.Noun == noun {
			out = append(out, one.Rows...)
		}
	}
	return out
}

func (s *Set) row(noun, id string) (sheet.Row, error) {
	for _, r := range s.rows(noun) {
		if r.Cell("id") == id {
			return r, nil
		}
	}
	return sheet.Row{}, fmt.Errorf("the sheets have no %s %q", noun, id)
}

// within says whether a unit lies strictly below another.
func (s *Set) within(unit, above string) bool {
	for range len(s.rows("units")) {
		r, err := s.row("units", unit)
		if err != nil || r.Cell("parent") == "" {
			return false
		}
		if unit = r.Cell("parent"); unit == above {
			return true
		}
	}
	return false
}

// exceeded counts, for every assigned target, what the sheets say, and answers those that are exceeded.
func (s *Set) exceeded() (map[string]score, error) {
	out := map[string]score{}
	for _, t := range s.rows("targets") {
		if t.Cell("assigned_value") == "" {
			continue
		}
		assigned, err := strconv.ParseInt(t.Cell("assigned_value"), 10, 64)
		if err != nil {
			return nil, err
		}
		actual, err := s.count(t)
		if err != nil {
			return nil, err
		}
		if actual > assigned {
			out[t.Cell("id")] = score{actual: actual, assigned: assigned}
		}
	}
	return out, nil
}

// count counts what a target's indicator measures in its unit and everything below, from the period's start to its
// cut-off.
func (s *Set) count(target sheet.Row) (int64, error) {
	period, err := s.row("periods", target.Cell("period"))
	if err != nil {
		return 0, err
	}
	indicator, err := s.row("indicators", target.Cell("indicator"))
	if err != nil {
		return 0, err
	}
	noun, date, amount := "intakes", "admitted_on", "member_count"
	switch indicator.Cell("measure") {
	case "ORGANISATIONS_FOUNDED":
		noun, date, amount = "organisations", "founded_on", ""
	case "OWNERS_ADMITTED":
		amount = "owner_count"
	}
	kinds := strings.Fields(indicator.Cell("kinds"))
	var sum int64
	for _, r := range s.rows(noun) {
		unit := r.Cell("unit")
		if unit != target.Cell("unit") && !s.within(unit, target.Cell("unit")) {
			continue
		}
		if !slices.Contains(kinds, r.Cell("kind")) || r.Cell(date) < period.Cell("start_date") || r.Cell(date) > period.Cell("cut_off_date") {
			continue
		}
		n := int64(1)
		if amount != "" {
			if n, err = strconv.ParseInt(r.Cell(amount), 10, 64); err != nil {
				return 0, err
			}
		}
		sum += n
	}
	return sum, nil
}

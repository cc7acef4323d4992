package page

import (
	"strings"

	"coso/services/platform/civil"
	"coso/services/platform/text"

	planningpb "coso/proto/gen/coso/planning/v1"
)

// number writes a whole number: `4.857` or `4,857`.
func (l language) number(n int64) string {
	s := text.NumberVN(n)
	if l == english {
		s = strings.ReplaceAll(s, ".", ",")
	}
	return s
}

// percent writes a percentage as planning said it: `142,86%` or `142.86%`; `–` where there is none.
func (l language) percent(s string) string {
	switch {
	case s == "":
		return "–"
	case l == english:
		return s + "%"
	}
	return strings.Replace(s, ".", ",", 1) + "%"
}

// fraction writes a result against its target: `100/70`, or the result alone where there is none.
func (l language) fraction(f *planningpb.Figure) string {
	if f == nil || f.AssignedValue == nil {
		return l.number(f.GetActualValue())
	}
	return l.number(f.GetActualValue()) + "/" + l.number(f.GetAssignedValue())
}

// date writes a civil date: `30/11/2020` or `30 November 2020`; what is none as it is.
func (l language) date(s string) string {
	d, err := civil.Parse(s)
	switch {
	case err != nil:
		return s
	case l == english:
		return l.number(int64(d.Day())) + " " + d.Month().String() + " " + strings.ReplaceAll(l.number(int64(d.Year())), ",", "")
	}
	return d.DisplayVN()
}

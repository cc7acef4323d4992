// Package report prints figures for people: a unit's progress as a table with the official sentences, the units below
// plan, the nominations. It guarantees Vietnamese number forms and aligned columns; it computes nothing.
package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"coso/services/platform/civil"
	"coso/services/platform/text"

	awardpb "coso/proto/gen/coso/award/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
)

// Fraction is `4.857/4.511`, or the result alone where there is no target.
func Fraction(f *planningpb.Figure) string {
	if f == nil || f.AssignedValue == nil {
		return text.NumberVN(f.GetActualValue())
	}
	return text.NumberVN(f.GetActualValue()) + "/" + text.NumberVN(f.GetAssignedValue())
}

// Percent is `142,86%`, or `—` where there is none.
func Percent(f *planningpb.Figure) string {
	if f.GetPercentOfTarget() == "" {
		return "—"
	}
	return strings.Replace(f.GetPercentOfTarget(), ".", ",", 1) + "%"
}

// Progress prints a unit's progress.
func Progress(w io.Writer, p *planningpb.Progress, period string) error {
	to, err := civil.Parse(p.GetCountedTo())
	if err != nil {
		return err
	}
	out := &lines{w: w}
	out.printf("%s · %s · tính đến ngày %s\n\n", p.GetUnitDisplayName(), period, to.DisplayVN())
	indicators := plannedFirst(p.GetIndicators())
	out.table(indicators)
	for _, i := range indicators {
		out.printf("%s.\n", i.GetSentence())
	}
	for _, i := range indicators {
		out.below(i)
	}
	return out.err
}

// plannedFirst puts the indicators with a plan before those without.
func plannedFirst(all []*planningpb.IndicatorProgress) []*planningpb.IndicatorProgress {
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b *planningpb.IndicatorProgress) int {
		return cmp.Compare(rank(a), rank(b))
	})
	return out
}

func rank(i *planningpb.IndicatorProgress) int {
	if i.GetFigure().AssignedValue == nil && i.GetPlannedUnitCount() == 0 {
		return 1
	}
	return 0
}

// lines keeps the first error of several writes.
type lines struct {
	w   io.Writer
	err error
}

func (l *lines) printf(format string, args ...any) {
	if l.err == nil {
		_, l.err = fmt.Fprintf(l.w, format, args...)
	}
}

func (l *lines) table(indicators []*planningpb.IndicatorProgress) {
	if l.err != nil {
		return
	}
	tab := tabwriter.NewWriter(l.w, 0, 0, 2, ' ', 0)
	rows := [][]string{{"Chỉ tiêu", "Kết quả/kế hoạch", "Đạt", "Đơn vị chưa hoàn thành"}}
	for _, i := range indicators {
		below := fmt.Sprintf("%d/%d", len(i.GetBelowPlan()), i.GetPlannedUnitCount())
		if i.GetPlannedUnitCount() == 0 {
			below = "—"
		}
		rows = append(rows, []string{i.GetDisplayName(), Fraction(i.GetFigure()), Percent(i.GetFigure()), below})
	}
	for _, r := range rows {
		if _, l.err = fmt.Fprintln(tab, strings.Join(r, "\t")); l.err != nil {
			return
		}
	}
	if l.err = tab.Flush(); l.err == nil {
		l.printf("\n")
	}
}

func (l *lines) below(i *planningpb.IndicatorProgress) {
	if len(i.GetBelowPlan()) == 0 {
		return
	}
	l.printf("\n%s: %d đơn vị chưa hoàn thành kế hoạch\n", i.GetDisplayName(), len(i.GetBelowPlan()))
	width := 0
	for _, u := range i.GetBelowPlan() {
		width = max(width, utf8.RuneCountInString(u.GetDisplayName()))
	}
	for _, u := range i.GetBelowPlan() {
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(u.GetDisplayName()))
		l.printf("  %s%s  %s  %s\n", u.GetDisplayName(), pad, Fraction(u.GetFigure()), Percent(u.GetFigure()))
	}
}

// Nominations prints nominations, a line each.
func Nominations(w io.Writer, list []*awardpb.Nomination) error {
	out := &lines{w: w}
	out.printf("\nĐề nghị khen thưởng: %d chỉ tiêu vượt kế hoạch (số liệu tại thời điểm vượt)\n", len(list))
	for _, n := range list {
		e := n.GetEvidence()
		out.printf("  %s: %s, %s (%s)%s\n", e.GetUnitDisplayName(), e.GetIndicator().GetDisplayName(),
			Fraction(e.GetFigure()), Percent(e.GetFigure()), flag(n))
	}
	return out.err
}

func flag(n *awardpb.Nomination) string {
	if n.GetState() == awardpb.NominationState_NOMINATION_STATE_EXCESS_WITHDRAWN {
		return " — không còn vượt kế hoạch sau khi điều chỉnh số liệu"
	}
	return ""
}

package trial

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	planningpb "coso/proto/gen/coso/planning/v1"
)

func compare(a, b string) int { return cmp.Compare(a, b) }

// figure is one row of published.csv.
type figure struct {
	unit, indicator, period, asOf string
	actual                        int64
	// target and percent are empty where none was published.
	target, percent string
	belowPlan       bool
}

// figureKey is what one progress answers.
type figureKey struct{ unit, period, asOf string }

func (f figure) key() figureKey { return figureKey{f.unit, f.period, f.asOf} }

func readPublished(raw []byte) ([]figure, error) {
	rows, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) < 2 {
		return nil, errors.New("no figures")
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	for _, name := range []string{"unit", "indicator", "period", "as_of", "actual", "target", "percent", "below_plan"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("no column %s", name)
		}
	}
	var out []figure
	for _, r := range rows[1:] {
		actual, err := strconv.ParseInt(r[column["actual"]], 10, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, figure{
			unit: r[column["unit"]], indicator: r[column["indicator"]], period: r[column["period"]], asOf: r[column["as_of"]],
			actual: actual, target: r[column["target"]], percent: r[column["percent"]], belowPlan: r[column["below_plan"]] == "true",
		})
	}
	return out, nil
}

// differs says how the answer differs from the published figure; nil: not at all.
func (f figure) differs(p *planningpb.Progress) error {
	for _, i := range p.GetIndicators() {
		if i.GetIndicator() != "indicators/"+f.indicator {
			continue
		}
		got := i.GetFigure()
		assigned := ""
		if got.AssignedValue != nil {
			assigned = strconv.FormatInt(got.GetAssignedValue(), 10)
		}
		if got.GetActualValue() != f.actual || (f.target != "" && assigned != f.target) || (f.percent != "" && got.GetPercentOfTarget() != f.percent) {
			return fmt.Errorf("%s, %s: %d/%s (%s %%), published %d/%s (%s %%)",
				f.unit, f.indicator, got.GetActualValue(), assigned, got.GetPercentOfTarget(), f.actual, f.target, f.percent)
		}
		return nil
	}
	return fmt.Errorf("%s, %s: not in the progress", f.unit, f.indicator)
}

// belowPlanDiffers holds the units below plan against the published ones. What is not published as below plan must not be
// below plan, in any indicator.
func (s *Set) belowPlanDiffers(p *planningpb.Progress) error {
	var wrong []error
	for _, i := range p.GetIndicators() {
		var got, want []string
		for _, u := range i.GetBelowPlan() {
			got = append(got, path.Base(u.GetUnit()))
		}
		for _, f := range s.published {
			if f.belowPlan && "indicators/"+f.indicator == i.GetIndicator() && s.within(f.unit, path.Base(p.GetUnit())) {
				want = append(want, f.unit)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			wrong = append(wrong, fmt.Errorf("%s, %s: below plan are %v, published %v", path.Base(p.GetUnit()), i.GetIndicator(), got, want))
		}
	}
	return errors.Join(wrong...)
}

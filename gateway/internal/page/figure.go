package page

import (
	"math"
	"strconv"

	planningpb "coso/proto/gen/coso/planning/v1"
)

// figureView is a figure as a table shows it.
type figureView struct {
	*planningpb.Figure

	// Facts is the address of what was counted; empty: nothing was, or nobody asks here.
	Facts string
	// Bar is nil where there is no percentage.
	Bar *bar
	// Missing is what is missing to the target.
	Missing int64
}

// Word is the key of the standing's text, and the class of its colour.
func (f figureView) Word() string {
	switch f.GetStanding() {
	case planningpb.Standing_STANDING_MISSED:
		return "missed"
	case planningpb.Standing_STANDING_MET:
		return "met"
	case planningpb.Standing_STANDING_EXCEEDED:
		return "exceeded"
	case planningpb.Standing_STANDING_NO_TARGET, planningpb.Standing_STANDING_UNSPECIFIED:
	}
	return "no-target"
}

// bar is a percentage drawn: lengths in barWidth-ths of the whole width.
type bar struct {
	Width, Plan int
	// Over says that the percentage goes beyond the right end.
	Over bool
}

const (
	barWidth = 1000
	// A scale ends at 120 % at least and at 200 % at most: one district at 900 % must not flatten all others.
	scaleMin, scaleMax, scaleStep = 120, 200, 20
)

// scale is the percentage at the right end of a table's bars.
type scale int

// scaleOf is the scale on which figures are drawn together.
func scaleOf(figures ...*planningpb.Figure) scale {
	most := float64(scaleMin)
	for _, f := range figures {
		if p, ok := percentage(f); ok {
			most = max(most, math.Ceil(p/scaleStep)*scaleStep)
		}
	}
	return scale(min(most, scaleMax))
}

// percentage is planning's percentage as a number to draw and to sort by.
func percentage(f *planningpb.Figure) (float64, bool) {
	p, err := strconv.ParseFloat(f.GetPercentOfTarget(), 64)
	return p, err == nil
}

func (s scale) view(f *planningpb.Figure, facts string) figureView {
	v := figureView{Figure: f, Facts: facts}
	if f.AssignedValue != nil {
		v.Missing = max(0, f.GetAssignedValue()-f.GetActualValue())
	}
	if p, ok := percentage(f); ok {
		end := float64(s)
		v.Bar = &bar{
			Width: int(math.Round(max(0, min(p, end)) / end * barWidth)),
			Plan:  int(math.Round(100 / end * barWidth)),
			Over:  p > end,
		}
	}
	return v
}

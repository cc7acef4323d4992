package progress

import (
	"strings"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/text"
)

// Figure holds a result against a target; nil: there is none. Percent and standing rest on the assigned value.
func Figure(actual int64, t *planningpb.Target) *planningpb.Figure {
	f := &planningpb.Figure{ActualValue: actual, Standing: planningpb.Standing_STANDING_NO_TARGET, Target: t.GetName()}
	if t == nil {
		return f
	}
	if t.RegisteredValue != nil {
		f.RegisteredValue = new(t.GetRegisteredValue())
	}
	if t.AssignedValue == nil {
		return f
	}
	assigned := t.GetAssignedValue()
	f.AssignedValue, f.PercentOfTarget = new(assigned), text.Percent(actual, assigned)
	switch {
	case actual < assigned:
		f.Standing = planningpb.Standing_STANDING_MISSED
	case actual == assigned:
		f.Standing = planningpb.Standing_STANDING_MET
	default:
		f.Standing = planningpb.Standing_STANDING_EXCEEDED
	}
	return f
}

// Sentence says a figure as reports do: `thành lập được 100/70 tổ chức đảng, đạt 142,86% kế hoạch năm 2020`; without an
// assigned value `kết nạp mới 750 đảng viên`; against 0, which has no percentage, `… 3/0 tổ chức đảng`.
func Sentence(in *planningpb.Indicator, p *planningpb.Period, f *planningpb.Figure) string {
	var b strings.Builder
	b.WriteString(in.GetResultVerb() + " " + text.NumberVN(f.GetActualValue()))
	if f.AssignedValue != nil {
		b.WriteString("/" + text.NumberVN(f.GetAssignedValue()))
	}
	b.WriteString(" " + in.GetCountedNoun())
	if f.GetPercentOfTarget() != "" {
		b.WriteString(", đạt " + text.PercentVN(f.GetActualValue(), f.GetAssignedValue()) + " kế hoạch " + p.GetDisplayName())
	}
	return b.String()
}

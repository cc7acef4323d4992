package records

import (
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/period"
	"coso/services/planning/internal/progress"
	"coso/services/platform/civil"
	"coso/services/platform/store"
)

// Question gathers what the progress of a unit is computed from: all indicators in order of their names, the unit's
// subtree in a tree on the last day that is counted, every unit's own result and targets. Its cost does not grow with the number of facts.
func Question(r store.Reader, u *registrypb.Unit, p *planningpb.Period, tree string, asOf civil.Date) (*progress.Question, error) {
	first, last, err := period.Window(p, asOf)
	if err != nil {
		return nil, err
	}
	q := &progress.Question{Period: p, AsOf: asOf.String(), From: first.String(), To: last.String()}
	for in, err := range Indicators.All(r) {
		if err != nil {
			return nil, err
		}
		q.Indicators = append(q.Indicators, in)
	}
	units, err := Subtree(r, u, tree, last)
	if err != nil {
		return nil, err
	}
	lines := linesOf(q.Indicators)
	for _, n := range units {
		own, err := ownResults(r, lines, len(q.Indicators), n.Unit.GetName(), first, last)
		if err != nil {
			return nil, err
		}
		targets, err := ownTargets(r, q.Indicators, n.Unit.GetName(), p.GetName())
		if err != nil {
			return nil, err
		}
		q.Nodes = append(q.Nodes, progress.Node{
			Unit: n.Unit.GetName(), DisplayName: n.Unit.GetDisplayName(), Parent: n.Parent, Closed: n.Closed,
			Own: own, Targets: targets,
		})
	}
	return q, nil
}

// counted is one measure and kind.
type counted struct {
	measure planningpb.Measure
	kind    string
}

// linesOf says which indicators add up a measure and kind, by their places, so that each is counted once.
func linesOf(indicators []*planningpb.Indicator) map[counted][]int {
	lines := map[counted][]int{}
	for i, in := range indicators {
		for _, kind := range in.GetKinds() {
			c := counted{in.GetMeasure(), kind}
			lines[c] = append(lines[c], i)
		}
	}
	return lines
}

// ownResults is what one unit itself reached, by indicator.
func ownResults(r store.Reader, lines map[counted][]int, n int, unit string, first, last civil.Date) ([]int64, error) {
	own := make([]int64, n)
	for c, places := range lines {
		amount, err := Counted(r, c.measure, c.kind, unit, first, last)
		if err != nil {
			return nil, err
		}
		for _, i := range places {
			own[i] += amount
		}
	}
	return own, nil
}

// ownTargets are a unit's targets in a period, by indicator.
func ownTargets(r store.Reader, indicators []*planningpb.Indicator, unit, period string) ([]*planningpb.Target, error) {
	byIndicator := map[string]*planningpb.Target{}
	for t, err := range Targets.By(r, TargetsByPlan, store.Text(period).Text(unit)) {
		if err != nil {
			return nil, err
		}
		byIndicator[t.GetIndicator()] = t
	}
	targets := make([]*planningpb.Target, len(indicators))
	for i, in := range indicators {
		targets[i] = byIndicator[in.GetName()]
	}
	return targets, nil
}

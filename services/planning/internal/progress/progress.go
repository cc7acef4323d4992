// Package progress computes how far a unit is: what it and all units below it reached, held against what was assigned
// to it. It reads nothing; what it is given decides what it answers.
//
// INV-PROGRESS-OWN-TARGET: a unit's figure is the result of its whole subtree against its own target; the targets of the
// units below are never summed.
// INV-PROGRESS-BELOW: a total never hides failing units: every unit below that still exists, with an assigned target that
// its own subtree has not reached, is listed by name.
package progress

import (
	"bytes"
	"slices"
	"strings"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/text"
)

// Node is one unit of a subtree.
type Node struct {
	// Unit is the resource name, DisplayName what it is called.
	Unit, DisplayName string
	// Parent is the place in Question.Nodes of the unit above it; of the first node it means nothing.
	Parent int
	// Closed says that the unit is no more: its result counts for the units above it, its targets do not.
	Closed bool
	// Own is what the unit itself reached, by indicator.
	Own []int64
	// Targets are the unit's own, by indicator; nil: none.
	Targets []*planningpb.Target
}

// Question is what a progress is computed from.
type Question struct {
	// Indicators are the lines, in order.
	Indicators []*planningpb.Indicator
	Period     *planningpb.Period
	// AsOf is the day of the tree; From and To are the first and the last legal date that were counted.
	AsOf, From, To string
	// Nodes are the unit that is asked for, first, and all units below it, each after the one above it.
	Nodes []Node
}

// Of computes the progress, in time linear in units and indicators but for putting the units below plan in order.
func Of(q *Question) *planningpb.Progress {
	root := q.Nodes[0]
	out := &planningpb.Progress{
		Unit: root.Unit, UnitDisplayName: root.DisplayName, Period: q.Period.GetName(),
		AsOf: q.AsOf, CountedFrom: q.From, CountedTo: q.To,
	}
	for i, in := range q.Indicators {
		out.Indicators = append(out.Indicators, line(q, i, in))
	}
	return out
}

func line(q *Question, i int, in *planningpb.Indicator) *planningpb.IndicatorProgress {
	sums := subtreeSums(q.Nodes, i)
	out := &planningpb.IndicatorProgress{
		Indicator: in.GetName(), DisplayName: in.GetDisplayName(), Figure: Figure(sums[0], q.Nodes[0].Targets[i]),
	}
	out.Sentence = Sentence(in, q.Period, out.GetFigure())
	for k, n := range q.Nodes[1:] {
		f := Figure(sums[k+1], n.Targets[i])
		if f.AssignedValue == nil || n.Closed {
			continue
		}
		out.PlannedUnitCount++
		if f.GetStanding() == planningpb.Standing_STANDING_MISSED {
			out.BelowPlan = append(out.BelowPlan, &planningpb.UnitFigure{Unit: n.Unit, DisplayName: n.DisplayName, Figure: f})
		}
	}
	sortByName(out.GetBelowPlan())
	return out
}

// subtreeSums adds every unit's own result to all units above it: a unit stands after the one above it, so backwards
// each sum is whole before it is passed on.
func subtreeSums(nodes []Node, i int) []int64 {
	sums := make([]int64, len(nodes))
	for k := len(nodes) - 1; k >= 0; k-- {
		sums[k] += nodes[k].Own[i]
		if k > 0 {
			sums[nodes[k].Parent] += sums[k]
		}
	}
	return sums
}

// sortByName puts units in the order of their names in the Vietnamese alphabet; of the same name, of resource names.
func sortByName(units []*planningpb.UnitFigure) {
	keys := make(map[string][]byte, len(units))
	for _, u := range units {
		keys[u.GetUnit()] = text.SortKey(u.GetDisplayName())
	}
	slices.SortFunc(units, func(a, b *planningpb.UnitFigure) int {
		if c := bytes.Compare(keys[a.GetUnit()], keys[b.GetUnit()]); c != 0 {
			return c
		}
		return strings.Compare(a.GetUnit(), b.GetUnit())
	})
}

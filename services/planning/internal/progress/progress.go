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
	"cmp"
	"slices"
	"strings"

	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/text"
)

// Node is one unit of a subtree.
type Node struct {
	// Unit is the resource name, DisplayName what it is called.
	Unit, DisplayName string
	// Rank orders the units below plan, as Ranks has it.
	Rank int
	// Parent is the place in Board.Nodes of the unit above it; of the first node it means nothing.
	Parent int
	// Closed says that the unit is no more: its result counts for the units above it, its targets do not.
	Closed bool
	// Targets are the unit's own, by indicator, nil where it has none; nil: it has none at all.
	Targets []*planningpb.Target
}

func (n *Node) target(i int) *planningpb.Target {
	if n.Targets == nil {
		return nil
	}
	return n.Targets[i]
}

// Board is what results are held against. It is not changed once made, and may be used for many questions at once.
type Board struct {
	// Indicators are the lines, in order.
	Indicators []*planningpb.Indicator
	// Nodes are the unit that is asked for, first, and all units below it, each after the one above it.
	Nodes []Node
	// planned are the units below with assigned targets, by indicator.
	planned [][]planned
}

// planned is a unit with an assigned target.
type planned struct {
	node     int
	assigned int64
}

// NewBoard makes a board.
func NewBoard(indicators []*planningpb.Indicator, nodes []Node) *Board {
	b := &Board{Indicators: indicators, Nodes: nodes, planned: make([][]planned, len(indicators))}
	for i := range indicators {
		for k := 1; k < len(nodes); k++ {
			if t := nodes[k].target(i); t != nil && t.AssignedValue != nil && !nodes[k].Closed {
				b.planned[i] = append(b.planned[i], planned{k, t.GetAssignedValue()})
			}
		}
	}
	return b
}

// SumUp turns what each unit itself reached, for each node and indicator in order, into what it reached with all units
// below it: a unit stands after the one above it, so backwards each sum is whole before it is passed on.
func (b *Board) SumUp(own []int64) {
	n := len(b.Indicators)
	for k := len(b.Nodes) - 1; k > 0; k-- {
		above := b.Nodes[k].Parent * n
		for i, sum := range own[k*n : (k+1)*n] {
			own[above+i] += sum
		}
	}
}

// Question is what a progress is computed from.
type Question struct {
	*Board

	Period *planningpb.Period
	// AsOf is the day of the tree; From and To are the first and the last legal date that were counted.
	AsOf, From, To string
	// Results is what each unit reached with all units below it: for each node in order, a number for each indicator.
	Results []int64
}

// Of computes the progress, in time linear in units and indicators but for putting the units below plan in order. What
// it answers shares nothing with q that could be changed.
func Of(q *Question) *planningpb.Progress {
	root := q.Nodes[0]
	out := &planningpb.Progress{
		Unit: root.Unit, UnitDisplayName: root.DisplayName, Period: q.Period.GetName(),
		AsOf: q.AsOf, CountedFrom: q.From, CountedTo: q.To,
		Indicators: make([]*planningpb.IndicatorProgress, len(q.Indicators)),
	}
	for i, in := range q.Indicators {
		out.Indicators[i] = line(q, i, in)
	}
	return out
}

func line(q *Question, i int, in *planningpb.Indicator) *planningpb.IndicatorProgress {
	n := len(q.Indicators)
	out := &planningpb.IndicatorProgress{
		Indicator: in.GetName(), DisplayName: in.GetDisplayName(), Figure: Figure(q.Results[i], q.Nodes[0].target(i)),
		PlannedUnitCount: int64(len(q.planned[i])),
	}
	out.Sentence = Sentence(in, q.Period, out.GetFigure())
	var below []int
	for _, p := range q.planned[i] {
		if q.Results[p.node*n+i] < p.assigned {
			below = append(below, p.node)
		}
	}
	slices.SortFunc(below, func(a, b int) int { return cmp.Compare(q.Nodes[a].Rank, q.Nodes[b].Rank) })
	out.BelowPlan = make([]*planningpb.UnitFigure, len(below))
	for at, k := range below {
		u := &q.Nodes[k]
		out.BelowPlan[at] = &planningpb.UnitFigure{
			Unit: u.Unit, DisplayName: u.DisplayName, Figure: Figure(q.Results[k*n+i], u.target(i)),
		}
	}
	return out
}

// Ranks are the places of units in the order of their names in the Vietnamese alphabet; of the same name, of resource
// names.
func Ranks(units []*registrypb.Unit) []int {
	keys, order, ranks := make([][]byte, len(units)), make([]int, len(units)), make([]int, len(units))
	for i, u := range units {
		keys[i], order[i] = text.SortKey(u.GetDisplayName()), i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(bytes.Compare(keys[a], keys[b]), strings.Compare(units[a].GetName(), units[b].GetName()))
	})
	for rank, i := range order {
		ranks[i] = rank
	}
	return ranks
}

package records

import (
	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/period"
	"coso/services/planning/internal/progress"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// Question gathers what the progress of a known unit is computed from: all indicators in order of their names, the unit's
// subtree in a tree on the last day that is counted, every unit's result and targets. Its cost does not grow with the
// number of facts; asked again before a fact, unit, target or indicator has changed, nothing is read but stamps. The
// answer is shared: it must not be changed. InvalidArgument for a tree in which no unit was ever placed.
func (a *Atlas) Question(r store.Reader, root string, p *planningpb.Period, tree string, asOf civil.Date) (*progress.Question, error) {
	first, last, err := period.Window(p, asOf)
	if err != nil {
		return nil, err
	}
	g, err := a.gazetteerWith(r, tree)
	if err != nil {
		return nil, err
	}
	key := boardKey{
		units: unitStamp.Of(r, ""), indicators: indicatorStamp.Of(r, ""), targets: targetStamp.Of(r, p.GetName()),
		root: root, tree: tree, period: p.GetName(), turn: g.turn(last),
	}
	b, err := a.boards.take(key, func() (*board, int, error) { return a.newBoard(r, g, key, last) })
	if err != nil {
		return nil, err
	}
	if len(b.Nodes) == 0 { // the unit is there, but not the stamp of the units
		return nil, fault.Unavailable(faultpb.Reason_REASON_INDEX_REBUILDING, "", "name", "units")
	}
	counted := resultKey{board: key, facts: stampOfFacts(r), first: first, last: last}
	results, err := a.results.take(counted, func() ([]int64, int, error) {
		if counted.facts == (store.Mark{}) {
			return make([]int64, len(b.Nodes)*len(b.Indicators)), len(b.Nodes), nil
		}
		own, err := b.subtree.results(r, b.catalogue, first, last)
		if err != nil {
			return nil, 0, err
		}
		b.SumUp(own)
		_, _, late := Periods.Find(r, p.GetName()) // a walk ends early when the time is over
		return own, len(b.Nodes), late
	})
	return &progress.Question{
		Board: b.Board, Period: p, AsOf: asOf.String(), From: first.String(), To: last.String(), Results: results,
	}, err
}

// board is everything about the progress of a unit but the results.
type board struct {
	*progress.Board

	catalogue *catalogue
	subtree   *subtree
}

// boardKey says what a board is made of.
type boardKey struct {
	units, indicators, targets store.Mark
	root, tree, period         string
	turn                       int
}

// resultKey says what results are made of.
type resultKey struct {
	board       boardKey
	facts       store.Mark
	first, last civil.Date
}

func (a *Atlas) newBoard(r store.Reader, g *gazetteer, key boardKey, day civil.Date) (*board, int, error) {
	c, err := a.catalogue(r)
	if err != nil {
		return nil, 0, err
	}
	s, err := g.subtree(key.root, key.tree, day)
	if err != nil {
		return nil, 0, err
	}
	nodes, ranks := make([]progress.Node, len(s.units)), g.ranks()
	for i, u := range s.units {
		nodes[i] = progress.Node{
			Unit: g.units[u].GetName(), DisplayName: g.units[u].GetDisplayName(), Rank: ranks[u],
			Parent: int(s.parents[i]), Closed: s.closed[i],
		}
		if key.targets == (store.Mark{}) {
			continue
		}
		if nodes[i].Targets, err = c.targets(r, key.period, nodes[i].Unit); err != nil {
			return nil, 0, err
		}
	}
	return &board{progress.NewBoard(c.indicators, nodes), c, s}, len(nodes), nil
}

// targets are a unit's targets in a period, by indicator; nil: none at all.
func (c *catalogue) targets(r store.Reader, period, unit string) ([]*planningpb.Target, error) {
	var targets []*planningpb.Target
	for t, err := range Targets.By(r, TargetsByPlan, store.Text(period).Text(unit)) {
		if err != nil {
			return nil, err
		}
		if i, ok := c.at[t.GetIndicator()]; ok {
			if targets == nil {
				targets = make([]*planningpb.Target, len(c.indicators))
			}
			targets[i] = t
		}
	}
	return targets, nil
}

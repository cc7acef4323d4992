package records

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/crossing"
	"coso/services/planning/internal/indicator"
	"coso/services/planning/internal/period"
	"coso/services/planning/internal/progress"
	"coso/services/planning/internal/unit"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// Judge holds targets against their results as they are now, and announces the crossings that have come or gone, in
// order of the targets' names, as a part of the command tx: INV-CROSSING-TRUE; and the figures that have changed of targets
// that were exceeded once: INV-CROSSING-FIGURE. Targets without an assigned value are
// passed over.
//
// A result is judged over the period's whole window, on the Party tree as it stands on the cut-off day, or on the unit's
// own last day if it is closed by then. The cut-off day counts even while it lies ahead: what is recorded decides, not
// when it is looked at, so the same records give the same crossings in whatever order and at whatever time they came.
func (a *Atlas) Judge(tx *store.Tx, targets ...*planningpb.Target) error {
	return a.newJudge(tx).judge(targets)
}

// judge reads what several targets share once. It is good for one judgement in one command.
type judge struct {
	atlas      *Atlas
	tx         *store.Tx
	indicators map[string]*planningpb.Indicator
	periods    map[string]*planningpb.Period
	units      map[string]*registrypb.Unit
	results    map[result][]int64
}

// result names what a unit and all below it reached in a period, by indicator.
type result struct{ unit, period string }

func (a *Atlas) newJudge(tx *store.Tx) *judge {
	return &judge{
		atlas: a, tx: tx, indicators: map[string]*planningpb.Indicator{}, periods: map[string]*planningpb.Period{},
		units: map[string]*registrypb.Unit{}, results: map[result][]int64{},
	}
}

func (j *judge) judge(targets []*planningpb.Target) error {
	slices.SortFunc(targets, func(a, b *planningpb.Target) int { return strings.Compare(a.GetName(), b.GetName()) })
	for _, t := range targets {
		if t.AssignedValue == nil {
			continue
		}
		if err := j.one(t); err != nil {
			return fmt.Errorf("judge %s: %w", t.GetName(), err)
		}
	}
	return nil
}

func (j *judge) one(t *planningpb.Target) error {
	actual, err := j.actual(t)
	if err != nil {
		return err
	}
	last, _, err := Crossings.Find(j.tx, t.GetName())
	if err != nil {
		return err
	}
	next, steps := crossing.Judge(last, t, actual)
	figure := progress.Figure(actual, t)
	changed := crossing.Follow(last, next, t, figure, steps)
	if proto.Equal(last, next) {
		return nil
	}
	if err := Crossings.Put(j.tx, next); err != nil {
		return err
	}
	if changed {
		if err := j.tx.Emit(&planningpb.TargetFigureChanged{Target: t.GetName(), Figure: figure}, t.GetName()); err != nil {
			return err
		}
	}
	if len(steps) == 0 {
		return nil
	}
	evidence, err := j.evidence(t, actual)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if err := j.tx.Emit(announcement(s, evidence), t.GetName()); err != nil {
			return err
		}
	}
	return nil
}

func announcement(s crossing.Step, e *planningpb.Evidence) proto.Message {
	switch s {
	case crossing.ExcessWithdrawn:
		return &planningpb.TargetExcessWithdrawn{Evidence: e}
	case crossing.ReachWithdrawn:
		return &planningpb.TargetReachWithdrawn{Evidence: e}
	case crossing.Reached:
		return &planningpb.TargetReached{Evidence: e}
	case crossing.Exceeded:
		return &planningpb.TargetExceeded{Evidence: e}
	}
	panic(fmt.Sprintf("records: crossing step %d", s))
}

// evidence is what a judgement rests on. What is proposed for the target is no part of it.
func (j *judge) evidence(t *planningpb.Target, actual int64) (*planningpb.Evidence, error) {
	in, err := once(j.tx, j.indicators, Indicators.Get, t.GetIndicator())
	if err != nil {
		return nil, err
	}
	p, err := once(j.tx, j.periods, Periods.Get, t.GetPeriod())
	if err != nil {
		return nil, err
	}
	u, err := once(j.tx, j.units, Units.Get, t.GetUnit())
	judged := proto.CloneOf(t)
	judged.Proposal, judged.Rejection = nil, nil
	return &planningpb.Evidence{
		Target: judged, Indicator: in, Period: p, UnitDisplayName: u.GetDisplayName(), Figure: progress.Figure(actual, t),
	}, err
}

// once reads a record the first time it is asked for.
func once[T any](r store.Reader, read map[string]T, get func(store.Reader, string) (T, error), name string) (T, error) {
	if rec, ok := read[name]; ok {
		return rec, nil
	}
	rec, err := get(r, name)
	if err == nil {
		read[name] = rec
	}
	return rec, err
}

// actual is the result of a target: that of its unit's subtree over the whole window of its period.
func (j *judge) actual(t *planningpb.Target) (int64, error) {
	c, err := j.atlas.catalogue(j.tx)
	if err != nil {
		return 0, err
	}
	of := result{t.GetUnit(), t.GetPeriod()}
	sums, ok := j.results[of]
	if !ok {
		if sums, err = j.sum(c, of); err != nil {
			return 0, err
		}
		j.results[of] = sums
	}
	if i, ok := c.at[t.GetIndicator()]; ok {
		return sums[i], nil
	}
	return 0, nil // only while stamps are built anew: the command is Unavailable in the end
}

func (j *judge) sum(c *catalogue, of result) ([]int64, error) {
	p, err := once(j.tx, j.periods, Periods.Get, of.period)
	if err != nil {
		return nil, err
	}
	cutOff, err := period.CutOff(p)
	if err != nil {
		return nil, err
	}
	first, last, err := period.Window(p, cutOff)
	if err != nil {
		return nil, err
	}
	u, err := once(j.tx, j.units, Units.Get, of.unit)
	if err != nil {
		return nil, err
	}
	day, err := unit.LastDay(u, cutOff)
	if err != nil {
		return nil, fault.Internal(err)
	}
	g, err := j.atlas.gazetteer(j.tx)
	if err != nil {
		return nil, err
	}
	s, err := g.subtree(of.unit, unit.PartyTree, day)
	if err != nil {
		return nil, err
	}
	own, err := s.results(j.tx, c, first, last)
	if err != nil {
		return nil, err
	}
	sums := make([]int64, len(c.indicators))
	for i, n := range own {
		sums[i%len(sums)] += n
	}
	return sums, nil
}

// concerned says whether a fact may be a part of a target's result, its unit aside.
func (j *judge) concerned(t *planningpb.Target, facts []*planningpb.Fact) (bool, error) {
	in, err := once(j.tx, j.indicators, Indicators.Get, t.GetIndicator())
	if err != nil {
		return false, err
	}
	p, err := once(j.tx, j.periods, Periods.Get, t.GetPeriod())
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(facts, func(f *planningpb.Fact) bool {
		day := f.GetLegalDate() // dates compare as their strings do
		return indicator.Counts(in, f) && p.GetStartDate() <= day && day <= p.GetCutOffDate()
	}), nil
}

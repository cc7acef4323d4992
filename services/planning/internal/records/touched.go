package records

import (
	"maps"
	"slices"

	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/unit"
	"coso/services/platform/store"
)

// Touched notes what one command has changed of facts and units, so that every target which that may concern is judged
// once, when the command is complete. It belongs to one run of one command's closure and is not safe for concurrent
// use.
type Touched struct {
	atlas *Atlas
	facts map[string][]*planningpb.Fact // by unit: what came or went
	units map[string]bool               // whose life or place changed, and what they hung under before
}

// NewTouched has noted nothing.
func (a *Atlas) NewTouched() *Touched {
	return &Touched{atlas: a, facts: map[string][]*planningpb.Fact{}, units: map[string]bool{}}
}

// ReplaceFacts sets what a source contributes, unless what is known of it is as new or newer.
func (c *Touched) ReplaceFacts(tx *store.Tx, set *planningpb.FactSet) error {
	old, known, err := Facts.Find(tx, set.GetSource())
	if err != nil || known && old.GetSourceRevision() >= set.GetSourceRevision() {
		return err
	}
	for _, f := range slices.Concat(old.GetFacts(), set.GetFacts()) {
		c.facts[f.GetUnit()] = append(c.facts[f.GetUnit()], f)
	}
	return Facts.Put(tx, set)
}

// ReplaceUnit sets the copy of a unit, unless the known one is as new or newer.
func (c *Touched) ReplaceUnit(tx *store.Tx, u *registrypb.Unit) error {
	old, known, err := Units.Find(tx, u.GetName())
	if err != nil || known && old.GetRevision() >= u.GetRevision() {
		return err
	}
	c.units[u.GetName()] = true
	for _, p := range old.GetPlacements() {
		if p.GetTree() == unit.PartyTree && p.GetParent() != "" {
			c.units[p.GetParent()] = true
		}
	}
	return Units.Put(tx, u)
}

// Judge judges the targets of every touched unit and of all units above it on any day, once each. Of a unit that only
// facts have touched, targets that count none of those facts are passed over.
func (c *Touched) Judge(tx *store.Tx) error {
	facts, units, err := c.spread(tx)
	if err != nil {
		return err
	}
	j := c.atlas.newJudge(tx)
	var targets []*planningpb.Target
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		for t, err := range Targets.By(tx, TargetsByUnit, store.Text(name)) {
			if err != nil {
				return err
			}
			concerned := units[name]
			if !concerned {
				if concerned, err = j.concerned(t, facts[name]); err != nil {
					return err
				}
			}
			if concerned {
				targets = append(targets, t)
			}
		}
	}
	return j.judge(targets)
}

// spread passes what touched a unit on to all units above it. facts holds every unit concerned, some without facts.
func (c *Touched) spread(tx *store.Tx) (facts map[string][]*planningpb.Fact, units map[string]bool, err error) {
	facts, units = map[string][]*planningpb.Fact{}, map[string]bool{}
	for name, of := range c.facts {
		above, err := everAbove(tx, name, unit.PartyTree)
		if err != nil {
			return nil, nil, err
		}
		for _, a := range above {
			facts[a] = append(facts[a], of...)
		}
	}
	for name := range c.units {
		above, err := everAbove(tx, name, unit.PartyTree)
		if err != nil {
			return nil, nil, err
		}
		for _, a := range above {
			units[a] = true
			if _, there := facts[a]; !there {
				facts[a] = nil
			}
		}
	}
	return facts, units, nil
}

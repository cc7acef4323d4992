// Package records is planning's tables, and what is read and judged across them.
//
//	records (journalled, each change an event)
//	  indicators   indicators/{id}          → Indicator
//	  periods      periods/{id}             → Period
//	  targets      targets/{id}             → Target
//	    plan       period, unit, indicator  one target each, withdrawn ones aside: INV-TARGET-ONE
//	    unit       unit
//	    period     period
//	    indicator  indicator
//
//	copies (journalled, no events)
//	  units        units/{id}               → registry's Unit, as last announced
//	  facts        organisations/{id}, intakes/{id}
//	                                        → FactSet: what the source contributes now
//	  crossings    targets/{id}             → Crossing: what was last announced of the target, and its figure
//	                                        once it was exceeded
//	  grants       grants/{id}              → registry's Grant, as last announced
//	    principal-end  principal, end       the grants of somebody by their ends
//
//	derived (built anew from their sources when their versions change)
//	  counters     year, unit               → what the unit has reached by each day of the year, by measure and kind
//	               0                        → the stamp of the facts
//	  ledger       unit, line, day, source  → one fact, for those who ask what a figure counted
//	  …-stamp      of units, indicators; of targets by period, of grants by principal
//	                                        → what there is of them, in 32 bytes
//
// INV-COUNT-SUM: the counters are at any time what a recount of the facts gives.
// INV-ATLAS-STAMP: what an Atlas answers is what reading the tables anew would give, in any store, in and behind any command.
// INV-CROSSING-TRUE: after every command the crossings of all assigned targets are what package crossing judges them to
// be on the counters, units and periods as they are then.
package records

import (
	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/target"
	"coso/services/platform/scope"
	"coso/services/platform/store"
)

// The tables of records.
var (
	Indicators = store.NewTable("indicators", (*planningpb.Indicator).GetName, store.In(everybodys[*planningpb.Indicator]), store.Catalogue[*planningpb.Indicator](), indicatorStamp)
	Periods    = store.NewTable("periods", (*planningpb.Period).GetName, store.In(everybodys[*planningpb.Period]), store.Catalogue[*planningpb.Period]())
	Targets    = store.NewTable("targets", (*planningpb.Target).GetName, store.In((*planningpb.Target).GetUnit), TargetsByPlan, TargetsByUnit, TargetsByPeriod, TargetsByIndicator, targetStamp)
)

// The copies of what other services announce, and of what was announced to them.
var (
	Units     = store.NewCopy("units", (*registrypb.Unit).GetName, store.In((*registrypb.Unit).GetName), unitStamp)
	Facts     = store.NewCopy("facts", (*planningpb.FactSet).GetSource, Counters, Ledger)
	Crossings = store.NewCopy("crossings", (*planningpb.Crossing).GetTarget)
	Grants    = store.NewCopy("grants", (*registrypb.Grant).GetName, GrantsByPrincipal, GrantsStamp)
)

// GrantsByPrincipal finds the grants of somebody that have not ended.
var GrantsByPrincipal = scope.NewByPrincipal()

// GrantsStamp marks the grants of somebody as they are.
var GrantsStamp = scope.NewGrantsStamp()

// Book answers what principals may do.
var Book = scope.NewBook(Units, unitStamp, Grants, GrantsByPrincipal, GrantsStamp)

// everybodys: the catalogue belongs to the whole installation.
func everybodys[T any](T) string { return "" }

// TargetsByPlan finds the target of a period, unit and indicator, or those of a unit in a period; no withdrawn ones.
var TargetsByPlan = store.NewUnique("plan", faultpb.Reason_REASON_TARGET_TAKEN, "indicator", planOf)

func planOf(t *planningpb.Target) []store.Key {
	if target.Withdrawn(t) {
		return nil
	}
	return []store.Key{store.Text(t.GetPeriod()).Text(t.GetUnit()).Text(t.GetIndicator())}
}

// TargetsByUnit finds the targets of a unit.
var TargetsByUnit = store.NewIndex("unit", unitOf)

func unitOf(t *planningpb.Target) []store.Key { return []store.Key{store.Text(t.GetUnit())} }

// TargetsByPeriod finds the targets of a period.
var TargetsByPeriod = store.NewIndex("period", periodOf)

func periodOf(t *planningpb.Target) []store.Key { return []store.Key{store.Text(t.GetPeriod())} }

// TargetsByIndicator finds the targets of an indicator.
var TargetsByIndicator = store.NewIndex("indicator", indicatorOf)

func indicatorOf(t *planningpb.Target) []store.Key { return []store.Key{store.Text(t.GetIndicator())} }

// Resting is the first target of an index's key that is not withdrawn; nil: there is none.
func Resting(tx *store.Tx, in *store.Index[*planningpb.Target], key string) (*planningpb.Target, error) {
	for t, err := range Targets.By(tx, in, store.Text(key)) {
		if err != nil || !target.Withdrawn(t) {
			return t, err
		}
	}
	return nil, nil //nolint:nilnil // none is an answer
}

// Schema is everything planning's store holds.
var Schema = store.NewSchema(Indicators, Periods, Targets.Judged(newTargets), Units, Facts, Crossings, Grants)

package records

import (
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/target"
	"coso/services/platform/store"
)

// TargetRefs reads the records that targets name, for a transaction that changes none of them.
func TargetRefs(r store.Reader) func(t *planningpb.Target) (target.Refs, error) {
	units, indicators, periods := Units.Remembering(r), Indicators.Remembering(r), Periods.Remembering(r)
	return func(t *planningpb.Target) (refs target.Refs, err error) {
		if refs.Unit, _, err = units(t.GetUnit()); err != nil {
			return refs, err
		}
		if refs.Indicator, _, err = indicators(t.GetIndicator()); err != nil {
			return refs, err
		}
		refs.Period, _, err = periods(t.GetPeriod())
		return refs, err
	}
}

// newTargets judges targets that were put aside.
func newTargets(tx *store.Tx) func(*planningpb.Target) error {
	named := TargetRefs(tx)
	return func(t *planningpb.Target) error {
		refs, err := named(t)
		if err != nil {
			return err
		}
		return target.Check(t, refs)
	}
}

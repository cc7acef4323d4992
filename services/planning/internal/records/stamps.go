package records

import (
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/store"
)

// The stamps of what is kept in an Atlas; those of targets by period.
var (
	unitStamp      = store.NewWholeStamp[*registrypb.Unit]("units-stamp")
	indicatorStamp = store.NewWholeStamp[*planningpb.Indicator]("indicators-stamp")
	targetStamp    = store.NewStamp("targets-stamp", (*planningpb.Target).GetPeriod)
)

// stampOfFacts reads the stamp of the facts, which lies among the counters: as long as these are built anew it is the zero
// stamp, and no result that rests on half of them is kept.
func stampOfFacts(r store.Reader) (sum store.Mark) {
	copy(sum[:], Counters.In(r).Get(factStampKey))
	return sum
}

// factStampKey is in no year.
var factStampKey = rowsOf(0)

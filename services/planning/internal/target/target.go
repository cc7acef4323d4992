// Package target holds the rules of targets (chỉ tiêu được giao): what a unit registers and what is assigned to it. A
// target is one unit's own; those of the units below are never summed into it. The rules are pure; fields
// named in refusals are those of the target.
//
// INV-TARGET-ONE: a unit has at most one target per indicator and period, withdrawn ones aside (kept by the table's unique index).
// INV-TARGET-ASSIGNED: the assigned value changes only by an assignment with its decision, and each one is a version.
// INV-TARGET-FOUR-EYES: no value counts that one person alone brought about: it was proposed by one and approved by another
// who saw it.
// INV-TARGET-WITHDRAWN-FINAL: a withdrawn target never changes again, and none rests on a withdrawn indicator or period.
// INV-TARGET-UNKNOWN-FIELDS: what a newer version wrote survives every rule.
package target

import (
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
)

// Refs are the records that a target names, as stored; nil where there is none of the name.
type Refs struct {
	Unit      *registrypb.Unit
	Indicator *planningpb.Indicator
	Period    *planningpb.Period
}

// Register makes the target asked for, under name, with nothing assigned. FailedPrecondition UNIT_UNKNOWN,
// INDICATOR_UNKNOWN or PERIOD_UNKNOWN for what is not known, INDICATOR_WITHDRAWN or PERIOD_WITHDRAWN.
func Register(asked *planningpb.Target, name string, refs Refs) (*planningpb.Target, *planningpb.TargetRegistered, error) {
	next := proto.CloneOf(asked)
	next.Name = name
	if err := Check(next, refs); err != nil {
		return nil, nil, err
	}
	next.AssignedValue, next.AssignedDecision, next.Version = nil, "", 0
	next.Proposal, next.Rejection = nil, nil
	return next, &planningpb.TargetRegistered{}, nil
}

// Check judges a new target on what it names. Errors as Register.
func Check(t *planningpb.Target, refs Refs) error {
	switch {
	case refs.Unit == nil:
		return fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_UNKNOWN, "unit", "name", t.GetUnit())
	case refs.Indicator == nil:
		return fault.FailedPrecondition(faultpb.Reason_REASON_INDICATOR_UNKNOWN, "indicator", "name", t.GetIndicator())
	case refs.Period == nil:
		return fault.FailedPrecondition(faultpb.Reason_REASON_PERIOD_UNKNOWN, "period", "name", t.GetPeriod())
	case refs.Indicator.GetState() == planningpb.IndicatorState_INDICATOR_STATE_WITHDRAWN:
		return fault.FailedPrecondition(faultpb.Reason_REASON_INDICATOR_WITHDRAWN, "indicator", "name", t.GetIndicator())
	case refs.Period.GetState() == planningpb.PeriodState_PERIOD_STATE_WITHDRAWN:
		return fault.FailedPrecondition(faultpb.Reason_REASON_PERIOD_WITHDRAWN, "period", "name", t.GetPeriod())
	}
	return nil
}

// Update changes cur to merged, which is cur with what the caller changed: the registered value. No event, and cur itself,
// if that is nothing. FailedPrecondition TARGET_WITHDRAWN once withdrawn.
func Update(cur, merged *planningpb.Target) (*planningpb.Target, *planningpb.TargetUpdated, error) {
	if Withdrawn(cur) {
		return nil, nil, refuse(cur)
	}
	if proto.Equal(cur, merged) {
		return cur, nil, nil
	}
	return merged, &planningpb.TargetUpdated{}, nil
}

// Withdraw marks cur as entered in error: it never was, and nothing is proposed for it any more. Its record and its name stay, its unit may register another one for
// the same indicator and period. FailedPrecondition TARGET_WITHDRAWN if it was withdrawn before.
func Withdraw(cur *planningpb.Target, cmd *planningpb.WithdrawTargetRequest) (*planningpb.Target, *planningpb.TargetWithdrawn, error) {
	if Withdrawn(cur) {
		return nil, nil, refuse(cur)
	}
	next := proto.CloneOf(cur)
	next.State, next.WithdrawalReason, next.Proposal = planningpb.TargetState_TARGET_STATE_WITHDRAWN, cmd.GetReason(), nil
	return next, &planningpb.TargetWithdrawn{}, nil
}

// Withdrawn says whether a target was entered in error.
func Withdrawn(t *planningpb.Target) bool {
	return t.GetState() == planningpb.TargetState_TARGET_STATE_WITHDRAWN
}

func refuse(t *planningpb.Target) error {
	return fault.FailedPrecondition(faultpb.Reason_REASON_TARGET_WITHDRAWN, "name", "name", t.GetName())
}

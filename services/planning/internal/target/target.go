// Package target holds the rules of targets (chỉ tiêu được giao): what a unit registers and what is assigned to it. A
// target is one unit's own; those of the units below are never summed into it. The rules are pure; fields
// named in refusals are those of the target.
//
// INV-TARGET-ONE: a unit has at most one target per indicator and period (kept by the table's unique index).
// INV-TARGET-ASSIGNED: the assigned value changes only by an assignment with its decision, and each one is a version.
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
// INDICATOR_UNKNOWN or PERIOD_UNKNOWN for what is not known.
func Register(asked *planningpb.Target, name string, refs Refs) (*planningpb.Target, *planningpb.TargetRegistered, error) {
	next := proto.CloneOf(asked)
	next.Name = name
	switch {
	case refs.Unit == nil:
		return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_UNKNOWN, "unit", "name", next.GetUnit())
	case refs.Indicator == nil:
		return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_INDICATOR_UNKNOWN, "indicator", "name", next.GetIndicator())
	case refs.Period == nil:
		return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_PERIOD_UNKNOWN, "period", "name", next.GetPeriod())
	}
	next.AssignedValue, next.AssignedDecision, next.Version = nil, "", 0
	return next, &planningpb.TargetRegistered{}, nil
}

// Update changes cur to merged, which is cur with what the caller changed: the registered value. No event, and cur itself,
// if that is nothing.
func Update(cur, merged *planningpb.Target) (*planningpb.Target, *planningpb.TargetUpdated) {
	if proto.Equal(cur, merged) {
		return cur, nil
	}
	return merged, &planningpb.TargetUpdated{}
}

// Assign gives a target the value that counts, with the decision that says so: the next version, INV-TARGET-ASSIGNED.
func Assign(cur *planningpb.Target, cmd *planningpb.AssignTargetRequest) (*planningpb.Target, *planningpb.TargetAssigned) {
	next := proto.CloneOf(cur)
	next.AssignedValue = new(cmd.GetAssignedValue())
	next.AssignedDecision = cmd.GetAssignedDecision()
	next.Version++
	return next, &planningpb.TargetAssigned{}
}

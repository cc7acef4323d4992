// Package period holds the rules of reporting periods (kỳ báo cáo): which days they count. The rules are pure; fields named
// in refusals are those of the period.
//
// INV-PERIOD-ORDER: start ≤ cut-off ≤ end.
// INV-PERIOD-WINDOW: counted are the legal dates from the start to the earlier of the day asked for and the cut-off,
// both included.
// INV-PERIOD-WITHDRAWN-FINAL: a period is withdrawn only while no target that is not withdrawn rests on it, and never changes
// again.
// INV-PERIOD-UNKNOWN-FIELDS: what a newer version wrote survives every rule.
package period

import (
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
)

// Create makes the period asked for, under name. InvalidArgument DATE_INVALID for a date that is none, PERIOD_ORDER for
// dates out of order: INV-PERIOD-ORDER.
func Create(asked *planningpb.Period, name string) (*planningpb.Period, *planningpb.PeriodCreated, error) {
	next := proto.CloneOf(asked)
	next.Name = name
	if err := check(next); err != nil {
		return nil, nil, err
	}
	return next, &planningpb.PeriodCreated{}, nil
}

// Update changes cur to merged, which is cur with what the caller changed. No event, and cur itself, if that is nothing.
// FailedPrecondition PERIOD_WITHDRAWN once withdrawn; else as Create.
func Update(cur, merged *planningpb.Period) (*planningpb.Period, *planningpb.PeriodUpdated, error) {
	if Withdrawn(cur) {
		return nil, nil, refuse(cur)
	}
	if proto.Equal(cur, merged) {
		return cur, nil, nil
	}
	if err := check(merged); err != nil {
		return nil, nil, err
	}
	return merged, &planningpb.PeriodUpdated{}, nil
}

func check(p *planningpb.Period) error {
	start, err := civil.Field("startDate", p.GetStartDate())
	if err != nil {
		return err
	}
	end, err := civil.Field("endDate", p.GetEndDate())
	if err != nil {
		return err
	}
	cutOff, err := civil.Field("cutOffDate", p.GetCutOffDate())
	if err != nil {
		return err
	}
	if cutOff.Before(start) || cutOff.After(end) {
		return fault.InvalidArgument(faultpb.Reason_REASON_PERIOD_ORDER, "cutOffDate")
	}
	return nil
}

// Window is the days that a period counts as of a day: INV-PERIOD-WINDOW. The last one lies before the first when the
// period has not begun by then: nothing is counted. An error means a stored period without proper dates.
func Window(p *planningpb.Period, asOf civil.Date) (first, last civil.Date, err error) {
	if first, err = civil.Parse(p.GetStartDate()); err != nil {
		return first, last, fault.Internal(err)
	}
	if last, err = civil.Parse(p.GetCutOffDate()); err != nil {
		return first, last, fault.Internal(err)
	}
	if asOf.Before(last) {
		last = asOf
	}
	return first, last, nil
}

// CutOff is the last day that a period counts. An error means a stored period without proper dates.
func CutOff(p *planningpb.Period) (civil.Date, error) {
	day, err := civil.Parse(p.GetCutOffDate())
	if err != nil {
		return day, fault.Internal(err)
	}
	return day, nil
}

// SameWindow says whether two states of a period count the same days.
func SameWindow(a, b *planningpb.Period) bool {
	return a.GetStartDate() == b.GetStartDate() && a.GetCutOffDate() == b.GetCutOffDate()
}

// Withdraw marks cur as entered in error: it never was. Its record and its name stay. rests is a target, not withdrawn, that
// rests on it, nil: none does. FailedPrecondition PERIOD_IN_USE if one does, PERIOD_WITHDRAWN if it was withdrawn before.
func Withdraw(
	cur *planningpb.Period, cmd *planningpb.WithdrawPeriodRequest, rests *planningpb.Target,
) (*planningpb.Period, *planningpb.PeriodWithdrawn, error) {
	switch {
	case Withdrawn(cur):
		return nil, nil, refuse(cur)
	case rests != nil:
		return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_PERIOD_IN_USE, "name", "name", cur.GetName(), "by", rests.GetName())
	}
	next := proto.CloneOf(cur)
	next.State, next.WithdrawalReason = planningpb.PeriodState_PERIOD_STATE_WITHDRAWN, cmd.GetReason()
	return next, &planningpb.PeriodWithdrawn{}, nil
}

// Withdrawn says whether a period was entered in error.
func Withdrawn(p *planningpb.Period) bool {
	return p.GetState() == planningpb.PeriodState_PERIOD_STATE_WITHDRAWN
}

func refuse(p *planningpb.Period) error {
	return fault.FailedPrecondition(faultpb.Reason_REASON_PERIOD_WITHDRAWN, "name", "name", p.GetName())
}

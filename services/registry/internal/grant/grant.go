// Package grant holds the rules of grants: who has which role in which unit, from when to when, and who stands in for whom.
// The rules are pure; who may give what is asked by the server, which knows who calls.
//
// INV-GRANT-ENDS: a substitute's grant never holds longer than the one it stands in for.
// INV-GRANT-ADMINISTRATOR: somebody administers the whole installation by an unlimited grant of their own, always.
package grant

import (
	"iter"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
)

// longestSubstitution is how long somebody may stand in at most, in days: a year, leap days included.
const longestSubstitution = 366

// Give makes a grant of what was asked, in a unit, or everywhere for nil, at a moment. InvalidArgument for an end that is
// not after the start and the moment; FailedPrecondition for a unit that is not known or is closed when the grant begins.
func Give(asked *registrypb.Grant, name string, unit *registrypb.Unit, now time.Time) (*registrypb.Grant, *registrypb.GrantGiven, error) {
	next := proto.CloneOf(asked)
	next.Name = name
	if err := span(next, now); err != nil {
		return nil, nil, err
	}
	if asked.GetUnit() != "" {
		if unit == nil {
			return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_UNKNOWN, "unit", "name", asked.GetUnit())
		}
		if on := civil.Today(next.GetStartTime().AsTime()).String(); unit.GetClosedOn() != "" && unit.GetClosedOn() <= on {
			return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "unit",
				"name", unit.GetName(), "date", on)
		}
	}
	return next, &registrypb.GrantGiven{}, nil
}

// span sets the start of a grant, if none was asked for, and holds the end against it.
func span(g *registrypb.Grant, now time.Time) error {
	if g.GetStartTime() == nil {
		g.StartTime = timestamppb.New(now)
	}
	from, until := g.GetStartTime().AsTime(), g.GetEndTime()
	if until != nil && (!until.AsTime().After(from) || !until.AsTime().After(now)) {
		return fault.InvalidArgument(faultpb.Reason_REASON_GRANT_SPAN, "endTime",
			"value", until.AsTime().Format(time.RFC3339), "from", later(from, now).Format(time.RFC3339))
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Delegate lets another stand in for the holder of cur. InvalidArgument for the holder himself, an end that is not after the
// start, or later than a year after it; FailedPrecondition if cur has ended, is a substitute's, or ends before.
func Delegate(
	cur *registrypb.Grant, cmd *registrypb.DelegateGrantRequest, name string, now time.Time,
) (*registrypb.Grant, *registrypb.GrantGiven, error) {
	if cmd.GetPrincipal() == cur.GetPrincipal() {
		return nil, nil, fault.InvalidArgument(faultpb.Reason_REASON_GRANT_TO_ONESELF, "principal", "value", cmd.GetPrincipal())
	}
	if cur.GetSubstituteFor() != "" {
		return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_GRANT_OF_SUBSTITUTE, "name", "name", cur.GetName(), "by", cur.GetSubstituteFor())
	}
	if err := live(cur, now); err != nil {
		return nil, nil, err
	}
	from := now
	if cmd.GetStartTime() != nil {
		from = cmd.GetStartTime().AsTime()
	}
	from = later(from, cur.GetStartTime().AsTime())
	next := &registrypb.Grant{
		Name: name, Principal: cmd.GetPrincipal(), Role: cur.GetRole(), Unit: cur.GetUnit(), StartTime: timestamppb.New(from),
		EndTime: cmd.GetEndTime(), Reason: cmd.GetReason(), Document: cmd.GetDocument(),
		SubstituteFor: cur.GetName(), OnBehalfOf: cur.GetPrincipal(),
	}
	if err := span(next, now); err != nil {
		return nil, nil, err
	}
	end := next.GetEndTime().AsTime()
	if last := from.AddDate(0, 0, longestSubstitution); end.After(last) {
		return nil, nil, fault.InvalidArgument(faultpb.Reason_REASON_SUBSTITUTION_TOO_LONG, "endTime",
			"value", end.Format(time.RFC3339), "limit", strconv.Itoa(longestSubstitution))
	}
	if cur.GetEndTime() != nil && end.After(cur.GetEndTime().AsTime()) {
		return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_GRANT_ENDS_BEFORE, "endTime",
			"value", end.Format(time.RFC3339), "name", cur.GetName(), "current", cur.GetEndTime().AsTime().Format(time.RFC3339))
	}
	return next, &registrypb.GrantGiven{}, nil
}

// live refuses a grant that has ended.
func live(cur *registrypb.Grant, now time.Time) error {
	if end := cur.GetEndTime(); end != nil && !now.Before(end.AsTime()) {
		return fault.FailedPrecondition(faultpb.Reason_REASON_GRANT_ENDED, "name", "name", cur.GetName(), "current", end.AsTime().Format(time.RFC3339))
	}
	return nil
}

// End ends cur at a moment; all are the grants of the whole installation's administrators, in any order, cur among them or
// not. FailedPrecondition if cur has ended, or is the last that keeps the installation administered.
func End(
	cur *registrypb.Grant, reason string, all iter.Seq2[*registrypb.Grant, error], now time.Time,
) (*registrypb.Grant, *registrypb.GrantEnded, error) {
	if err := live(cur, now); err != nil {
		return nil, nil, err
	}
	if keeps(cur, now) {
		others := false
		for g, err := range all {
			if err != nil {
				return nil, nil, err
			}
			others = others || g.GetName() != cur.GetName() && keeps(g, now)
		}
		if !others {
			return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_LAST_ADMINISTRATOR, "name", "name", cur.GetName(), "value", cur.GetPrincipal())
		}
	}
	next := proto.CloneOf(cur)
	next.EndTime, next.EndReason = timestamppb.New(now), reason
	if next.GetStartTime().AsTime().After(now) { // it never held
		next.StartTime = next.GetEndTime()
	}
	return next, &registrypb.GrantEnded{}, nil
}

// keeps reports whether a grant keeps the installation administered: without end, and its holder's own.
func keeps(g *registrypb.Grant, now time.Time) bool {
	return g.GetRole() == accesspb.Role_ROLE_ADMINISTRATOR && g.GetUnit() == "" && g.GetSubstituteFor() == "" &&
		g.GetEndTime() == nil && access.InForce(g, now)
}

// Package grant holds the rules of grants: who has which role in which unit, from when to when, and who stands in for whom.
// The rules are pure; who may give what is asked by the server, which knows who calls.
//
// INV-GRANT-ENDS: a substitute's grant never holds longer than the one it stands in for.
// INV-GRANT-SUBSTITUTES: a grant has so many substitutes at once, and nobody stands in by more than so many grants.
// INV-GRANT-LASTING: whoever gives a grant holds all that it gives himself for at least as long; nobody gives to himself.
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
			"value", civil.Moment(until.AsTime()), "from", civil.Moment(later(from, now)))
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Substitutes are the substitutions that count against one more: those that have not ended, in any order.
type Substitutes struct {
	// Of the grant, by others.
	Of iter.Seq2[*registrypb.Grant, error]
	// By the substitute, of others.
	By iter.Seq2[*registrypb.Grant, error]
}

// Delegate lets another stand in for the holder of cur. InvalidArgument for the holder himself, an end that is not after the
// start, or later than a year after it; FailedPrecondition if cur has ended, is a substitute's, or ends before; ResourceExhausted if
// there are as many substitutions as may be.
func Delegate(
	cur *registrypb.Grant, cmd *registrypb.DelegateGrantRequest, name string, has Substitutes, now time.Time,
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
	allowed := policyOn(civil.Today(now))
	end := next.GetEndTime().AsTime()
	if last := from.AddDate(0, 0, allowed.days); end.After(last) {
		return nil, nil, fault.InvalidArgument(faultpb.Reason_REASON_SUBSTITUTION_TOO_LONG, "endTime",
			"value", civil.Moment(end), "limit", strconv.Itoa(allowed.days))
	}
	if cur.GetEndTime() != nil && end.After(cur.GetEndTime().AsTime()) {
		return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_GRANT_ENDS_BEFORE, "endTime",
			"value", civil.Moment(end), "name", cur.GetName(), "current", civil.Moment(cur.GetEndTime().AsTime()))
	}
	return next, &registrypb.GrantGiven{}, fewer(allowed, next, has)
}

// fewer refuses one substitution more than there may be: INV-GRANT-SUBSTITUTES.
func fewer(allowed policy, next *registrypb.Grant, has Substitutes) error {
	if full, err := atLeast(allowed.substitutes, has.Of); err != nil {
		return err
	} else if full {
		return fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_SUBSTITUTES, "name",
			"name", next.GetSubstituteFor(), "limit", strconv.Itoa(allowed.substitutes))
	}
	if full, err := atLeast(allowed.substitutions, has.By); err != nil {
		return err
	} else if full {
		return fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_SUBSTITUTIONS, "principal",
			"value", next.GetPrincipal(), "limit", strconv.Itoa(allowed.substitutions))
	}
	return nil
}

// atLeast reports whether there are n grants or more.
func atLeast(n int, all iter.Seq2[*registrypb.Grant, error]) (bool, error) {
	for _, err := range all {
		if n--; err != nil || n <= 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// Resting is a substitute's grant g as it holds, given the one it rests on: it ends with that one at the latest, for that one's
// reason.
func Resting(g, on *registrypb.Grant) *registrypb.Grant {
	end := on.GetEndTime()
	if end == nil || g.GetEndTime() != nil && !end.AsTime().Before(g.GetEndTime().AsTime()) {
		return g
	}
	next := proto.CloneOf(g)
	next.EndTime, next.EndReason = end, on.GetEndReason()
	if next.GetStartTime().AsTime().After(next.GetEndTime().AsTime()) { // it never held
		next.StartTime = next.GetEndTime()
	}
	return next
}

// live refuses a grant that has ended.
func live(cur *registrypb.Grant, now time.Time) error {
	if access.Ended(cur, now) {
		return fault.FailedPrecondition(faultpb.Reason_REASON_GRANT_ENDED, "name",
			"name", cur.GetName(), "current", civil.Moment(cur.GetEndTime().AsTime()))
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
	if Keeps(cur, now) {
		others := false
		for g, err := range all {
			if err != nil {
				return nil, nil, err
			}
			others = others || g.GetName() != cur.GetName() && Keeps(g, now)
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

// Keeps reports whether a grant keeps the installation administered: without end, and its holder's own.
func Keeps(g *registrypb.Grant, now time.Time) bool {
	return g.GetRole() == accesspb.Role_ROLE_ADMINISTRATOR && g.GetUnit() == "" && g.GetSubstituteFor() == "" &&
		g.GetEndTime() == nil && access.InForce(g, now)
}

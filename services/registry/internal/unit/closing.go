package unit

import (
	"iter"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
)

// Holdings are what rests on a unit and may be in the way of its end.
type Holdings struct {
	// Below are the units ever placed below it, in any order, repeated or not.
	Below iter.Seq2[*registrypb.Unit, error]
	// Organisations are those that name the unit as theirs, in any order.
	Organisations iter.Seq2[*registrypb.Organisation, error]
}

// Close ends cur on a day, past or to come. InvalidArgument for a day that is none; FailedPrecondition for a unit that is
// closed, a day that is not after its first, a unit that would still hang below it, or a placement of its own or a founding in
// it on that day or later: the refusal names the first.
func Close(
	cur *registrypb.Unit, cmd *registrypb.CloseUnitRequest, held Holdings,
) (*registrypb.Unit, *registrypb.UnitClosed, error) {
	on, err := civil.Field("closedOn", cmd.GetClosedOn())
	if err != nil {
		return nil, nil, err
	}
	if was := cur.GetClosedOn(); was != "" {
		return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_CLOSED, "name", "name", cur.GetName(), "date", was)
	}
	if err := mayEnd(cur, on.String(), held); err != nil {
		return nil, nil, err
	}
	next := proto.CloneOf(cur)
	next.ClosedOn = on.String()
	return next, &registrypb.UnitClosed{}, nil
}

// CorrectClosing gives cur, which is closed, another end, or none if it was closed by mistake. InvalidArgument for a day that
// is none; FailedPrecondition for a unit that is not closed; for an earlier end as Close; for a later one, or none, if a
// superior below which the unit would be placed does not exist that long, or a circle would close.
func CorrectClosing(
	cur *registrypb.Unit, cmd *registrypb.CorrectUnitClosingRequest, held Holdings, lookup Lookup,
) (*registrypb.Unit, *registrypb.UnitClosingCorrected, error) {
	end := cmd.GetClosedOn()
	if end != "" {
		if _, err := civil.Field("closedOn", end); err != nil {
			return nil, nil, err
		}
	}
	was := cur.GetClosedOn()
	switch {
	case was == "":
		return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_NOT_CLOSED, "name", "name", cur.GetName())
	case end == was:
		return cur, nil, nil
	}
	next := proto.CloneOf(cur)
	next.ClosedOn, next.CorrectionReason = end, cmd.GetReason()
	if end != "" && end < was {
		if err := mayEnd(cur, end, held); err != nil {
			return nil, nil, err
		}
		return next, &registrypb.UnitClosingCorrected{}, nil
	}
	for _, p := range next.GetPlacements() {
		if until(next, p) != end { // another one follows: it holds no longer than before
			continue
		}
		if err := hang(next, p, "closedOn", lookup); err != nil {
			return nil, nil, err
		}
	}
	return next, &registrypb.UnitClosingCorrected{}, nil
}

// mayEnd refuses an end that something is in the way of.
func mayEnd(cur *registrypb.Unit, end string, held Holdings) error {
	if end <= cur.GetValidFrom() {
		return fault.FailedPrecondition(faultpb.Reason_REASON_CLOSED_BEFORE_VALID, "closedOn",
			"value", end, "from", cur.GetValidFrom())
	}
	for child, err := range held.Below {
		if err != nil {
			return err
		}
		if hangsBelowFrom(child, cur.GetName(), end) {
			return fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_HAS_CHILDREN, "closedOn",
				"name", cur.GetName(), "date", end, "by", child.GetName())
		}
	}
	for _, p := range cur.GetPlacements() {
		if p.GetFromDate() >= end {
			return fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_HAS_PLACEMENTS, "closedOn",
				"name", cur.GetName(), "date", end, "tree", p.GetTree(), "from", p.GetFromDate())
		}
	}
	first, err := firstFounded(held.Organisations, end)
	if err != nil || first == nil {
		return err
	}
	return fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_HAS_ORGANISATIONS, "closedOn",
		"name", cur.GetName(), "date", end, "by", first.GetName(), "founded", first.GetFoundedOn())
}

// firstFounded is the first of the organisations that were founded on a day or later, by day and name; nil: none was.
// Withdrawn ones never were.
func firstFounded(all iter.Seq2[*registrypb.Organisation, error], day string) (first *registrypb.Organisation, err error) {
	for o, err := range all {
		if err != nil {
			return nil, err
		}
		if o.GetState() == registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN || o.GetFoundedOn() < day {
			continue
		}
		if first == nil || o.GetFoundedOn() < first.GetFoundedOn() ||
			o.GetFoundedOn() == first.GetFoundedOn() && o.GetName() < first.GetName() {
			first = o
		}
	}
	return first, nil
}

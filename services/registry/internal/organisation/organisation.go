// Package organisation is the rules of organisations: founding, correction, dissolution and withdrawal. The rules are
// pure; fields named in refusals are those of the organisation, or of the command where there is one.
//
// INV-ORGANISATION-FOUNDED-IN-PAST: no organisation is founded after the day on which its founding is recorded.
// INV-ORGANISATION-UNIT-IN-FORCE: the unit of every organisation that is not withdrawn exists on the day of its founding
// (package unit refuses an end of the unit by then).
// INV-ORGANISATION-REFERS: unit, enterprise and superior are recorded; the superior is another organisation and was not
// withdrawn when it was named.
// INV-ORGANISATION-NO-CYCLE: no organisation is its own superior, over however many others.
// INV-ORGANISATION-SUPERIOR-IN-FORCE: the superior named at a founding exists on its day; one named later, as when cells come
// below an organisation that is formed over them, shares at least one day with the organisation.
// INV-ORGANISATION-LIFE: an organisation becomes ACTIVE, then perhaps DISSOLVED on a day from its founding to today, then
// or at once perhaps WITHDRAWN. A dissolution entered in error is taken back, or its day corrected, with the reason; there is
// no other way back. A dissolution day stands in dissolved organisations, a withdrawal reason in withdrawn ones, and a
// withdrawn one never changes again.
// INV-ORGANISATION-UNKNOWN-FIELDS: what a newer version wrote survives every rule.
package organisation

import (
	"cmp"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
	"coso/services/platform/dated"
	"coso/services/platform/fault"
)

// Refs are the records that an organisation names, as stored; nil where there is none of the name.
type Refs struct {
	Unit       *registrypb.Unit
	Enterprise *registrypb.Enterprise
	Superior   *registrypb.Organisation
	// Lookup finds what is above the superior, by name.
	Lookup func(name string) (*registrypb.Organisation, bool, error)
}

// Found records the founding asked for, under name. InvalidArgument for a day that is none or lies in the future;
// FailedPrecondition for a unit, enterprise or superior that is not known or not in force on the day.
func Found(
	asked *registrypb.Organisation, name string, refs Refs, today civil.Date,
) (*registrypb.Organisation, *registrypb.OrganisationFounded, error) {
	next := proto.CloneOf(asked)
	next.Name = name
	next.State = registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE
	if err := CheckFounding(next, refs, today); err != nil {
		return nil, nil, err
	}
	return next, &registrypb.OrganisationFounded{}, nil
}

// CheckFounding judges the founding of o, recorded today, on what it names. Errors as Found.
func CheckFounding(o *registrypb.Organisation, refs Refs, today civil.Date) error {
	if err := check(o, refs, today); err != nil {
		return err
	}
	if s := refs.Superior; s != nil && !dated.Holds(s.GetFoundedOn(), s.GetDissolvedOn(), o.GetFoundedOn()) {
		return superiorNotInForce(s, o.GetFoundedOn())
	}
	return nil
}

// Update corrects cur to merged, which is cur with what the caller changed. No event, and cur itself, if that is nothing.
// FailedPrecondition once withdrawn, for a founding after the dissolution, for a superior that would make a circle, and for one
// that exists on no day of the organisation's life; else as Found.
func Update(
	cur, merged *registrypb.Organisation, refs Refs, today civil.Date,
) (*registrypb.Organisation, *registrypb.OrganisationUpdated, error) {
	if cur.GetState() == registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN {
		return nil, nil, notActive(cur)
	}
	if proto.Equal(cur, merged) {
		return cur, nil, nil
	}
	if err := check(merged, refs, today); err != nil {
		return nil, nil, err
	}
	if on := merged.GetDissolvedOn(); on != "" && on < merged.GetFoundedOn() {
		return nil, nil, dissolvedBeforeFounded("foundedOn", on, merged.GetFoundedOn())
	}
	if cur.GetSuperior() == merged.GetSuperior() && cur.GetFoundedOn() == merged.GetFoundedOn() {
		return merged, &registrypb.OrganisationUpdated{}, nil
	}
	if err := checkSuperior(merged, refs); err != nil {
		return nil, nil, err
	}
	return merged, &registrypb.OrganisationUpdated{}, nil
}

// Dissolve ends cur from a day on; its founding stays counted. InvalidArgument for a day that is none or lies in the
// future; FailedPrecondition if cur is not active or was founded later.
func Dissolve(
	cur *registrypb.Organisation, cmd *registrypb.DissolveOrganisationRequest, today civil.Date,
) (*registrypb.Organisation, *registrypb.OrganisationDissolved, error) {
	if cur.GetState() != registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE {
		return nil, nil, notActive(cur)
	}
	on, err := pastDay("dissolvedOn", cmd.GetDissolvedOn(), today)
	if err != nil {
		return nil, nil, err
	}
	if on.String() < cur.GetFoundedOn() {
		return nil, nil, dissolvedBeforeFounded("dissolvedOn", on.String(), cur.GetFoundedOn())
	}
	next := proto.CloneOf(cur)
	next.State = registrypb.OrganisationState_ORGANISATION_STATE_DISSOLVED
	next.DissolvedOn = on.String()
	next.DissolutionDecision = cmd.GetDissolutionDecision()
	return next, &registrypb.OrganisationDissolved{}, nil
}

// CorrectDissolution gives cur, which is dissolved, another day of dissolution or decision, or none if it was dissolved by
// mistake. No event, and cur itself, if that is nothing new. InvalidArgument for a day that is none or lies in the future;
// FailedPrecondition if cur is not dissolved or was founded later.
func CorrectDissolution(
	cur *registrypb.Organisation, cmd *registrypb.CorrectOrganisationDissolutionRequest, today civil.Date,
) (*registrypb.Organisation, *registrypb.OrganisationDissolutionCorrected, error) {
	if cur.GetState() != registrypb.OrganisationState_ORGANISATION_STATE_DISSOLVED {
		return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_ORGANISATION_NOT_DISSOLVED, "name", "name", cur.GetName())
	}
	next := proto.CloneOf(cur)
	if cmd.GetDissolvedOn() == "" {
		next.State = registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE
		next.DissolvedOn, next.DissolutionDecision = "", ""
	} else {
		on, err := pastDay("dissolvedOn", cmd.GetDissolvedOn(), today)
		if err != nil {
			return nil, nil, err
		}
		if on.String() < cur.GetFoundedOn() {
			return nil, nil, dissolvedBeforeFounded("dissolvedOn", on.String(), cur.GetFoundedOn())
		}
		next.DissolvedOn = on.String()
		next.DissolutionDecision = cmp.Or(cmd.GetDissolutionDecision(), cur.GetDissolutionDecision())
	}
	if proto.Equal(next, cur) {
		return cur, nil, nil
	}
	next.CorrectionReason = cmd.GetReason()
	return next, &registrypb.OrganisationDissolutionCorrected{}, nil
}

// Withdraw marks cur as entered in error: it never existed. Its record and its name stay. FailedPrecondition if it was
// withdrawn before.
func Withdraw(
	cur *registrypb.Organisation, cmd *registrypb.WithdrawOrganisationRequest,
) (*registrypb.Organisation, *registrypb.OrganisationWithdrawn, error) {
	if cur.GetState() == registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN {
		return nil, nil, notActive(cur)
	}
	next := proto.CloneOf(cur)
	next.State = registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN
	next.WithdrawalReason = cmd.GetReason()
	return next, &registrypb.OrganisationWithdrawn{}, nil
}

// Existed says whether an organisation existed on a day: founded, not dissolved yet, and not withdrawn since.
func Existed(o *registrypb.Organisation, day civil.Date) bool {
	return o.GetState() != registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN &&
		dated.Holds(o.GetFoundedOn(), o.GetDissolvedOn(), day.String())
}

// check is what holds for every organisation that is not withdrawn.
func check(o *registrypb.Organisation, refs Refs, today civil.Date) error {
	founded, err := pastDay("foundedOn", o.GetFoundedOn(), today)
	if err != nil {
		return err
	}
	withdrawn := registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN
	switch {
	case refs.Unit == nil:
		return fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_UNKNOWN, "unit", "name", o.GetUnit())
	case !dated.InForce(refs.Unit, founded.String()):
		return fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "unit", "name", o.GetUnit(), "date", founded.String())
	case refs.Enterprise == nil:
		return fault.FailedPrecondition(faultpb.Reason_REASON_ENTERPRISE_UNKNOWN, "enterprise", "name", o.GetEnterprise())
	case o.GetSuperior() == "":
		return nil
	case refs.Superior == nil, o.GetSuperior() == o.GetName(), refs.Superior.GetState() == withdrawn:
		return fault.FailedPrecondition(faultpb.Reason_REASON_SUPERIOR_UNKNOWN, "superior", "name", o.GetSuperior())
	}
	return nil
}

func pastDay(field, value string, today civil.Date) (civil.Date, error) {
	day, err := civil.Field(field, value)
	if err != nil {
		return day, err
	}
	if day.After(today) {
		return day, fault.InvalidArgument(faultpb.Reason_REASON_DATE_IN_FUTURE, field, "value", value, "today", today.String())
	}
	return day, nil
}

func notActive(o *registrypb.Organisation) error {
	return fault.FailedPrecondition(faultpb.Reason_REASON_ORGANISATION_NOT_ACTIVE, "name", "name", o.GetName())
}

func dissolvedBeforeFounded(field, dissolved, founded string) error {
	return fault.FailedPrecondition(faultpb.Reason_REASON_DISSOLVED_BEFORE_FOUNDED, field, "value", dissolved, "founded", founded)
}

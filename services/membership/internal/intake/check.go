package intake

import (
	"slices"
	"strconv"

	faultpb "coso/proto/gen/coso/fault/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/dated"
	"coso/services/platform/fault"
)

// checkOwners keeps INV-INTAKE-OWNERS. That no count is negative stands in the contract.
func checkOwners(in *membershippb.Intake) error {
	var limit int64
	if in.GetKind() == membershippb.IntakeKind_INTAKE_KIND_PARTY_MEMBER {
		limit = in.GetMemberCount()
	}
	if owners := in.GetOwnerCount(); owners > limit {
		return fault.InvalidArgument(faultpb.Reason_REASON_OWNERS_ABOVE_TOTAL, "ownerCount",
			"value", strconv.FormatInt(owners, 10), "limit", strconv.FormatInt(limit, 10))
	}
	return nil
}

func checkUnit(in *membershippb.Intake, u *registrypb.Unit) error {
	if u == nil {
		return fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_UNKNOWN, "unit", "name", in.GetUnit())
	}
	if !dated.InForce(u, in.GetAdmittedOn()) {
		return fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "unit",
			"name", u.GetName(), "date", in.GetAdmittedOn())
	}
	return nil
}

func checkOrganisation(in *membershippb.Intake, o *registrypb.Organisation) error {
	switch {
	case o == nil:
		return fault.FailedPrecondition(faultpb.Reason_REASON_ORGANISATION_UNKNOWN, "organisation",
			"name", in.GetOrganisation())
	case o.GetUnit() != in.GetUnit():
		return fault.FailedPrecondition(faultpb.Reason_REASON_ORGANISATION_OF_OTHER_UNIT, "organisation",
			"name", o.GetName(), "unit", in.GetUnit())
	case o.GetState() == registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN:
		return fault.FailedPrecondition(faultpb.Reason_REASON_ORGANISATION_NOT_ACTIVE, "organisation",
			"name", o.GetName())
	case !dated.Holds(o.GetFoundedOn(), o.GetDissolvedOn(), in.GetAdmittedOn()):
		return fault.FailedPrecondition(faultpb.Reason_REASON_ADMITTED_OUTSIDE_ORGANISATION, "admittedOn",
			"value", in.GetAdmittedOn(), "name", o.GetName())
	case !admits(o.GetKind(), in.GetKind()):
		return fault.FailedPrecondition(faultpb.Reason_REASON_ORGANISATION_KIND_MISMATCH, "kind",
			"name", o.GetName(), "value", in.GetKind().String())
	}
	return nil
}

// admits says whether organisations of a kind take in persons of a kind. A kind that only a newer registry knows is
// not judged.
func admits(o registrypb.OrganisationKind, k membershippb.IntakeKind) bool {
	kinds := admitted(o)
	return len(kinds) == 0 || slices.Contains(kinds, k)
}

// admitted is the table of which organisation takes in whom (Party Charter, Trade Union Charter, Youth Union Charter,
// Youth Federation Charter, Veterans' Association Charter). Clubs and teams take in both Youth Union and Youth
// Federation members, and so do the Federation's own organisations.
func admitted(o registrypb.OrganisationKind) []membershippb.IntakeKind {
	switch o {
	case registrypb.OrganisationKind_ORGANISATION_KIND_BASE_PARTY_ORGANISATION,
		registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL,
		registrypb.OrganisationKind_ORGANISATION_KIND_CELL,
		registrypb.OrganisationKind_ORGANISATION_KIND_SECTIONAL_PARTY_ORGANISATION,
		registrypb.OrganisationKind_ORGANISATION_KIND_PARTY_GROUP:
		return []membershippb.IntakeKind{membershippb.IntakeKind_INTAKE_KIND_PARTY_MEMBER}

	case registrypb.OrganisationKind_ORGANISATION_KIND_BASE_TRADE_UNION,
		registrypb.OrganisationKind_ORGANISATION_KIND_OCCUPATIONAL_UNION:
		return []membershippb.IntakeKind{membershippb.IntakeKind_INTAKE_KIND_TRADE_UNION_MEMBER}

	case registrypb.OrganisationKind_ORGANISATION_KIND_YOUTH_BRANCH,
		registrypb.OrganisationKind_ORGANISATION_KIND_BASE_YOUTH_UNION:
		return []membershippb.IntakeKind{membershippb.IntakeKind_INTAKE_KIND_YOUTH_UNION_MEMBER}

	case registrypb.OrganisationKind_ORGANISATION_KIND_YOUTH_FEDERATION,
		registrypb.OrganisationKind_ORGANISATION_KIND_YOUTH_CLUB,
		registrypb.OrganisationKind_ORGANISATION_KIND_TEAM:
		return []membershippb.IntakeKind{
			membershippb.IntakeKind_INTAKE_KIND_YOUTH_FEDERATION_MEMBER,
			membershippb.IntakeKind_INTAKE_KIND_YOUTH_UNION_MEMBER,
		}

	case registrypb.OrganisationKind_ORGANISATION_KIND_VETERANS_ASSOCIATION,
		registrypb.OrganisationKind_ORGANISATION_KIND_VETERANS_CLUB,
		registrypb.OrganisationKind_ORGANISATION_KIND_EX_SOLDIERS_CLUB:
		return []membershippb.IntakeKind{membershippb.IntakeKind_INTAKE_KIND_VETERANS_MEMBER}

	case registrypb.OrganisationKind_ORGANISATION_KIND_UNSPECIFIED:
		return nil
	}
	return nil
}

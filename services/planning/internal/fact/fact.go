// Package fact turns what registry and membership announce into facts: amounts of the finest kind, each in one unit on
// one legal date. Indicators add facts up; an indicator made later counts the same facts.
//
// INV-FACT-LIFE: an organisation is one founding however it ends, and none once withdrawn; an intake is its members and
// of them its owners, and nothing once withdrawn.
package fact

import (
	"fmt"
	"strings"

	faultpb "coso/proto/gen/coso/fault/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
)

// OfOrganisation is what an organisation contributes. DataLoss FORMAT_UNKNOWN for a kind or state of a newer version:
// counting it as something else, or not at all, would make every figure above it wrong.
func OfOrganisation(o *registrypb.Organisation) (*planningpb.FactSet, error) {
	set := &planningpb.FactSet{Source: o.GetName(), SourceRevision: o.GetRevision()}
	switch o.GetState() {
	case registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN:
		return set, nil
	case registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE, registrypb.OrganisationState_ORGANISATION_STATE_DISSOLVED:
	default:
		return nil, unknown(set.GetSource(), o.GetState())
	}
	kind, ok := bare("ORGANISATION_KIND_", registrypb.OrganisationKind_name, int32(o.GetKind()))
	if !ok {
		return nil, unknown(set.GetSource(), o.GetKind())
	}
	return add(set, &planningpb.Fact{
		Measure: planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED, Kind: kind,
		Unit: o.GetUnit(), LegalDate: o.GetFoundedOn(), Amount: 1,
	})
}

// OfIntake is what an intake contributes. DataLoss FORMAT_UNKNOWN for a kind or state of a newer version.
func OfIntake(in *membershippb.Intake) (*planningpb.FactSet, error) {
	set := &planningpb.FactSet{Source: in.GetName(), SourceRevision: in.GetRevision()}
	switch in.GetState() {
	case membershippb.IntakeState_INTAKE_STATE_WITHDRAWN:
		return set, nil
	case membershippb.IntakeState_INTAKE_STATE_REPORTED:
	default:
		return nil, unknown(set.GetSource(), in.GetState())
	}
	kind, ok := bare("INTAKE_KIND_", membershippb.IntakeKind_name, int32(in.GetKind()))
	if !ok {
		return nil, unknown(set.GetSource(), in.GetKind())
	}
	return add(set,
		&planningpb.Fact{
			Measure: planningpb.Measure_MEASURE_MEMBERS_ADMITTED, Kind: kind,
			Unit: in.GetUnit(), LegalDate: in.GetAdmittedOn(), Amount: in.GetMemberCount(),
		},
		&planningpb.Fact{
			Measure: planningpb.Measure_MEASURE_OWNERS_ADMITTED, Kind: kind,
			Unit: in.GetUnit(), LegalDate: in.GetAdmittedOn(), Amount: in.GetOwnerCount(),
		})
}

// add appends the facts that count something. DataLoss for a legal date that is none or an amount below 0: it could not
// be counted.
func add(set *planningpb.FactSet, facts ...*planningpb.Fact) (*planningpb.FactSet, error) {
	for _, f := range facts {
		if _, err := civil.Parse(f.GetLegalDate()); err != nil {
			return nil, fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "", "name", set.GetSource()).With(err)
		}
		if f.GetAmount() < 0 {
			return nil, fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "", "name", set.GetSource())
		}
		if f.GetAmount() > 0 {
			set.Facts = append(set.Facts, f)
		}
	}
	return set, nil
}

// bare is an enum value's word without its prefix; false for a value that this program does not know.
func bare(prefix string, names map[int32]string, number int32) (string, bool) {
	name, ok := names[number]
	return strings.TrimPrefix(name, prefix), ok && number != 0
}

func unknown(source string, value fmt.Stringer) error {
	return fault.DataLoss(faultpb.Reason_REASON_FORMAT_UNKNOWN, "", "value", value.String()).With(
		fmt.Errorf("%s: %s is not known to this version", source, value))
}

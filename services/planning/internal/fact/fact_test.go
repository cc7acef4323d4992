package fact_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/fact"
	"coso/services/planning/internal/indicator"
	"coso/services/platform/fault"
)

func organisation(state registrypb.OrganisationState) *registrypb.Organisation {
	return &registrypb.Organisation{
		Name: "organisations/o", Revision: 3, Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL,
		Unit: "units/tay-ho", FoundedOn: "2020-03-02", DissolvedOn: "2020-09-01", State: state,
	}
}

func intake(members, owners int64, state membershippb.IntakeState) *membershippb.Intake {
	return &membershippb.Intake{
		Name: "intakes/i", Revision: 2, Kind: membershippb.IntakeKind_INTAKE_KIND_PARTY_MEMBER,
		Unit: "units/tay-ho", AdmittedOn: "2020-05-19", MemberCount: members, OwnerCount: owners, State: state,
	}
}

// INV-FACT-LIFE
func TestOfOrganisation(t *testing.T) {
	founding := &planningpb.FactSet{Source: "organisations/o", SourceRevision: 3, Facts: []*planningpb.Fact{{
		Measure: planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED, Kind: "BASE_CELL", Unit: "units/tay-ho",
		LegalDate: "2020-03-02", Amount: 1,
	}}}
	nothing := &planningpb.FactSet{Source: "organisations/o", SourceRevision: 3}
	for _, c := range []struct {
		state registrypb.OrganisationState
		want  *planningpb.FactSet
	}{
		{registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE, founding},
		{registrypb.OrganisationState_ORGANISATION_STATE_DISSOLVED, founding},
		{registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN, nothing},
	} {
		got, err := fact.OfOrganisation(organisation(c.state))
		if diff := cmp.Diff(c.want, got, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("%s: %v %s", c.state, err, diff)
		}
	}
}

// INV-FACT-LIFE
func TestOfIntake(t *testing.T) {
	admitted := func(m planningpb.Measure, n int64) *planningpb.Fact {
		return &planningpb.Fact{Measure: m, Kind: "PARTY_MEMBER", Unit: "units/tay-ho", LegalDate: "2020-05-19", Amount: n}
	}
	members, owners := planningpb.Measure_MEASURE_MEMBERS_ADMITTED, planningpb.Measure_MEASURE_OWNERS_ADMITTED
	reported, withdrawn := membershippb.IntakeState_INTAKE_STATE_REPORTED, membershippb.IntakeState_INTAKE_STATE_WITHDRAWN
	for _, c := range []struct {
		in   *membershippb.Intake
		want []*planningpb.Fact
	}{
		{intake(12, 0, reported), []*planningpb.Fact{admitted(members, 12)}},
		{intake(12, 1, reported), []*planningpb.Fact{admitted(members, 12), admitted(owners, 1)}},
		{intake(12, 1, withdrawn), nil},
	} {
		got, err := fact.OfIntake(c.in)
		want := &planningpb.FactSet{Source: "intakes/i", SourceRevision: 2, Facts: c.want}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("%v: %v %s", c.in, err, diff)
		}
	}
}

// Every kind that can be announced becomes a fact that some indicator can count.
func TestEveryKindCanBeCounted(t *testing.T) {
	for number := range registrypb.OrganisationKind_name {
		o := organisation(registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE)
		o.Kind = registrypb.OrganisationKind(number)
		set, err := fact.OfOrganisation(o)
		checkCountable(t, number, set, err)
	}
	for number := range membershippb.IntakeKind_name {
		in := intake(5, 1, membershippb.IntakeState_INTAKE_STATE_REPORTED)
		in.Kind = membershippb.IntakeKind(number)
		set, err := fact.OfIntake(in)
		checkCountable(t, number, set, err)
	}
}

func checkCountable(t *testing.T, number int32, set *planningpb.FactSet, err error) {
	t.Helper()
	if (err == nil) != (number != 0) {
		t.Errorf("kind %d: %v", number, err)
	}
	for _, f := range set.GetFacts() {
		if !indicator.Measures(f.GetMeasure(), f.GetKind()) {
			t.Errorf("no indicator can count %v", f)
		}
	}
}

// What this version does not know is never counted as something else or passed over.
func TestNewerVersionsAreNotGuessedAt(t *testing.T) {
	kind := organisation(registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE)
	kind.Kind = 999
	for _, o := range []*registrypb.Organisation{kind, organisation(99), organisation(0)} {
		if set, err := fact.OfOrganisation(o); fault.ReasonOf(err) != faultpb.Reason_REASON_FORMAT_UNKNOWN || set != nil {
			t.Errorf("%v: %v %v", o, set, err)
		}
	}
	in := intake(1, 0, membershippb.IntakeState_INTAKE_STATE_REPORTED)
	in.Kind = 999
	for _, in := range []*membershippb.Intake{in, intake(1, 0, 99), intake(1, 0, 0)} {
		if set, err := fact.OfIntake(in); fault.ReasonOf(err) != faultpb.Reason_REASON_FORMAT_UNKNOWN || set != nil {
			t.Errorf("%v: %v %v", in, set, err)
		}
	}
}

func TestWhatCannotBeCountedIsRefused(t *testing.T) {
	o := organisation(registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE)
	o.FoundedOn = "2020-02-30"
	if _, err := fact.OfOrganisation(o); fault.KindOf(err) != fault.KindDataLoss {
		t.Errorf("no day of the calendar: %v", err)
	}
	if _, err := fact.OfIntake(intake(-1, 0, membershippb.IntakeState_INTAKE_STATE_REPORTED)); fault.KindOf(err) != fault.KindDataLoss {
		t.Errorf("below 0: %v", err)
	}
}

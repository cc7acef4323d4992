package server_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

const byMistake = "nhập nhầm"

// lastEvent is the type of the newest event.
func (o *office) lastEvent() string {
	o.Helper()
	events, err := o.store.Events(o.Context(), o.store.Head().GetEvents(), 1)
	if err != nil || len(events) != 1 {
		o.Fatalf("%v, %v", events, err)
	}
	return events[0].Type
}

func TestCorrectUnitClosing(t *testing.T) {
	o := hanoi(t)
	correct := func(to string) (*registrypb.Unit, error) {
		return o.CorrectUnitClosing(t.Context(), &registrypb.CorrectUnitClosingRequest{Name: "units/ung-hoa", ClosedOn: to, Reason: byMistake})
	}
	got := must(correct("2025-08-01"))(t)
	if got.GetClosedOn() != "2025-08-01" || got.GetCorrectionReason() != byMistake || got.GetRevision() != 3 {
		t.Errorf("corrected to %v", got)
	}
	o.unchanged(func() { must(correct("2025-08-01"))(t) })
	if got := must(correct(""))(t); got.GetClosedOn() != "" {
		t.Errorf("opened again: %v", got)
	}
	if got := o.lastEvent(); got != "coso.registry.v1.UnitClosingCorrected" {
		t.Errorf("announced %s", got)
	}
	if names := o.listUnits(&registrypb.ListUnitsRequest{AsOf: "2030-01-01"}); names != "ha-noi tay-ho ung-hoa" {
		t.Errorf("in 2030 there are %q", names)
	}
	o.unchanged(func() {
		_, err := correct("")
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_NOT_CLOSED, "name")
	})
	must(o.CloseUnit(t.Context(), &registrypb.CloseUnitRequest{Name: "units/ung-hoa", ClosedOn: "2025-07-01"}))(t)
}

// INV-UNIT-END-AFTER-FOUNDINGS: what is recorded in a unit is in the way of an earlier end, until it is withdrawn.
func TestCloseUnitBeforeAFounding(t *testing.T) {
	o := hanoi(t)
	closing := func(on string) error {
		_, err := o.CloseUnit(t.Context(), &registrypb.CloseUnitRequest{Name: "units/tay-ho", ClosedOn: on})
		return err
	}
	o.unchanged(func() {
		wantRefused(t, closing("2020-06-01"), codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_HAS_ORGANISATIONS, "closedOn")
	})
	must(o.WithdrawOrganisation(t.Context(), &registrypb.WithdrawOrganisationRequest{Name: "organisations/chi-bo-hoa-sen", Reason: byMistake}))(t)
	if err := closing("2020-06-01"); err != nil {
		t.Errorf("nothing is in the way: %v", err)
	}
}

func TestRemoveUnitPlacement(t *testing.T) {
	o := hanoi(t)
	remove := func(from string) (*registrypb.Unit, error) {
		return o.RemoveUnitPlacement(t.Context(), &registrypb.RemoveUnitPlacementRequest{Name: "units/tay-ho", FromDate: from, Reason: byMistake})
	}
	must(o.ReparentUnit(t.Context(), &registrypb.ReparentUnitRequest{Name: "units/tay-ho", FromDate: "2999-01-01"}))(t)
	o.unchanged(func() {
		_, err := o.CloseUnit(t.Context(), &registrypb.CloseUnitRequest{Name: "units/tay-ho", ClosedOn: "2025-07-01"})
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_HAS_PLACEMENTS, "closedOn")
		_, err = remove("2998-01-01")
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_PLACEMENT_UNKNOWN, "fromDate")
	})
	got := must(remove("2999-01-01"))(t)
	if len(got.GetPlacements()) != 1 || got.GetCorrectionReason() != byMistake {
		t.Errorf("left are %v", got)
	}
	if got := o.lastEvent(); got != "coso.registry.v1.UnitPlacementRemoved" {
		t.Errorf("announced %s", got)
	}
	must(o.CloseUnit(t.Context(), &registrypb.CloseUnitRequest{Name: "units/tay-ho", ClosedOn: "2025-07-01"}))(t)
}

func TestCorrectOrganisationDissolution(t *testing.T) {
	o := hanoi(t)
	const cell = "organisations/chi-bo-hoa-sen"
	correct := func(to string) (*registrypb.Organisation, error) {
		return o.CorrectOrganisationDissolution(t.Context(), &registrypb.CorrectOrganisationDissolutionRequest{
			Name: cell, DissolvedOn: to, Reason: byMistake,
		})
	}
	o.unchanged(func() {
		_, err := correct("")
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_ORGANISATION_NOT_DISSOLVED, "name")
	})
	must(o.DissolveOrganisation(t.Context(), &registrypb.DissolveOrganisationRequest{
		Name: cell, DissolvedOn: "2020-09-01", DissolutionDecision: "20-QĐ/QU",
	}))(t)
	if got := must(correct("2020-10-01"))(t); got.GetDissolvedOn() != "2020-10-01" || got.GetDissolutionDecision() != "20-QĐ/QU" {
		t.Errorf("corrected to %v", got)
	}
	got := must(correct(""))(t)
	if got.GetState() != registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE || got.GetDissolvedOn() != "" || got.GetCorrectionReason() != byMistake {
		t.Errorf("works again: %v", got)
	}
	if got := o.lastEvent(); got != "coso.registry.v1.OrganisationDissolutionCorrected" {
		t.Errorf("announced %s", got)
	}
}

// INV-ORGANISATION-NO-CYCLE, INV-ORGANISATION-SUPERIOR-IN-FORCE
func TestSuperiorsOfOrganisations(t *testing.T) {
	o := hanoi(t)
	under := func(id, superior string) error {
		_, err := o.UpdateOrganisation(t.Context(), &registrypb.UpdateOrganisationRequest{
			Organisation: &registrypb.Organisation{Name: "organisations/" + id, Superior: "organisations/" + superior},
		})
		return err
	}
	for _, id := range []string{"a", "b", "c"} {
		o.organisation(id, "Tổ chức "+id, "2020-06-01")
	}
	for _, pair := range [][2]string{{"a", "b"}, {"b", "c"}} {
		if err := under(pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
	o.unchanged(func() {
		wantRefused(t, under("c", "a"), codes.FailedPrecondition, faultpb.Reason_REASON_ORGANISATION_CYCLE, "organisation.superior")
		early := askOrganisation("early", "Chi bộ có trước", "2020-05-31", "units/tay-ho")
		early.Organisation.Superior = "organisations/a"
		_, err := o.CreateOrganisation(t.Context(), early)
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_SUPERIOR_NOT_IN_FORCE, "organisation.superior")
	})
}

package follow_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	membershippb "coso/proto/gen/coso/membership/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/feed/feedtest"
)

// What registry takes back of units and organisations is counted as if it had never been.
func TestWhatIsTakenBackIsCountedAnew(t *testing.T) {
	srv := feedtest.NATS(t)
	registry, membership := newSource(t, "registry", srv.JetStream()), newSource(t, "membership", srv.JetStream())
	o := newOffice(t, srv)
	o.plans()
	tayHo := unit("tay-ho", "ha-noi")
	o.hears(registry.says(&registrypb.UnitCreated{Unit: unit("ha-noi", "")}, &registrypb.UnitCreated{Unit: tayHo}))
	o.assigns("ha-noi", "members", 10)
	o.hears(membership.says(&membershippb.IntakeReported{Intake: intake("i", "tay-ho", "2020-05-19", 12, 0)}))
	moved := changed(tayHo, func(u *registrypb.Unit) {
		u.Placements = append(u.Placements, &registrypb.Placement{Tree: "party", FromDate: "2020-06-01"})
	})
	o.hears(registry.says(&registrypb.UnitReparented{Unit: moved}))
	if got := o.actuals("ha-noi"); got != "[0 0 0]" {
		t.Errorf("after the move %s", got)
	}
	back := changed(moved, func(u *registrypb.Unit) { u.Placements = u.GetPlacements()[:1] })
	o.hears(registry.says(&registrypb.UnitPlacementRemoved{Unit: back}))
	if got := o.actuals("ha-noi"); got != "[12 0 0]" {
		t.Errorf("after the move was taken back %s", got)
	}
	want := []string{
		"TargetReached targets/ha-noi-members", "TargetExceeded targets/ha-noi-members",
		"TargetExcessWithdrawn targets/ha-noi-members", "TargetReachWithdrawn targets/ha-noi-members",
		"TargetReached targets/ha-noi-members", "TargetExceeded targets/ha-noi-members",
	}
	if diff := cmp.Diff(want, o.crossings()); diff != "" {
		t.Errorf("crossings (-want +got):\n%s", diff)
	}
	closed := changed(back, func(u *registrypb.Unit) { u.ClosedOn = "2020-06-01" })
	open := changed(closed, func(u *registrypb.Unit) { u.ClosedOn = "" })
	a := cell("a", "tay-ho", "2020-03-02")
	gone := changed(a, func(a *registrypb.Organisation) {
		a.State, a.DissolvedOn = registrypb.OrganisationState_ORGANISATION_STATE_DISSOLVED, "2020-03-02"
	})
	again := changed(gone, func(a *registrypb.Organisation) {
		a.State, a.DissolvedOn = registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE, ""
	})
	o.hears(registry.says(
		&registrypb.UnitClosed{Unit: closed}, &registrypb.UnitClosingCorrected{Unit: open}, &registrypb.OrganisationFounded{Organisation: a},
		&registrypb.OrganisationDissolved{Organisation: gone}, &registrypb.OrganisationDissolutionCorrected{Organisation: again},
	))
	if got := o.actuals("tay-ho"); got != "[12 0 1]" { // a closed unit has no progress on the day of the cut-off
		t.Errorf("after the closing was taken back %s", got)
	}
}

package follow_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/follow"
	"coso/services/planning/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/feed"
	"coso/services/platform/feed/feedtest"
	"coso/services/platform/store"
)

// What is announced of an organisation, an intake or a unit through its life is counted as it is now.
func TestLivesAreCounted(t *testing.T) {
	srv := feedtest.NATS(t)
	registry, membership := newSource(t, "registry", srv.JetStream()), newSource(t, "membership", srv.JetStream())
	o := newOffice(t, srv)
	o.plans()
	a, b, in := cell("a", "tay-ho", "2020-03-02"), cell("b", "tay-ho", "2020-11-30"), intake("i", "tay-ho", "2020-05-19", 12, 1)

	steps := []struct {
		say  func() []store.Position
		want string
	}{
		{func() []store.Position {
			return registry.says(&registrypb.UnitCreated{Unit: unit("ha-noi", "")}, &registrypb.UnitCreated{Unit: unit("tay-ho", "ha-noi")})
		}, "[0 0 0]"},
		{func() []store.Position { return registry.says(&registrypb.OrganisationFounded{Organisation: a}) }, "[0 0 1]"},
		{func() []store.Position { return registry.says(&registrypb.OrganisationFounded{Organisation: b}) }, "[0 0 2]"},
		{func() []store.Position { return membership.says(&membershippb.IntakeReported{Intake: in}) }, "[12 1 2]"},
		{func() []store.Position {
			in = changed(in, func(in *membershippb.Intake) { in.MemberCount, in.OwnerCount = 10, 0 })
			return membership.says(&membershippb.IntakeUpdated{Intake: in})
		}, "[10 0 2]"},
		{func() []store.Position { // dissolving does not undo the founding
			a = changed(a, func(a *registrypb.Organisation) {
				a.State, a.DissolvedOn = registrypb.OrganisationState_ORGANISATION_STATE_DISSOLVED, "2020-10-01"
			})
			return registry.says(&registrypb.OrganisationDissolved{Organisation: a})
		}, "[10 0 2]"},
		{func() []store.Position { // one day later is behind the cut-off
			b = changed(b, func(b *registrypb.Organisation) { b.FoundedOn = "2020-12-01" })
			return registry.says(&registrypb.OrganisationUpdated{Organisation: b})
		}, "[10 0 1]"},
		{func() []store.Position {
			a = changed(a, func(a *registrypb.Organisation) { a.State = registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN })
			return registry.says(&registrypb.OrganisationWithdrawn{Organisation: a})
		}, "[10 0 0]"},
		{func() []store.Position {
			in = changed(in, func(in *membershippb.Intake) { in.State = membershippb.IntakeState_INTAKE_STATE_WITHDRAWN })
			return membership.says(&membershippb.IntakeWithdrawn{Intake: in})
		}, "[0 0 0]"},
	}
	for i, s := range steps {
		o.hears(s.say())
		if got := o.actuals("ha-noi"); got != s.want {
			t.Errorf("step %d: members, owners, organisations %s, want %s", i, got, s.want)
		}
	}
}

// A correction downwards withdraws, upwards again exceeds again; a move takes the results along.
func TestCrossingsFollow(t *testing.T) {
	srv := feedtest.NATS(t)
	registry, membership := newSource(t, "registry", srv.JetStream()), newSource(t, "membership", srv.JetStream())
	o := newOffice(t, srv)
	o.plans()
	tayHo := unit("tay-ho", "ha-noi")
	o.hears(registry.says(&registrypb.UnitCreated{Unit: unit("ha-noi", "")}, &registrypb.UnitCreated{Unit: tayHo}))
	o.assigns("ha-noi", "members", 10)
	o.assigns("tay-ho", "members", 11)

	in := intake("i", "tay-ho", "2020-05-19", 11, 0)
	o.hears(membership.says(&membershippb.IntakeReported{Intake: in}))
	less := changed(in, func(in *membershippb.Intake) { in.MemberCount = 9 })
	o.hears(membership.says(&membershippb.IntakeUpdated{Intake: less}))
	more := changed(less, func(in *membershippb.Intake) { in.MemberCount = 12 })
	o.hears(membership.says(&membershippb.IntakeUpdated{Intake: more}))
	o.hears(registry.says(&registrypb.UnitReparented{Unit: changed(tayHo, func(u *registrypb.Unit) {
		u.Placements = append(u.Placements, &registrypb.Placement{Tree: "party", FromDate: "2020-06-01"})
	})}))

	want := []string{
		"TargetReached targets/ha-noi-members", "TargetExceeded targets/ha-noi-members", "TargetReached targets/tay-ho-members",
		"TargetExcessWithdrawn targets/ha-noi-members", "TargetReachWithdrawn targets/ha-noi-members", "TargetReachWithdrawn targets/tay-ho-members",
		"TargetReached targets/ha-noi-members", "TargetExceeded targets/ha-noi-members",
		"TargetReached targets/tay-ho-members", "TargetExceeded targets/tay-ho-members",
		"TargetExcessWithdrawn targets/ha-noi-members", "TargetReachWithdrawn targets/ha-noi-members",
	}
	if diff := cmp.Diff(want, o.crossings()); diff != "" {
		t.Errorf("crossings (-want +got):\n%s", diff)
	}
}

// INV-FOLLOW-ANY-ORDER: the lives of many resources, told in any order and cut into any entries, lead to the same progress
// and the same standing crossings; units may come after what they reached.
func TestAnyOrderLeadsToTheSame(t *testing.T) {
	var progress *planningpb.Progress
	var standing map[string]bool
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(2020, seed))
			srv := feedtest.NATS(t)
			registry, membership := newSource(t, "registry", srv.JetStream()), newSource(t, "membership", srv.JetStream())
			o := newOffice(t, srv)
			o.plans()
			units := []proto.Message{}
			for i, id := range []string{"ha-noi", "tay-ho", "ung-hoa"} {
				units = append(units, &registrypb.UnitCreated{Unit: unit(id, []string{"", "ha-noi", "ha-noi"}[i])})
			}
			founded, admitted := lives()
			var heard [][]store.Position
			if seed%2 == 0 {
				heard = append(heard, registry.says(units...))
			}
			heard = append(heard, tell(registry, r, founded)...)
			heard = append(heard, tell(membership, r, admitted)...)
			if seed%2 == 1 {
				heard = append(heard, registry.says(units...))
			}
			o.hears(heard...)
			for _, id := range []string{"ha-noi", "tay-ho", "ung-hoa"} {
				for i, indicator := range []string{"party", "members", "owners"} {
					o.assigns(id, indicator, int64(5+10*i))
				}
			}
			o.hears(tell(registry, r, changes(founded))...)
			if progress == nil {
				progress, standing = o.progress("ha-noi"), o.standing()
			}
			if diff := cmp.Diff(progress, o.progress("ha-noi"), protocmp.Transform()); diff != "" {
				t.Errorf("progress (-first +this):\n%s", diff)
			}
			if diff := cmp.Diff(standing, o.standing()); diff != "" {
				t.Errorf("standing crossings (-first +this):\n%s", diff)
			}
		})
	}
	if len(standing) < 3 || progress.GetIndicators()[2].GetFigure().GetActualValue() == 0 {
		t.Errorf("the script proves nothing: %v", standing)
	}
}

// lives are what happened to thirty organisations and thirty intakes, each in order.
func lives() (founded, admitted [][]proto.Message) {
	for i := range 30 {
		id, unit := fmt.Sprint(i), []string{"ha-noi", "tay-ho", "ung-hoa"}[i%3]
		day := fmt.Sprintf("2020-%02d-%02d", 1+i%12, 1+i%28)
		o, in := cell(id, unit, day), intake(id, unit, day, int64(1+i%7), int64(i%2))
		life := []proto.Message{&registrypb.OrganisationFounded{Organisation: o}}
		if i%5 == 0 {
			o = changed(o, func(o *registrypb.Organisation) { o.FoundedOn, o.Unit = "2020-11-30", "units/tay-ho" })
			life = append(life, &registrypb.OrganisationUpdated{Organisation: o})
		}
		if i%7 == 0 {
			o = changed(o, func(o *registrypb.Organisation) { o.State = registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN })
			life = append(life, &registrypb.OrganisationWithdrawn{Organisation: o})
		}
		founded = append(founded, life)
		life = []proto.Message{&membershippb.IntakeReported{Intake: in}}
		if i%4 == 0 {
			in = changed(in, func(in *membershippb.Intake) { in.MemberCount += 3 })
			life = append(life, &membershippb.IntakeUpdated{Intake: in})
		}
		admitted = append(admitted, life)
	}
	return founded, admitted
}

// changes takes back every third founding, once all is assigned.
func changes(founded [][]proto.Message) [][]proto.Message {
	var out [][]proto.Message
	for i, life := range founded {
		last, ok := life[len(life)-1].(interface {
			GetOrganisation() *registrypb.Organisation
		})
		if !ok || i%3 != 1 {
			continue
		}
		o := changed(last.GetOrganisation(), func(o *registrypb.Organisation) {
			o.State = registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN
		})
		out = append(out, []proto.Message{&registrypb.OrganisationWithdrawn{Organisation: o}})
	}
	return out
}

// tell says the events of several lives, each life in its order, the lives mixed, in entries of 1 to 8 events.
func tell(s *source, r *rand.Rand, lives [][]proto.Message) [][]store.Position {
	var heard [][]store.Position
	var entry []proto.Message
	lives = slices.Clone(lives)
	for len(lives) > 0 {
		i := r.IntN(len(lives))
		entry = append(entry, lives[i][0])
		if lives[i] = lives[i][1:]; len(lives[i]) == 0 {
			lives = slices.Delete(lives, i, i+1)
		}
		if len(entry) > r.IntN(8) || len(lives) == 0 {
			heard = append(heard, s.says(entry...))
			entry = nil
		}
	}
	return heard
}

// A planning service that starts late hears a whole year in large batches, and counts and announces each once.
func TestCatchingUp(t *testing.T) {
	srv := feedtest.NATS(t)
	registry := newSource(t, "registry", srv.JetStream())
	heard := registry.says(&registrypb.UnitCreated{Unit: unit("ha-noi", "")}, &registrypb.UnitCreated{Unit: unit("tay-ho", "ha-noi")})
	o := newOffice(t, srv)
	o.plans()
	o.hears(heard)
	o.assigns("ha-noi", "party", 1200)
	o.assigns("tay-ho", "party", 1199)
	o.restart(func(*store.Store) error {
		for i := range 12 {
			var events []proto.Message
			for k := range 100 {
				events = append(events, &registrypb.OrganisationFounded{Organisation: cell(fmt.Sprintf("%d-%d", i, k), "tay-ho", "2020-06-01")})
			}
			heard = registry.says(events...)
		}
		return nil
	})
	o.hears(heard)
	want := []string{"TargetReached targets/ha-noi-party", "TargetExceeded targets/tay-ho-party", "TargetReached targets/tay-ho-party"}
	got := o.crossings()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" || o.actuals("ha-noi") != "[0 0 1200]" {
		t.Errorf("%s; %s", o.actuals("ha-noi"), diff)
	}
}

// INV-FOLLOW-NEWER: a follower that has lost its cursor hears everything again, and nothing changes.
func TestHearingEverythingAgainChangesNothing(t *testing.T) {
	srv := feedtest.NATS(t)
	registry := newSource(t, "registry", srv.JetStream())
	o := newOffice(t, srv)
	o.plans()
	a := cell("a", "tay-ho", "2020-03-02")
	moved := changed(a, func(a *registrypb.Organisation) { a.Unit = "units/ha-noi" })
	o.hears(registry.says(
		&registrypb.UnitCreated{Unit: unit("ha-noi", "")}, &registrypb.UnitCreated{Unit: unit("tay-ho", "ha-noi")},
		&registrypb.OrganisationFounded{Organisation: a}, &registrypb.OrganisationUpdated{Organisation: moved},
	))
	o.assigns("ha-noi", "party", 1)
	o.assigns("tay-ho", "party", 1)
	said := o.crossings()
	o.restart(func(s *store.Store) error {
		ctx := access.With(context.Background(), access.Service("planning"))
		_, err := store.Update(ctx, s, nil, func(tx *store.Tx) (*journalpb.Cursor, error) {
			start := &journalpb.Cursor{Source: "registry"}
			return start, store.SetCursor(tx, start)
		})
		return err
	})
	o.hears(registry.says(&registrypb.OrganisationFounded{Organisation: cell("b", "ha-noi", "2020-12-01")}))
	if diff := cmp.Diff(said, o.crossings()); diff != "" || o.actuals("tay-ho") != "[0 0 0]" || o.actuals("ha-noi") != "[0 0 1]" {
		t.Errorf("%s %s %s", o.actuals("tay-ho"), o.actuals("ha-noi"), diff)
	}
}

// What planning cannot count stops the follower; what came before has been counted and judged, once.
func TestUnknownKindStopsTheFollower(t *testing.T) {
	srv := feedtest.NATS(t)
	js := srv.JetStream()
	registry := newSource(t, "registry", js)
	o := newOffice(t, srv)
	o.plans()
	o.hears(registry.says(&registrypb.UnitCreated{Unit: unit("tay-ho", "")}))
	o.assigns("tay-ho", "party", 1)
	strange := cell("b", "tay-ho", "2020-03-02")
	strange.Kind = 999
	o.stop()
	o.open()
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	registry.says(
		&registrypb.OrganisationFounded{Organisation: cell("a", "tay-ho", "2020-03-02")},
		&registrypb.OrganisationFounded{Organisation: strange},
		&registrypb.OrganisationFounded{Organisation: cell("c", "tay-ho", "2020-03-02")},
	)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := feed.Follow(ctx, o.Store(), js, follow.Followers(records.NewAtlas())[0], quiet)
	if fault.ReasonOf(err) != faultpb.Reason_REASON_FEED_STOPPED || !strings.Contains(err.Error(), "event 3") {
		t.Errorf("stopped with %v", err)
	}
	if diff := cmp.Diff([]string{"TargetReached targets/tay-ho-party"}, o.crossings()); diff != "" || o.actuals("tay-ho") != "[0 0 1]" {
		t.Errorf("%s %s", o.actuals("tay-ho"), diff)
	}
}

// Every event about a unit, an organisation, a grant or an intake is listened to.
func TestEveryEventOfTheContractIsHeard(t *testing.T) {
	heard := follow.Followers(records.NewAtlas())
	if len(heard) != 2 || heard[0].Source != "registry" || heard[1].Source != "membership" {
		t.Fatalf("followers %v", heard)
	}
	units, intakes := 0, 0
	for i := range registrypb.File_coso_registry_v1_events_proto.Messages().Len() {
		if f := registrypb.File_coso_registry_v1_events_proto.Messages().Get(i).Fields().Get(0).Name(); f == "unit" || f == "organisation" || f == "grant" {
			units++
		}
	}
	for i := range membershippb.File_coso_membership_v1_events_proto.Messages().Len() {
		if membershippb.File_coso_membership_v1_events_proto.Messages().Get(i).Fields().Get(0).Name() == "intake" {
			intakes++
		}
	}
	if len(heard[0].Handlers) != units || len(heard[1].Handlers) != intakes {
		t.Errorf("%d of %d events of registry, %d of %d of membership", len(heard[0].Handlers), units, len(heard[1].Handlers), intakes)
	}
}

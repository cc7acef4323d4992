package follow_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	awardpb "coso/proto/gen/coso/award/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	"coso/services/platform/access"
	"coso/services/platform/feed/feedtest"
	"coso/services/platform/store"
)

// nomination is what award should hold, but for etag and times.
func nomination(target string, revision int64) *awardpb.Nomination {
	return &awardpb.Nomination{
		Name: "nominations/" + target, Target: "targets/" + target,
		Unit: "units/tay-ho", Indicator: "indicators/party-organisations", Period: "periods/2020",
		State: awardpb.NominationState_NOMINATION_STATE_OPEN, Revision: revision,
	}
}

// holds demands the nominations there are.
func (c *council) holds(want ...*awardpb.Nomination) {
	c.t.Helper()
	kept := protocmp.IgnoreFields(&awardpb.Nomination{}, "etag", "create_time", "update_time", "current_figure", "current_figure_time")
	if diff := cmp.Diff(want, c.nominations(), protocmp.Transform(), cmpopts.EquateEmpty(), kept); diff != "" {
		c.t.Fatalf("nominations (-want +got):\n%s", diff)
	}
}

func TestLifeOfANomination(t *testing.T) {
	srv := feedtest.NATS(t)
	p, c := newPlanning(t, srv.JetStream()), newCouncil(t, srv)

	c.hears(p.says(exceeded("t", 1, 7)))
	want := nomination("t", 1)
	want.Evidence, want.EvidenceEvent = evidence("t", 1, 7), p.id(1)
	c.holds(want)

	c.hears(p.says(excessWithdrawn("t")))
	want.State, want.Withdrawal, want.Revision = awardpb.NominationState_NOMINATION_STATE_EXCESS_WITHDRAWN, evidence("t", 1, 6), 2
	c.holds(want)

	c.hears(p.says(exceeded("t", 1, 8)))
	want.State, want.Withdrawal, want.Revision = awardpb.NominationState_NOMINATION_STATE_OPEN, nil, 3
	want.Evidence, want.EvidenceEvent = evidence("t", 1, 8), p.id(3)
	c.holds(want)

	c.hears(p.says(exceeded("t", 2, 9)))
	want.Evidence, want.EvidenceEvent, want.Revision = evidence("t", 2, 9), p.id(4), 4
	c.holds(want)

	const of = " of nominations/t"
	announced := []string{"NominationOpened" + of, "NominationFlagged" + of, "NominationReopened" + of, "NominationReopened" + of}
	if diff := cmp.Diff(announced, c.announced()); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
	h, err := c.ListNominationHistory(t.Context(), &awardpb.ListNominationHistoryRequest{Name: "nominations/t"})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.GetRevisions()) != 4 {
		t.Errorf("history of %d changes, want 4", len(h.GetRevisions()))
	}
	for _, r := range h.GetRevisions() {
		if r.GetPrincipal() != "services/award" || r.GetMethod() != "follow/planning" {
			t.Errorf("revision %d was written by %s in %s", r.GetRevision(), r.GetPrincipal(), r.GetMethod())
		}
	}
}

func TestOneNominationPerTarget(t *testing.T) {
	srv := feedtest.NATS(t)
	p, c := newPlanning(t, srv.JetStream()), newCouncil(t, srv)
	c.hears(p.says(exceeded("b", 1, 7), exceeded("a", 1, 8), exceeded("b", 2, 9)))

	a, b := nomination("a", 1), nomination("b", 2)
	a.Evidence, a.EvidenceEvent = evidence("a", 1, 8), p.id(2)
	b.Evidence, b.EvidenceEvent = evidence("b", 2, 9), p.id(3)
	c.holds(a, b)
}

func TestWithdrawalOfNoNominationIsPassedOver(t *testing.T) {
	srv := feedtest.NATS(t)
	p, c := newPlanning(t, srv.JetStream()), newCouncil(t, srv)
	c.hears(p.says(excessWithdrawn("never")))
	c.holds()
	c.hears(p.says(exceeded("t", 1, 7)))
	if got := c.nominations(); len(got) != 1 {
		t.Errorf("nominations %v, want one", got)
	}
}

// INV-NOMINATION-NEWER-ONLY: a follower that has lost its cursor hears everything again, and nothing changes but what is
// new.
func TestHearingEverythingAgainChangesNothing(t *testing.T) {
	srv := feedtest.NATS(t)
	p, c := newPlanning(t, srv.JetStream()), newCouncil(t, srv)
	c.hears(p.says(
		exceeded("open", 1, 7), excessWithdrawn("open"), exceeded("open", 1, 8),
		exceeded("flagged", 1, 7), excessWithdrawn("flagged"),
	))
	before, said := c.nominations(), c.announced()

	c.restart(func(s *store.Store) error {
		ctx := access.With(context.Background(), access.Service("award"))
		_, err := store.Update(ctx, s, nil, func(tx *store.Tx) (*journalpb.Cursor, error) {
			start := &journalpb.Cursor{Source: "planning"}
			return start, store.SetCursor(tx, start)
		})
		return err
	})
	c.hears(p.says(exceeded("new", 1, 7)))

	fresh := nomination("new", 1)
	fresh.Evidence, fresh.EvidenceEvent = evidence("new", 1, 7), p.id(6)
	kept := protocmp.IgnoreFields(&awardpb.Nomination{}, "etag", "create_time", "update_time", "current_figure", "current_figure_time")
	want := []*awardpb.Nomination{before[0], fresh, before[1]}
	if diff := cmp.Diff(want, c.nominations(), protocmp.Transform(), cmpopts.EquateEmpty(), kept); diff != "" {
		t.Errorf("nominations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(append(said, "NominationOpened of nominations/new"), c.announced()); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
	if !proto.Equal(before[1], c.nominations()[2]) {
		t.Errorf("%s was written again", before[1].GetName())
	}
}

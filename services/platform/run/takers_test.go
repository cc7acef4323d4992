package run_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	feedpb "coso/proto/gen/coso/feed/v1"
	"coso/services/platform/feed"
)

// taker is how far planning has come, as the registry knows it, as of an event.
func (h *house) taker(wanted uint64, wait time.Duration) feed.Taker {
	h.t.Helper()
	all := h.registry.Takers(h.t.Context(), wanted, wait)
	names := []string{"award", "identity", "membership", "planning"}
	for i, one := range all {
		if len(all) != len(names) || one.Service != names[i] {
			h.t.Fatalf("the takers are %v, want %v", all, names)
		}
		if one.Service != "planning" && (!one.Away || !one.Heard.IsZero() || !one.Confirmed.IsZero()) {
			h.t.Errorf("nobody has heard of %+v", one)
		}
	}
	return all[3]
}

// A source knows of each that follows it how far it has come, and never believes that one has come further than it has proved: while
// it is stopped, when it has been silent for too long, when it is started again.
func TestASourceKnowsHowFarItsFollowersAre(t *testing.T) {
	h := newHouse(t)
	h.founds("organisations/a")
	eventually(t, "planning confirms", func() bool { return !h.taker(1, 0).Confirmed.IsZero() })
	if got := h.taker(1, 0); got.Sequence != 1 || got.Away || got.Astray || !got.Heard.Equal(h.clock.now()) {
		t.Errorf("planning is %+v", got)
	}
	if got := h.taker(2, 0); !got.Confirmed.IsZero() {
		t.Errorf("planning has confirmed what has not happened: %+v", got)
	}

	h.planning.stop()
	heard := h.clock.now()
	h.clock.move(time.Minute)
	h.founds("organisations/b")
	if got := h.taker(2, 50*time.Millisecond); !got.Confirmed.IsZero() || got.Away || got.Sequence != 1 || !got.Heard.Equal(heard) {
		t.Errorf("planning, which is stopped, is %+v", got)
	}
	h.clock.move(5 * time.Minute)
	if got := h.taker(1, 0); !got.Away {
		t.Errorf("planning, which has been stopped for long, is %+v", got)
	}

	h.startPlanning(h.dir)
	eventually(t, "planning confirms", func() bool { got := h.taker(2, 0); return !got.Confirmed.IsZero() && !got.Away })
}

// Whoever waits is answered as soon as all have confirmed, and else when the time is over, with those that have.
func TestWaitingForTheFollowers(t *testing.T) {
	h := newHouse(t)
	h.planning.stop()
	h.founds("organisations/a")
	for _, name := range []string{"award", "gateway", "membership"} { // the accounts live in the gateway's process
		h.tell(name, h.proof(1))
	}
	began := time.Now()
	all := h.registry.Takers(t.Context(), 1, 100*time.Millisecond)
	if took := time.Since(began); took < 100*time.Millisecond || len(all) != 4 || !all[3].Confirmed.IsZero() || all[2].Confirmed.IsZero() {
		t.Errorf("after %s: %+v", took, all)
	}
	answered := make(chan []feed.Taker, 1)
	go func() { answered <- h.registry.Takers(context.WithoutCancel(t.Context()), 1, 20*time.Second) }()
	began = time.Now()
	h.startPlanning(h.dir)
	if all := <-answered; time.Since(began) > 15*time.Second || all[3].Confirmed.IsZero() {
		t.Errorf("after %s: %+v", time.Since(began), all)
	}
}

// proof is what a follower says that has taken an event of the registry.
func (h *house) proof(number uint64) *feedpb.GetFeedHeadRequest {
	h.t.Helper()
	events, err := h.registry.Store().Events(h.t.Context(), number, 1)
	if err != nil || len(events) != 1 {
		h.t.Fatal(events, err)
	}
	return &feedpb.GetFeedHeadRequest{
		Sequence: number, Incarnation: h.registry.Store().Incarnation().String(), EntryHash: events[0].Hash[:],
	}
}

func (h *house) tell(as string, req *feedpb.GetFeedHeadRequest) {
	h.t.Helper()
	if _, err := feedpb.NewFeedServiceClient(h.registry.ConnOf(as)).GetFeedHead(h.t.Context(), req); err != nil {
		h.t.Fatal(err)
	}
}

// What a follower says counts only if it names what it took as the journal has it; whoever does not follow says nothing.
func TestAFollowerOfAnotherPastConfirmsNothing(t *testing.T) {
	h := newHouse(t)
	h.planning.stop()
	for _, name := range []string{"organisations/a", "organisations/b", "organisations/c"} {
		h.founds(name)
	}
	other := func(change func(*feedpb.GetFeedHeadRequest)) *feedpb.GetFeedHeadRequest {
		req := h.proof(3)
		change(req)
		return req
	}
	for what, tc := range map[string]struct {
		req       *feedpb.GetFeedHeadRequest
		confirmed bool
		astray    bool
	}{
		"the whole proof":     {h.proof(3), true, false},
		"an earlier event":    {h.proof(1), false, false},
		"another hash":        {other(func(r *feedpb.GetFeedHeadRequest) { r.EntryHash = bytes.Repeat([]byte{1}, 32) }), false, true},
		"the hash of another": {other(func(r *feedpb.GetFeedHeadRequest) { r.Sequence = 2 }), false, true},
		"no hash":             {other(func(r *feedpb.GetFeedHeadRequest) { r.EntryHash = nil }), false, false},
		"another journal":     {other(func(r *feedpb.GetFeedHeadRequest) { r.Incarnation = h.planning.Store().Incarnation().String() }), false, true},
		"no journal":          {other(func(r *feedpb.GetFeedHeadRequest) { r.Incarnation = "" }), false, true},
		"beyond the end":      {other(func(r *feedpb.GetFeedHeadRequest) { r.Sequence = 4 }), false, true},
		"nothing":             {&feedpb.GetFeedHeadRequest{}, false, false},
	} {
		for _, before := range []uint64{0, 3} { // whatever it said before
			if before > 0 {
				h.tell("planning", h.proof(before))
			}
			h.tell("planning", tc.req)
			got := h.taker(3, 0)
			if got.Confirmed.IsZero() == tc.confirmed || got.Astray != tc.astray || got.Away {
				t.Errorf("%s, after %d: %+v", what, before, got)
			}
		}
	}
	h.tell("registry", h.proof(3)) // follows nobody
	h.taker(3, 0)
}

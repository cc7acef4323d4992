package feed

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

func TestFollowTakesEachEventOnce(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	si.follow(follows, si.follower()) // before there is a stream
	so.relay(js)
	so.create(700)
	si.mustEqual(so)
	so.createEach(20)
	so.rename(3, "Huyện ủy Ứng Hòa")
	si.mustEqual(so)

	events, err := si.Events(t.Context(), 1, 1)
	if err != nil || len(events) != 0 {
		t.Errorf("following announced %d events, %v", len(events), err)
	}
}

func TestFollowReachesPositions(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.relay(js)
	si.follow(follows, si.follower())
	for range 20 {
		ctx, recorder := store.Record(asLocal(t))
		_, err := store.Update(ctx, so.Store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
			u := &registrypb.Unit{Name: unitName(so.made), DisplayName: "Đơn vị", Level: "DISTRICT_COMMITTEE", ValidFrom: "2020-01-01"}
			return so.units.Create(tx, u, &registrypb.UnitCreated{})
		})
		if err != nil {
			t.Fatal(err)
		}
		so.made++
		if err := si.Await(t.Context(), recorder.Positions()); err != nil {
			t.Fatal(err)
		}
		if n := len(records(t, si.Store, si.units.All)); n != so.made {
			t.Fatalf("planning knows %d units, want %d", n, so.made)
		}
	}
}

// INV-FEED-WHOLE-ENTRY: an entry of which one event is missing is not reached.
func TestFollowPositionWaitsForWholeEntry(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.create(2)
	so.create(5)
	so.relay(js)
	f := Follower{Source: "registry", Handlers: []Handler{
		On(func(_ *store.Tx, _ *registrypb.UnitCreated, at Envelope) error {
			if at.Number == 5 {
				return errors.New("poison")
			}
			return nil
		}),
	}}
	mustStop(t, si.follow(follows, f).failed(), 5)
	c, err := si.Cursor(t.Context(), "registry")
	if err != nil {
		t.Fatal(err)
	}
	if c.GetSequence() != 4 || c.GetPosition() != 1 {
		t.Errorf("the cursor is at event %d, position %d; want 4, 1", c.GetSequence(), c.GetPosition())
	}
}

func TestFollowRestarts(t *testing.T) {
	srv, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.relay(js)
	for range 5 {
		follower := si.follow(follows, si.follower())
		so.create(100)
		eventually(t, "it begins", func() bool { return si.sequence() > 0 })
		follower.stop()
		si.close()
		so.createEach(3)
		srv.Restart()
		si.open()
	}
	si.follow(follows, si.follower())
	si.mustEqual(so)
}

func TestFollowSurvivesNATSRestart(t *testing.T) {
	srv, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.relay(js)
	si.follow(follows, si.follower())
	for range 3 {
		so.create(30)
		srv.Restart()
		so.createEach(3)
		si.mustEqual(so)
	}
}

func TestFollowTwoAtOnce(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.relay(js)
	si.follow(follows, si.follower())
	si.follow(follows, si.follower())
	for range 20 {
		so.create(7)
	}
	si.mustEqual(so)
}

func TestFollowPassesOverWhatItTookBefore(t *testing.T) {
	srv, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.create(40)
	relay := so.relay(js)
	si.follow(follows, si.follower())
	si.mustEqual(so)

	// A stream that is filled anew is shorter than the cursor for a while.
	relay.stop()
	if err := js.DeleteStream(t.Context(), "COSO_REGISTRY"); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), streamConfig("registry", so.Incarnation())); err != nil {
		t.Fatal(err)
	}
	relay = so.relay(js)
	so.create(5)
	si.mustEqual(so)

	cutTail(t, srv, func() {
		so.create(25)
		si.mustEqual(so)
	})
	so.create(5)
	si.mustEqual(so)
	relay.stop()
}

func TestFollowIgnoresWhatItDoesNotHear(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.create(3)
	so.rename(0, "Huyện ủy Ứng Hòa")
	so.relay(js)
	var after counter
	f := Follower{
		Source: "registry", After: func(*store.Tx) error { after.add(); return nil },
		Handlers: []Handler{On(func(*store.Tx, *registrypb.OrganisationFounded, Envelope) error {
			return errors.New("nothing was founded")
		})},
	}
	si.follow(follows, f)
	eventually(t, "it passes over all", func() bool { return si.sequence() == 4 })
	if after.n != 0 {
		t.Errorf("After ran %d times though no handler did", after.n)
	}
}

func TestFollowAfterRunsOncePerCommand(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.relay(js)
	f := si.follower()
	f.After = func(tx *store.Tx) error {
		u, _, err := si.units.Find(tx, unitName(29)) // what the handlers did is there
		if err != nil {
			return err
		}
		count, known, err := si.effects.Find(tx, "after")
		if err != nil {
			return err
		}
		if !known {
			count = &registrypb.Enterprise{Name: "after"}
		}
		count.Revision++
		count.DisplayName = u.GetName()
		return si.effects.Put(tx, count)
	}
	so.create(30)
	follower := si.follow(follows, f)
	eventually(t, "it takes the events", func() bool { return si.sequence() == 30 })
	follower.stop()
	count := records(t, si.Store, si.effects.All)[0]
	if commands := si.Head().GetPosition(); uint64(count.GetRevision()) != commands {
		t.Errorf("After took effect %d times in %d commands", count.GetRevision(), commands)
	}
	if count.GetDisplayName() != unitName(29) {
		t.Errorf("the last After saw %q", count.GetDisplayName())
	}
}

func TestFollowTriesAgain(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.create(5)
	so.relay(js)
	var tries counter
	f := Follower{Source: "registry", Handlers: []Handler{
		On(func(tx *store.Tx, e *registrypb.UnitCreated, at Envelope) error {
			if n := tries.add(); n%2 == 1 && n < 10 {
				return fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
			}
			return si.take(tx, e.GetUnit(), at)
		}),
	}}
	si.follow(follows, f)
	si.mustEqual(so)
}

func TestFollowShrinksCommands(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.create(400)
	so.relay(js)
	so.mustBeJournal(js)
	long := strings.Repeat("đ", 1000) // 400 of them are more than a command may weigh
	f := Follower{Source: "registry", Handlers: []Handler{
		On(func(tx *store.Tx, e *registrypb.UnitCreated, at Envelope) error {
			if err := si.take(tx, e.GetUnit(), at); err != nil {
				return err
			}
			return si.effects.Put(tx, &registrypb.Enterprise{Name: effectName(at.Number), Revision: 1, DisplayName: long})
		}),
	}}
	si.follow(follows, f)
	si.mustEqual(so)
}

func TestFollowRefusesTwoHandlersOfOneType(t *testing.T) {
	_, _, follows := connections(t)
	si := newSink(t)
	f := si.follower()
	f.Handlers = append(f.Handlers, f.Handlers[0])
	if err := Follow(t.Context(), si.Store, follows, f, logTo(t)); fault.KindOf(err) != fault.KindInternal {
		t.Errorf("got %v, want Internal", err)
	}
}

func TestFollowEndsWhileNATSIsAway(t *testing.T) {
	srv, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.create(3)
	relay := so.relay(js)
	follower := si.follow(follows, si.follower())
	si.mustEqual(so)
	srv.Stop()
	relay.stop()
	follower.stop()
	waiting := si.follow(follows, si.follower())
	waiting.stop()
}

// A lone event takes effect at once: nothing on its way waits for a fixed time.
func TestFollowIsPrompt(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.relay(js)
	si.follow(follows, si.follower())
	so.create(1)
	si.mustEqual(so)
	const events = 50
	began := time.Now()
	for range events {
		so.create(1)
		ctx, cancel := context.WithTimeout(t.Context(), patienceOfTests)
		err := si.Await(ctx, []store.Position{{Service: "registry", Incarnation: so.Incarnation(), Number: so.Head().GetPosition()}})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
	each := time.Since(began) / events
	t.Logf("a lone event takes effect after %s", each)
	if each > 200*time.Millisecond {
		t.Errorf("a lone event takes effect after %s", each)
	}
}

// Loss on the way is no hole in the stream: the follower begins anew behind its cursor.
func TestFollowNoticesLossOnTheWay(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.createEach(5)
	so.relay(js)
	so.mustBeJournal(js)
	f := &following{store: si.Store, js: follows, source: "registry"}
	var err error
	if f.cursor, err = si.Cursor(t.Context(), "registry"); err != nil {
		t.Fatal(err)
	}
	r, err := f.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	messages, done, err := r.fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	var batch []jetstream.Msg
	for len(batch) < 5 {
		more, err := gather(t.Context(), messages.Messages())
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, more...)
	}
	events, err := r.read(slices.Delete(batch, 2, 3))
	if !errors.Is(err, errLost) || len(events) != 2 {
		t.Errorf("it read %d events and says %v, want 2 and %v", len(events), err, errLost)
	}
}

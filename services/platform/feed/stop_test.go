package feed

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/fault"
	"coso/services/platform/store"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// mustStop demands that a follower stopped at an event, and says so.
func mustStop(t *testing.T, err error, number uint64) {
	t.Helper()
	f := fault.From(err)
	if f.Kind != fault.KindDataLoss || f.Reason != faultpb.Reason_REASON_FEED_STOPPED {
		t.Fatalf("the follower ended with %v, want FEED_STOPPED", err)
	}
	if f.Params["name"] != "registry" || f.Params["value"] != uintText(number) || !strings.HasPrefix(f.Params["type"], "coso.registry.v") {
		t.Errorf("%v names %v, want event %d of registry", err, f.Params, number)
	}
}

func TestFollowStopsAtPoison(t *testing.T) {
	const poison = 6
	for name, bad := range map[string]func(at Envelope) error{
		"handler refuses": func(Envelope) error {
			return fault.NotFound(faultpb.Reason_REASON_UNIT_UNKNOWN, "", "name", "units/x")
		},
		"handler fails":  func(Envelope) error { return errors.New("no") },
		"handler panics": func(Envelope) error { panic("no") },
		"handler exhausts it": func(Envelope) error {
			return fault.ResourceExhausted(faultpb.Reason_REASON_TOO_LARGE, "", "limit", "1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, js, follows := connections(t)
			so, si := newSource(t), newSink(t)
			so.create(10)
			so.relay(js)
			so.mustBeJournal(js)
			f := Follower{Source: "registry", Handlers: []Handler{
				On(func(tx *store.Tx, e *registrypb.UnitCreated, at Envelope) error {
					if at.Number == poison {
						return bad(at)
					}
					return si.take(tx, e.GetUnit(), at)
				}),
			}}
			for range 2 { // a restart changes nothing
				mustStop(t, si.follow(follows, f).failed(), poison)
				if si.sequence() != poison-1 || len(records(t, si.Store, si.units.All)) != poison-1 {
					t.Errorf("it stands at %d with %d units, want %d", si.sequence(), len(records(t, si.Store, si.units.All)), poison-1)
				}
			}
		})
	}
}

func TestFollowStopsWhenAfterFails(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.create(10)
	so.relay(js)
	so.mustBeJournal(js)
	f := si.follower()
	f.After = func(tx *store.Tx) error {
		if _, known, err := si.units.Find(tx, unitName(6)); err != nil || known {
			return errors.Join(err, errors.New("one too many"))
		}
		return nil
	}
	mustStop(t, si.follow(follows, f).failed(), 7)
	if si.sequence() != 6 {
		t.Errorf("it stands at %d, want 6", si.sequence())
	}
}

// publish puts the journal's events into a stream by hand, changed by f.
func (so *source) publish(js jetstream.JetStream, f func(number uint64, m *jetstream.RawStreamMsg)) {
	so.t.Helper()
	if _, err := js.CreateStream(so.t.Context(), streamConfig("registry", so.Incarnation())); err != nil {
		so.t.Fatal(err)
	}
	events, err := so.Events(so.t.Context(), 1, so.made)
	if err != nil {
		so.t.Fatal(err)
	}
	for _, e := range events {
		m, err := newMessage("registry", e, 0)
		if err != nil {
			so.t.Fatal(err)
		}
		raw := &jetstream.RawStreamMsg{Header: m.Header, Data: m.Data}
		f(e.Number, raw)
		m.Header, m.Data = raw.Header, raw.Data
		if _, err := js.PublishMsg(so.t.Context(), m); err != nil {
			so.t.Fatal(err)
		}
	}
}

func TestFollowStopsAtUnreadableEvent(t *testing.T) {
	for name, spoil := range map[string]func(m *jetstream.RawStreamMsg){
		"body is no message":       func(m *jetstream.RawStreamMsg) { m.Data = []byte{0xff, 0xff, 0xff} },
		"unknown version":          func(m *jetstream.RawStreamMsg) { m.Header.Set(headerType, "coso.registry.v2.UnitCreated") },
		"other envelope":           func(m *jetstream.RawStreamMsg) { m.Header.Set(headerSpec, "2.0") },
		"no position":              func(m *jetstream.RawStreamMsg) { m.Header.Del(headerPosition) },
		"no incarnation":           func(m *jetstream.RawStreamMsg) { m.Header.Del(headerIncarnation) },
		"another service's event":  func(m *jetstream.RawStreamMsg) { m.Header.Set(headerSource, "//coso/award") },
		"event of another place":   func(m *jetstream.RawStreamMsg) { m.Header.Set(headerID, m.Header.Get(headerIncarnation)+"/9") },
		"moment in another format": func(m *jetstream.RawStreamMsg) { m.Header.Set(headerTime, "30/11/2020") },
	} {
		t.Run(name, func(t *testing.T) {
			_, js, follows := connections(t)
			so, si := newSource(t), newSink(t)
			so.createEach(5)
			so.publish(js, func(number uint64, m *jetstream.RawStreamMsg) {
				if number == 4 {
					spoil(m)
				}
			})
			mustStop(t, si.follow(follows, si.follower()).failed(), 4)
			if si.sequence() != 3 {
				t.Errorf("it stands at %d, want 3", si.sequence())
			}
		})
	}
}

func TestFollowIgnoresUnreadableBodyItDoesNotHear(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.createEach(3)
	so.publish(js, func(number uint64, m *jetstream.RawStreamMsg) {
		if number == 2 {
			m.Header.Set(headerType, "coso.registry.v7.UnitForgotten")
			m.Data = []byte{0xff}
		}
	})
	f := Follower{Source: "registry", Handlers: []Handler{
		On(func(*store.Tx, *registrypb.UnitCreated, Envelope) error { return nil }),
	}}
	si.follow(follows, f)
	eventually(t, "it passes over", func() bool { return si.sequence() == 3 })
}

// INV-FEED-NO-GAP
func TestFollowStopsAtGap(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	c := streamConfig("registry", so.Incarnation())
	c.DenyDelete = false
	stream, err := js.CreateStream(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	so.create(10)
	so.relay(js)
	so.mustBeJournal(js)
	if err := stream.DeleteMsg(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	err = si.follow(follows, si.follower()).failed()
	mustStop(t, err, 6)
	if !strings.Contains(err.Error(), "gap") || si.sequence() != 4 {
		t.Errorf("it stands at %d and says %q", si.sequence(), err)
	}
}

// INV-FEED-NO-GAP
func TestFollowStopsAtForeignIncarnation(t *testing.T) {
	demand := func(t *testing.T, err error) {
		t.Helper()
		if fault.KindOf(err) != fault.KindDataLoss || fault.ReasonOf(err) != faultpb.Reason_REASON_INCARNATION_FOREIGN {
			t.Errorf("the follower ended with %v, want INCARNATION_FOREIGN", err)
		}
	}
	t.Run("a new journal's stream", func(t *testing.T) {
		_, js, follows := connections(t)
		so, si := newSource(t), newSink(t)
		so.create(3)
		relay := so.relay(js)
		follower := si.follow(follows, si.follower())
		si.mustEqual(so)
		relay.stop()
		if err := js.DeleteStream(t.Context(), "COSO_REGISTRY"); err != nil {
			t.Fatal(err)
		}
		other := newSource(t)
		other.create(2)
		other.relay(js)
		demand(t, follower.failed())
		if si.sequence() != 3 {
			t.Errorf("it stands at %d, want 3", si.sequence())
		}
	})
	t.Run("an event in its own stream", func(t *testing.T) {
		_, js, follows := connections(t)
		so, si := newSource(t), newSink(t)
		so.createEach(3)
		so.publish(js, func(number uint64, m *jetstream.RawStreamMsg) {
			if number == 3 {
				id := uuid.NewString()
				m.Header.Set(headerIncarnation, id)
				m.Header.Set(headerID, id+"/3")
			}
		})
		demand(t, si.follow(follows, si.follower()).failed())
		if si.sequence() != 2 {
			t.Errorf("it stands at %d, want 2", si.sequence())
		}
	})
}

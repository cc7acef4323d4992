package feed

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	feedpb "coso/proto/gen/coso/feed/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/store"
)

func (f *Feed) relayStatus(t *testing.T) *feedpb.RelayStatus {
	t.Helper()
	s, err := f.GetFeedStatus(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.GetRelay()
}

// A relay that found another journal's stream goes on by itself when that stream is gone; until then its alarm stays.
func TestRelayLooksAgain(t *testing.T) {
	_, js, ops := connections(t)
	so := newSource(t)
	so.createEach(3)
	so.makeStream(js, func(c *jetstream.StreamConfig) { c.Metadata[metaIncarnation] = uuid.NewString() })
	f := quick(t, so.Store)
	f.runIn(t, js, nil)
	eventually(t, "the relay stops", func() bool { return strings.Contains(f.relayStatus(t).GetAlarm(), "made for the journal") })
	for range 200 {
		if f.relayStatus(t).GetAlarm() == "" {
			t.Fatal("the alarm ended while the stream is there")
		}
	}
	if n := lastSequence(t, ops); n != 0 {
		t.Fatalf("it wrote %d messages to another's stream", n)
	}
	deleteStream(t, ops)
	so.mustBeJournal(ops)
	eventually(t, "the alarm ends", func() bool { return f.relayStatus(t).GetAlarm() == "" })
	so.create(2)
	so.mustBeJournal(ops)
}

// An event that no subject can be made of stops the relay each time anew: the alarm does not flicker.
func TestRelayAlarmStaysWhileItsCauseDoes(t *testing.T) {
	_, js, _ := connections(t)
	so := newSource(t)
	_, err := store.Update(asLocal(t), so.Store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
		return &registrypb.Unit{}, tx.Emit(&registrypb.Unit{}, "units/u0")
	})
	if err != nil {
		t.Fatal(err)
	}
	f := quick(t, so.Store)
	f.runIn(t, js, nil)
	eventually(t, "the relay stops", func() bool { return f.relayStatus(t).GetAlarm() != "" })
	for range 2000 {
		if f.relayStatus(t).GetAlarm() == "" {
			t.Fatal("the alarm ended")
		}
	}
}

// A follower that stopped at a gap goes on by itself when the stream is filled anew.
func TestFollowerLooksAgain(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.createEach(5)
	relay := so.relay(js)
	so.mustBeJournal(js)
	relay.stop()
	if err := so.stream(js).Purge(t.Context(), jetstream.WithPurgeSequence(4)); err != nil {
		t.Fatal(err)
	}
	k := &team{t: t, planning: quick(t, si.Store, si.follower())}
	k.planning.runIn(t, follows, nil)
	eventually(t, "the follower stops", func() bool { return k.follower().GetStoppedAt() == 4 })
	deleteStream(t, js)
	so.relay(js)
	si.mustEqual(so)
	eventually(t, "the alarm ends", func() bool { s := k.follower(); return s.GetAlarm() == "" && s.GetStoppedAt() == 0 })
}

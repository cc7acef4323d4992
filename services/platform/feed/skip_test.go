package feed

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/store"
)

var errPoison = errors.New("poison")

// skip journals that the follower passes over an event, as SkipEvent does for those it may.
func (si *sink) skip(number uint64) {
	si.t.Helper()
	k := &journalpb.Skip{Name: "registry/" + uintText(number), Source: "registry", Sequence: number, Reason: "test"}
	_, err := store.Update(asLocal(si.t), si.Store, nil, func(tx *store.Tx) (*journalpb.Skip, error) { return k, store.SetSkip(tx, k) })
	if err != nil {
		si.t.Fatal(err)
	}
}

// A skipped event is passed over even where it cannot be read; the next one says where the source stands.
func TestFollowPassesOverSkippedEvents(t *testing.T) {
	for name, spoil := range map[string]func(m *jetstream.RawStreamMsg){
		"handler refuses":     func(*jetstream.RawStreamMsg) {},
		"body is no message":  func(m *jetstream.RawStreamMsg) { m.Data = []byte{0xff, 0xff, 0xff} },
		"unknown version":     func(m *jetstream.RawStreamMsg) { m.Header.Set(headerType, "coso.registry.v2.UnitCreated") },
		"no position":         func(m *jetstream.RawStreamMsg) { m.Header.Del(headerPosition) },
		"incarnation garbled": func(m *jetstream.RawStreamMsg) { m.Header.Set(headerIncarnation, "x") },
	} {
		t.Run(name, func(t *testing.T) {
			_, js, follows := connections(t)
			so, si := newSource(t), newSink(t)
			so.createEach(5)
			so.publish(js, func(number uint64, m *jetstream.RawStreamMsg) {
				if number == 1 || number == 4 {
					spoil(m)
				}
			})
			f := Follower{Source: "registry", Handlers: []Handler{
				On(func(tx *store.Tx, e *registrypb.UnitCreated, at Envelope) error {
					if at.Number == 1 || at.Number == 4 {
						return errPoison
					}
					return si.units.Put(tx, e.GetUnit())
				}),
			}}
			mustStop(t, si.follow(follows, f).failed(), 1)
			si.skip(1)
			mustStop(t, si.follow(follows, f).failed(), 4)
			si.skip(4)
			si.follow(follows, f)
			eventually(t, "it goes on", func() bool { return si.sequence() == 5 })
			c, err := si.Cursor(t.Context(), "registry")
			if err != nil {
				t.Fatal(err)
			}
			incarnation := so.Incarnation()
			want := &journalpb.Cursor{Source: "registry", Incarnation: incarnation[:], Sequence: 5, Position: 5, Hash: so.events(5)[0].Hash[:]}
			if !proto.Equal(c, want) {
				t.Errorf("the cursor is %v, want %v", c, want)
			}
			if n := len(records(t, si.Store, si.units.All)); n != 3 {
				t.Errorf("%d events took effect, want 3", n)
			}
		})
	}
}

// A gap is no event: nothing can be passed over, and the follower stays where it is.
func TestFollowDoesNotSkipAGap(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.createEach(5)
	relay := so.relay(js)
	so.mustBeJournal(js)
	relay.stop()
	stream, err := js.Stream(t.Context(), StreamName("registry"))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(4)); err != nil {
		t.Fatal(err)
	}
	mustStop(t, si.follow(follows, si.follower()).failed(), 4)
	si.skip(4)
	mustStop(t, si.follow(follows, si.follower()).failed(), 4)
	if si.sequence() != 0 {
		t.Errorf("it stands at %d, want 0", si.sequence())
	}
}

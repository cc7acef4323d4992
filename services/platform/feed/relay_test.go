package feed

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/platform/feed/feedtest"
	"coso/services/platform/store"
)

func TestRelayPublishesTheJournal(t *testing.T) {
	_, js, _ := connections(t)
	so := newSource(t)
	so.create(3)
	so.rename(1, "Huyện ủy Ứng Hòa")
	so.relay(js)
	so.createEach(2)
	so.mustBeJournal(js)

	stream, err := js.Stream(t.Context(), "COSO_REGISTRY")
	if err != nil {
		t.Fatal(err)
	}
	if err := fits(stream.CachedInfo().Config, streamConfig("registry", so.Incarnation())); err != nil {
		t.Error(err)
	}
	if c := stream.CachedInfo().Config; !c.DenyDelete || c.AllowDirect || c.Metadata["incarnation"] != so.Incarnation().String() {
		t.Errorf("settings of the stream: %+v", c)
	}
	for i, rest := range []string{"2", "1", "0", "0", "0", "0"} {
		m, err := stream.GetMsg(t.Context(), uint64(i)+1)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Header.Get("coso-rest"); got != rest {
			t.Errorf("message %d: %s events of its entry follow, want %s", i+1, got, rest)
		}
	}
}

func TestRelayHeaders(t *testing.T) {
	_, js, _ := connections(t)
	so := newSource(t)
	so.create(1)
	so.rename(0, "Huyện ủy Ứng Hòa")
	so.relay(js)
	so.mustBeJournal(js)

	stream, err := js.Stream(t.Context(), "COSO_REGISTRY")
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.GetMsg(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	events, err := so.Events(t.Context(), 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := nats.Header{
		"ce-id":            {so.Incarnation().String() + "/2"},
		"ce-source":        {"//coso/registry"},
		"ce-specversion":   {"1.0"},
		"ce-type":          {"coso.registry.v1.UnitUpdated"},
		"ce-time":          {events[0].Moment.UTC().Format("2006-01-02T15:04:05.000000Z")},
		"ce-subject":       {"units/u0"},
		"content-type":     {"application/protobuf"},
		"coso-incarnation": {so.Incarnation().String()},
		"coso-position":    {"2"},
		"coso-hash":        m.Header["coso-hash"],
		"coso-rest":        {"0"},
		// What the publication was conditional on; the server keeps it.
		jetstream.ExpectedStreamHeader:  {"COSO_REGISTRY"},
		jetstream.ExpectedLastSeqHeader: {"1"},
	}
	if diff := cmp.Diff(want, m.Header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if m.Subject != "coso.registry.unit.updated" {
		t.Errorf("subject %s", m.Subject)
	}
	got := &registrypb.UnitUpdated{}
	if err := proto.Unmarshal(m.Data, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&registrypb.UnitUpdated{Unit: so.all()[0]}, got, protocmp.Transform()); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestRelayRestarts(t *testing.T) {
	srv, js, _ := connections(t)
	so := newSource(t)
	for range 5 {
		so.create(2)
		relay := so.relay(js)
		so.createEach(3)
		so.mustBeJournal(js)
		relay.stop()
		so.createEach(2)
		srv.Restart()
	}
	so.relay(js)
	so.mustBeJournal(js)
}

func TestRelayTwoAtOnce(t *testing.T) {
	srv, js, other := connections(t)
	so := newSource(t)
	so.create(50)
	so.relay(js)
	so.relay(other)
	for range 20 {
		so.create(5)
	}
	srv.Restart()
	so.createEach(20)
	so.mustBeJournal(js)
}

func TestRelayRefillsDeletedStream(t *testing.T) {
	_, js, _ := connections(t)
	so := newSource(t)
	so.create(300)
	so.relay(js)
	so.mustBeJournal(js)
	if err := js.DeleteStream(t.Context(), "COSO_REGISTRY"); err != nil {
		t.Fatal(err)
	}
	so.create(1)
	so.mustBeJournal(js)
}

// cutTail lets the server forget what happens in f, as a power cut does that loses the end of a file.
func cutTail(t *testing.T, srv *feedtest.Server, f func()) {
	t.Helper()
	before := t.TempDir() + "/nats"
	srv.Stop()
	copyFiles(t, srv.Dir(), before)
	srv.Start()
	f()
	srv.Stop()
	copyFiles(t, before, srv.Dir())
	srv.Start()
}

// copyFiles puts a copy of a folder in the place of another. A server that was stopped may still remove a stream for a
// moment, so it tries on.
func copyFiles(t *testing.T, from, to string) {
	t.Helper()
	eventually(t, "the server's files are at rest", func() bool {
		return os.RemoveAll(to) == nil && os.CopyFS(to, os.DirFS(from)) == nil
	})
}

func TestRelayRefillsLostTailWhileIdle(t *testing.T) {
	srv, js, _ := connections(t)
	so := newSource(t)
	so.create(10)
	so.relay(js)
	so.mustBeJournal(js)
	cutTail(t, srv, func() {
		so.createEach(30)
		so.mustBeJournal(js)
	})
	so.mustBeJournal(js)
}

func TestRelayWaitsForNATS(t *testing.T) {
	srv, js, _ := connections(t)
	srv.Stop()
	so := newSource(t)
	so.relay(js)
	so.createEach(20) // commands go on
	srv.Start()
	so.mustBeJournal(js)
	srv.Stop()
	so.create(200)
	srv.Start()
	so.mustBeJournal(js)
}

func TestRelayEndsWhileNATSIsAway(t *testing.T) {
	srv, js, _ := connections(t)
	so := newSource(t)
	so.create(1)
	relay := so.relay(js)
	so.mustBeJournal(js)
	srv.Stop()
	so.create(300)
	relay.stop()
}

// put publishes an event by hand, wherever the stream ends.
func (so *source) put(js jetstream.JetStream, e store.Event) {
	so.t.Helper()
	m, err := newMessage("registry", e, 0)
	if err != nil {
		so.t.Fatal(err)
	}
	if _, err := js.PublishMsg(so.t.Context(), m); err != nil {
		so.t.Fatal(err)
	}
}

// makeStream makes the registry's stream, with settings changed by f.
func (so *source) makeStream(js jetstream.JetStream, f func(*jetstream.StreamConfig)) {
	so.t.Helper()
	c := streamConfig("registry", so.Incarnation())
	f(&c)
	if _, err := js.CreateStream(so.t.Context(), c); err != nil {
		so.t.Fatal(err)
	}
}

func (so *source) events(from uint64) []store.Event {
	so.t.Helper()
	events, err := so.Events(so.t.Context(), from, 100)
	if err != nil {
		so.t.Fatal(err)
	}
	return events
}

func asMade(*jetstream.StreamConfig) {}

func TestRelayRefusesForeignStream(t *testing.T) {
	change := func(f func(*jetstream.StreamConfig)) func(*source, jetstream.JetStream) {
		return func(so *source, js jetstream.JetStream) { so.makeStream(js, f) }
	}
	for name, prepare := range map[string]func(so *source, js jetstream.JetStream){
		"made for another journal": change(func(c *jetstream.StreamConfig) { c.Metadata[metaIncarnation] = uuid.NewString() }),
		"made for nobody":          change(func(c *jetstream.StreamConfig) { c.Metadata = nil }),
		"drops old messages":       change(func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 10, jetstream.DiscardOld }),
		"drops aged messages":      change(func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }),
		"kept in memory":           change(func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }),
		"takes other subjects":     change(func(c *jetstream.StreamConfig) { c.Subjects = []string{"coso.registry.unit.*"} }),
		"subjects are taken":       change(func(c *jetstream.StreamConfig) { c.Name, c.Metadata = "SOMETHING", nil }),
		"ends with another journal's event": func(so *source, js jetstream.JetStream) {
			so.makeStream(js, asMade)
			other := newSource(so.t)
			other.create(1)
			so.put(js, other.events(1)[0])
		},
		"ends with the event of another place": func(so *source, js jetstream.JetStream) {
			so.makeStream(js, asMade)
			so.put(js, so.events(2)[0])
		},
		"longer than the journal": func(so *source, js jetstream.JetStream) {
			so.makeStream(js, asMade)
			for _, e := range append(so.events(1), so.events(3)...) {
				so.put(js, e)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, js, _ := connections(t)
			so := newSource(t)
			so.createEach(3)
			prepare(so, js)
			before := lastSequence(t, js)
			err := so.relay(js).failed()
			if fault.KindOf(err) != fault.KindDataLoss || fault.ReasonOf(err) != faultpb.Reason_REASON_STREAM_FOREIGN {
				t.Errorf("the relay ended with %v, want STREAM_FOREIGN", err)
			}
			if !strings.Contains(err.Error(), "COSO_REGISTRY") {
				t.Errorf("%q does not name the stream", err)
			}
			if after := lastSequence(t, js); after != before {
				t.Errorf("the stream ends at %d, it ended at %d", after, before)
			}
		})
	}
}

// A journal that was copied goes on in two places: the one whose events the stream does not hold must not be mixed in.
func TestRelayRefusesForkOfItsJournal(t *testing.T) {
	_, js, _ := connections(t)
	a := newSource(t)
	a.create(1)
	a.close()
	fork := t.TempDir()
	if err := os.CopyFS(fork, os.DirFS(a.dir)); err != nil {
		t.Fatal(err)
	}
	a.open()
	b := openSource(t, fork)
	a.create(1)
	b.create(1)
	relay := a.relay(js)
	a.mustBeJournal(js)
	relay.stop()
	if err := b.relay(js).failed(); fault.ReasonOf(err) != faultpb.Reason_REASON_STREAM_FOREIGN {
		t.Errorf("the fork's relay ended with %v, want STREAM_FOREIGN", err)
	}
}

func TestRelayGoesOnWithoutFirstMessages(t *testing.T) {
	_, js, follows := connections(t)
	so := newSource(t)
	so.createEach(5)
	relay := so.relay(js)
	so.mustBeJournal(js)
	si := newSink(t)
	follower := si.follow(follows, si.follower())
	si.mustEqual(so)
	relay.stop()
	stream, err := js.Stream(t.Context(), "COSO_REGISTRY")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(4)); err != nil {
		t.Fatal(err)
	}
	so.relay(js)
	so.createEach(5)
	si.mustEqual(so)
	follower.stop()

	late := newSink(t)
	mustStop(t, late.follow(follows, late.follower()).failed(), 4)
	if late.sequence() != 0 {
		t.Errorf("the new follower came to %d", late.sequence())
	}
}

func TestRelayWritersAtOnce(t *testing.T) {
	_, js, _ := connections(t)
	so := newSource(t)
	so.relay(js)
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 25 {
				ctx := asLocal(t)
				_, err := store.Update(ctx, so.Store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
					u := &registrypb.Unit{Name: unitName(w*1000 + i), DisplayName: "Đơn vị", Level: "DISTRICT_COMMITTEE", ValidFrom: "2020-01-01"}
					return so.units.Create(tx, u, &registrypb.UnitCreated{})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	so.mustBeJournal(js)
}

func TestRelayStopsAtEventWithoutSubject(t *testing.T) {
	_, js, _ := connections(t)
	so := newSource(t)
	_, err := store.Update(asLocal(t), so.Store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
		return &registrypb.Unit{}, tx.Emit(&registrypb.Unit{}, "units/u0")
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := so.relay(js).failed(); fault.KindOf(err) != fault.KindInternal {
		t.Errorf("the relay ended with %v, want Internal", err)
	}
}

func TestRelayEndedContext(t *testing.T) {
	_, js, _ := connections(t)
	so := newSource(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Relay(ctx, so.Store, js, logTo(t)); err != nil {
		t.Error(err)
	}
}

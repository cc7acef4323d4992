package feed

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
	"coso/services/platform/feed/feedtest"
)

// relayAs runs a relay whose state the test sees.
func (so *source) relayAs(js jetstream.JetStream, state *relayState) {
	start(so.t, func(ctx context.Context) error { return relayTo(ctx, so.Store, js, logTo(so.t), state) })
}

// block changes the last file of messages of the registry's stream while the server is stopped; false if there is none.
func block(t *testing.T, srv *feedtest.Server, change func(raw []byte) []byte) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(srv.Dir(), "jetstream", "*", "streams", StreamName("registry"), "msgs", "*.blk"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		return false
	}
	slices.Sort(files)
	last := files[len(files)-1]
	raw, err := os.ReadFile(last)
	if errors.Is(err, fs.ErrNotExist) {
		return false // the stream was being deleted when the server stopped
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(last, change(raw), 0o600); err != nil {
		t.Fatal(err)
	}
	return true
}

// spoil is block where there is a stream.
func spoil(t *testing.T, srv *feedtest.Server, change func(raw []byte) []byte) {
	t.Helper()
	if !block(t, srv, change) {
		t.Fatal("no stream to damage")
	}
}

func (so *source) stream(js jetstream.JetStream) jetstream.Stream {
	so.t.Helper()
	stream, err := js.Stream(so.t.Context(), StreamName("registry"))
	if err != nil {
		so.t.Fatal(err)
	}
	return stream
}

// damages are what may befall the end of a stream's file.
var damages = map[string]func(raw []byte) []byte{
	"cut in half":       func(raw []byte) []byte { return raw[:len(raw)/2] },
	"last message cut":  func(raw []byte) []byte { return raw[:len(raw)-10] },
	"end of zeros":      func(raw []byte) []byte { clear(raw[len(raw)-1000:]); return raw },
	"last message torn": func(raw []byte) []byte { raw[len(raw)-200] ^= 0xff; return raw },
	"empty":             func([]byte) []byte { return nil },
}

// INV-FEED-REBUILD: whatever befalls the end of its own stream, the relay fills it anew by itself; those who follow, the
// one who had come to the end, the one who had not, and one who begins, take each event once and in order.
func TestRelayFillsDamagedStreamAnew(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			srv, js, follows := connections(t)
			so, behind, ahead, late := newSource(t), newSink(t), newSink(t), newSink(t)
			state := &relayState{}
			so.create(100)
			so.relayAs(js, state)
			behind.follow(follows, behind.follower()).stopAt(behind, 100)
			ahead.follow(follows, ahead.follower())
			so.create(200)
			so.mustBeJournal(js)
			ahead.mustEqual(so)
			srv.Stop()
			spoil(t, srv, damage)
			so.createEach(3)
			srv.Start()
			so.mustBeJournal(js)
			if n := state.rebuilds.Load(); n != 1 {
				t.Errorf("the stream was filled anew %d times, want once", n)
			}
			ahead.mustEqual(so)
			behind.follow(follows, behind.follower())
			behind.mustEqual(so)
			late.follow(follows, late.follower())
			late.mustEqual(so)
			so.createEach(3)
			ahead.mustEqual(so)
		})
	}
}

// stopAt ends a follower that has come to a number.
func (k *task) stopAt(si *sink, number uint64) {
	k.t.Helper()
	eventually(k.t, "it comes that far", func() bool { return si.sequence() == number })
	k.stop()
}

func TestRelayFillsEmptiedStreamAnew(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.createEach(3)
	so.makeStream(js, asMade)
	so.put(js, so.events(1)[0])
	if err := so.stream(js).Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	so.relay(js)
	so.mustBeJournal(js)
	si.follow(follows, si.follower())
	si.mustEqual(so)
}

func TestRelayFillsStreamWithHolesAnew(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.create(10)
	so.makeStream(js, func(c *jetstream.StreamConfig) { c.DenyDelete = false })
	relay := so.relay(js)
	so.mustBeJournal(js)
	if err := so.stream(js).DeleteMsg(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	relay.stop()
	so.relay(js)
	so.mustBeJournal(js)
	si.follow(follows, si.follower())
	si.mustEqual(so)
}

func TestTwoRelaysFillDamagedStreamAnew(t *testing.T) {
	srv, js, other := connections(t)
	so := newSource(t)
	so.create(300)
	so.relay(js)
	so.relay(other)
	so.mustBeJournal(js)
	srv.Stop()
	spoil(t, srv, damages["end of zeros"])
	srv.Start()
	so.createEach(20)
	so.mustBeJournal(js)
}

// INV-FEED-OWN-STREAM: a damaged stream is not deleted as long as what can be read of it is not the journal's own.
func TestRelayDoesNotDeleteDamagedForeignStream(t *testing.T) {
	srv, js, _ := connections(t)
	so, other := newSource(t), newSource(t)
	so.createEach(30)
	other.createEach(30)
	so.makeStream(js, asMade)
	for _, e := range other.events(1) {
		other.put(js, e)
	}
	srv.Stop()
	spoil(t, srv, damages["last message cut"])
	srv.Start()
	eventually(t, "the server is back", func() bool { return lastSequence(t, js) == 30 })
	if _, err := so.stream(js).GetMsg(t.Context(), 30); err == nil {
		t.Fatal("the last message is not damaged")
	}
	created := so.stream(js).CachedInfo().Created
	if err := so.relay(js).failed(); fault.ReasonOf(err) != faultpb.Reason_REASON_STREAM_FOREIGN {
		t.Errorf("the relay ended with %v, want STREAM_FOREIGN", err)
	}
	if info := so.stream(js).CachedInfo(); !info.Created.Equal(created) || info.State.LastSeq != 30 {
		t.Errorf("the stream was made anew: %+v", info.State)
	}
}

// A rebuild is told once, loudly, and the next one waits.
func TestRebuildIsTold(t *testing.T) {
	srv, js, _ := connections(t)
	so := newSource(t)
	so.create(50)
	relay := so.relay(js)
	so.mustBeJournal(js)
	relay.stop()
	srv.Stop()
	spoil(t, srv, damages["empty"])
	srv.Start()
	var log bytes.Buffer
	r := start(t, func(ctx context.Context) error {
		return relayTo(ctx, so.Store, js, slog.New(slog.NewTextHandler(&log, nil)), &relayState{})
	})
	so.mustBeJournal(js)
	r.stop()
	if n := bytes.Count(log.Bytes(), []byte("level=ERROR")); n != 1 || !bytes.Contains(log.Bytes(), []byte("deleted and filled anew")) {
		t.Errorf("told %d times:\n%s", n, log.String())
	}
}

// A stream that is slow, or was away, is not taken for one that stores nothing: what was sent is answered when it is asked.
func TestRelayDoesNotDeleteStreamThatAnswersAgain(t *testing.T) {
	_, js, _ := connections(t)
	so := newSource(t)
	so.createEach(3)
	so.relay(js).stopWhen(so, js)
	created := so.stream(js).CachedInfo().Created
	so.createEach(2)
	state := &relayState{}
	r := &relay{store: so.Store, js: js, logger: logTo(t), patience: patience{logger: logTo(t)}, state: state}
	for range 2 * damageTries {
		r.health.unanswered = true // as after a publication that nobody answered
		if err := r.compare(t.Context()); err != nil && !errors.Is(err, errLookAgain) {
			t.Fatal(err)
		}
	}
	if !so.stream(js).CachedInfo().Created.Equal(created) || state.rebuilds.Load() != 0 {
		t.Error("the stream was made anew")
	}
	so.mustBeJournal(js) // what was sent to ask was an event in its place
}

// stopWhen ends a relay when the stream is the journal.
func (k *task) stopWhen(so *source, js jetstream.JetStream) {
	k.t.Helper()
	so.mustBeJournal(js)
	k.stop()
}

// A stream at its quota refuses events by name; the relay waits, and goes on by itself when the quota is raised.
func TestRelayWaitsForAQuota(t *testing.T) {
	_, js, _ := connections(t)
	so := newSource(t)
	var quota jetstream.StreamConfig
	so.makeStream(js, func(c *jetstream.StreamConfig) { c.MaxBytes = 20 << 10; quota = *c })
	state := &relayState{}
	so.create(100)
	so.relayAs(js, state)
	eventually(t, "the stream is full", func() bool { return state.published.Load() > 10 })
	so.createEach(3)
	quota.MaxBytes = -1
	if _, err := js.UpdateStream(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	so.mustBeJournal(js)
	if n := state.rebuilds.Load(); n != 0 {
		t.Errorf("the stream was filled anew %d times", n)
	}
}

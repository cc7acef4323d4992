package feed

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// copied is a copy of the registry as it stands now, in a folder of its own.
func (so *source) copied() (dir string) {
	so.t.Helper()
	so.close()
	dir = so.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(so.dir)); err != nil {
		so.t.Fatal(err)
	}
	so.open()
	return dir
}

func deleteStream(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	if err := js.DeleteStream(t.Context(), StreamName("registry")); err != nil {
		t.Fatal(err)
	}
}

// INV-FEED-SAME-PAST: an older registry is put back, without its stream, and goes another way. The numbers go on as if
// nothing had happened, and nothing of it takes effect.
func TestFollowStopsWhereItsSourceWentBack(t *testing.T) {
	for name, running := range map[string]bool{"follower restarted": false, "follower at work": true} {
		t.Run(name, func(t *testing.T) {
			_, js, follows := connections(t)
			so, si := newSource(t), newSink(t)
			so.createEach(5)
			older := so.copied()
			so.create(3)
			relay := so.relay(js)
			follower := si.follow(follows, si.follower())
			si.mustEqual(so)
			before := records(t, si.Store, si.units.All)
			relay.stop()
			if !running {
				follower.stop()
			}
			deleteStream(t, js)
			old := openSource(t, older)
			old.createEach(6)
			old.relay(js)
			old.mustBeJournal(js)
			if !running {
				follower = si.follow(follows, si.follower())
			}
			err := follower.failed()
			if fault.KindOf(err) != fault.KindDataLoss || fault.ReasonOf(err) != faultpb.Reason_REASON_SOURCE_WENT_BACK {
				t.Fatalf("the follower ended with %v, want SOURCE_WENT_BACK", err)
			}
			if !strings.Contains(err.Error(), "event 8") || si.sequence() != 8 {
				t.Errorf("it stands at %d and says %q", si.sequence(), err)
			}
			if after := records(t, si.Store, si.units.All); len(after) != len(before) {
				t.Errorf("%d units, there were %d", len(after), len(before))
			}
		})
	}
}

// A cursor of a program that kept no hash goes on, and has one behind the next event.
func TestFollowGoesOnFromACursorWithoutHash(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.createEach(3)
	relay := so.relay(js)
	follower := si.follow(follows, si.follower())
	si.mustEqual(so)
	follower.stop()
	_, err := store.Update(asLocal(t), si.Store, nil, func(tx *store.Tx) (*journalpb.Cursor, error) {
		c, err := store.CursorIn(tx, "registry")
		if err != nil {
			return nil, err
		}
		c = proto.CloneOf(c)
		c.Hash = nil
		return c, store.SetCursor(tx, c)
	})
	if err != nil {
		t.Fatal(err)
	}
	si.follow(follows, si.follower())
	so.create(1)
	si.mustEqual(so)
	c, err := si.Cursor(t.Context(), "registry")
	if err != nil || len(c.GetHash()) != 32 {
		t.Errorf("the cursor is %v, %v", c, err)
	}
	relay.stop()
}

// What was passed over because it cannot be read is passed over when a follower begins with it, too.
func TestFollowBeginsWithASkippedUnreadableEvent(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.createEach(4)
	so.publish(js, func(number uint64, m *jetstream.RawStreamMsg) {
		if number == 4 {
			m.Header.Del(headerPosition)
		}
	})
	f := Follower{Source: "registry", Handlers: []Handler{
		On(func(*store.Tx, *registrypb.UnitCreated, Envelope) error { return nil }),
	}}
	mustStop(t, si.follow(follows, f).failed(), 4)
	si.skip(4)
	si.follow(follows, f).stopAt(si, 4)
	si.follow(follows, f)
	so.create(1)
	so.put(js, so.events(5)[0])
	eventually(t, "it goes on", func() bool { return si.sequence() == 5 })
}

// way is how a follower asks its source; a test leads it to another one.
type way struct {
	to atomic.Pointer[inprocgrpc.Channel]
}

// Invoke implements grpc.ClientConnInterface.
func (w *way) Invoke(ctx context.Context, method string, req, answer any, options ...grpc.CallOption) error {
	return w.to.Load().Invoke(ctx, method, req, answer, options...)
}

// NewStream implements grpc.ClientConnInterface.
func (w *way) NewStream(ctx context.Context, d *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	return w.to.Load().NewStream(ctx, d, method, options...)
}

func (w *way) leadTo(f *Feed) {
	channel := &inprocgrpc.Channel{}
	feedpb.RegisterFeedServiceServer(channel, f)
	w.to.Store(channel)
}

// team is the feed of a planning and the way on which it asks the registry.
type team struct {
	t        *testing.T
	planning *Feed
	way      way
}

func quick(t *testing.T, s *store.Store, followers ...Follower) *Feed {
	t.Helper()
	f := New(Options{
		Store: s, Logger: logTo(t), AskEvery: 5 * time.Millisecond, LookAgain: 20 * time.Millisecond, Followers: followers,
	})
	t.Cleanup(f.Close)
	return f
}

// runIn runs a feed until the test ends.
func (f *Feed) runIn(t *testing.T, js jetstream.JetStream, conns map[string]grpc.ClientConnInterface) {
	t.Helper()
	start(t, func(ctx context.Context) error { f.Run(ctx, js, conns); return nil })
}

// follower is how planning's follower does.
func (k *team) follower() *feedpb.FollowerStatus {
	k.t.Helper()
	s, err := k.planning.GetFeedStatus(k.t.Context(), nil)
	if err != nil {
		k.t.Fatal(err)
	}
	return s.GetFollowers()[0]
}

// INV-FEED-SAME-PAST, asked of the source itself: it has gone back, or is another one. NATS shows nothing of it. When the
// right one is back, the follower goes on by itself.
func TestFollowerStopsWhileItsSourceIsNotTheOne(t *testing.T) {
	for name, c := range map[string]struct {
		source func(so *source, older string) *source
		says   string
	}{
		"ends before the cursor": {func(so *source, older string) *source { return openSource(so.t, older) }, "its journal ends with event 5"},
		"holds another event": {func(so *source, older string) *source {
			o := openSource(so.t, older)
			o.createEach(9)
			return o
		}, "it holds another event in its place"},
		"is another journal": {func(so *source, _ string) *source { return newSource(so.t) }, "of another journal"},
	} {
		t.Run(name, func(t *testing.T) {
			_, js, follows := connections(t)
			so, si := newSource(t), newSink(t)
			so.createEach(5)
			older := so.copied()
			so.createEach(3)
			registry := quick(t, so.Store)
			k := &team{t: t, planning: quick(t, si.Store, si.follower())}
			k.way.leadTo(registry)
			registry.runIn(t, js, nil)
			k.planning.runIn(t, follows, map[string]grpc.ClientConnInterface{"registry": &k.way})
			si.mustEqual(so)
			eventually(t, "the source answers", func() bool { return k.follower().GetAge() != nil })
			if alarm := k.follower().GetAlarm(); alarm != "" {
				t.Fatalf("an alarm: %s", alarm)
			}

			k.way.leadTo(quick(t, c.source(so, older).Store))
			eventually(t, "the follower stops", func() bool { return strings.Contains(k.follower().GetAlarm(), c.says) })
			so.createEach(2)
			so.mustBeJournal(js)
			if n := si.sequence(); n != 8 {
				t.Errorf("it went on to %d", n)
			}
			if at := k.follower().GetStoppedAt(); at != 0 {
				t.Errorf("it offers event %d to be skipped", at)
			}

			k.way.leadTo(registry)
			si.mustEqual(so)
			eventually(t, "the alarm ends", func() bool { return k.follower().GetAlarm() == "" })
		})
	}
}

func TestFeedHeadShowsTheEntryOfAnEvent(t *testing.T) {
	so := newSource(t)
	so.create(2)
	so.create(1)
	f := quick(t, so.Store)
	for number, want := range map[uint64][]byte{0: nil, 1: so.events(1)[0].Hash[:], 2: so.events(1)[0].Hash[:], 3: so.events(3)[0].Hash[:], 4: nil} {
		head, err := f.GetFeedHead(t.Context(), &feedpb.GetFeedHeadRequest{Sequence: number})
		if err != nil || !bytes.Equal(head.GetEntryHash(), want) || head.GetSequence() != 3 {
			t.Errorf("event %d: %v, %v", number, head, err)
		}
	}
}

func TestSamePast(t *testing.T) {
	journal, hash := uuid.New(), []byte("hash")
	c := func(sequence uint64, hash []byte) *journalpb.Cursor {
		return &journalpb.Cursor{Source: "registry", Incarnation: journal[:], Sequence: sequence, Hash: hash}
	}
	head := func(sequence uint64, hash []byte) *feedpb.FeedHead {
		return &feedpb.FeedHead{Incarnation: journal.String(), Sequence: sequence, EntryHash: hash}
	}
	for name, k := range map[string]struct {
		cursor *journalpb.Cursor
		head   *feedpb.FeedHead
		want   faultpb.Reason
	}{
		"nothing taken":       {&journalpb.Cursor{Source: "registry"}, head(0, nil), 0},
		"the same":            {c(7, hash), head(9, hash), 0},
		"at its end":          {c(7, hash), head(7, hash), 0},
		"cursor without hash": {c(7, nil), head(9, hash), 0},
		"source without hash": {c(7, hash), head(9, nil), 0},
		"another event":       {c(7, hash), head(9, []byte("else")), faultpb.Reason_REASON_SOURCE_WENT_BACK},
		"ends before":         {c(7, nil), head(6, nil), faultpb.Reason_REASON_SOURCE_WENT_BACK},
		"another journal":     {c(7, hash), &feedpb.FeedHead{Incarnation: uuid.NewString(), Sequence: 9}, faultpb.Reason_REASON_INCARNATION_FOREIGN},
	} {
		if err := samePast(k.cursor, k.head); (err == nil) != (k.want == 0) || err != nil && fault.ReasonOf(err) != k.want {
			t.Errorf("%s: %v, want %v", name, err, k.want)
		}
	}
}

package feed

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"

	faultpb "coso/proto/gen/coso/fault/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
)

// promote puts a registry's journal on NATS and opens it there again.
func (so *source) promote(js jetstream.JetStream) {
	so.t.Helper()
	o := streamlog.Options{JetStream: js, AcceptLazySync: true, Service: "registry", Logger: logTo(so.t)}
	so.close()
	var log *streamlog.Log
	_, err := store.Promote(so.t.Context(), store.Replication{
		Dir: so.dir, Service: "registry", Schema: store.NewSchema(so.units), Now: time.Now(), Logger: logTo(so.t),
		Log: func(ctx context.Context) (_ store.SharedLog, err error) {
			log, err = streamlog.Begin(ctx, o, streamlog.Shape{})
			return log, err
		},
	})
	if err == nil {
		so.Store, err = store.Open(store.Options{
			Dir: so.dir, Service: "registry", Schema: store.NewSchema(so.units), Logger: logTo(so.t), MapSize: 64 << 20, Log: log,
		})
	}
	if err != nil {
		so.t.Fatal(err)
	}
}

// INV-FEED-CONTINUES: a registry is put on NATS under those who follow it, wherever they are in its events: they go on by
// themselves, each event takes effect once, and the stream is the new incarnation's.
func TestFollowersGoOnOverAPromotion(t *testing.T) {
	for name, behind := range map[string]int{"at its end": 0, "behind": 3} {
		t.Run(name, func(t *testing.T) {
			_, js, follows := connections(t)
			so, si := newSource(t), newSink(t)
			so.create(2)
			so.createEach(4)
			registry := quick(t, so.Store)
			k := &team{t: t, planning: quick(t, si.Store, si.follower())}
			k.way.leadTo(registry)
			before := start(t, func(ctx context.Context) error { registry.Run(ctx, js, nil); return nil })
			k.planning.runIn(t, follows, map[string]grpc.ClientConnInterface{"registry": &k.way})
			si.mustEqual(so)
			before.stop()
			so.createEach(behind)
			was := so.Incarnation()

			so.promote(js)
			registry = quick(t, so.Store)
			k.way.leadTo(registry)
			registry.runIn(t, js, nil)
			si.mustEqual(so)
			so.createEach(2)
			si.mustEqual(so)
			eventually(t, "the alarm ends", func() bool { return k.follower().GetAlarm() == "" })
			so.mustBeJournal(js)
			c, err := si.Cursor(t.Context(), "registry")
			if err != nil || uuid.UUID(c.GetIncarnation()) != so.Incarnation() || so.Incarnation() == was {
				t.Errorf("the cursor is %v, %v", c, err)
			}
		})
	}
}

// An older copy of a registry is put on NATS while the copies hold more: neither its relay nor those who follow go on.
func TestAPromotedOlderJournalIsRefused(t *testing.T) {
	_, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	so.createEach(5)
	older := so.copied()
	so.createEach(3)
	registry := quick(t, so.Store)
	k := &team{t: t, planning: quick(t, si.Store, si.follower())}
	k.way.leadTo(registry)
	before := start(t, func(ctx context.Context) error { registry.Run(ctx, js, nil); return nil })
	k.planning.runIn(t, follows, map[string]grpc.ClientConnInterface{"registry": &k.way})
	si.mustEqual(so)
	before.stop()

	old := openSource(t, older)
	old.promote(js)
	old.createEach(6)
	err := start(t, func(ctx context.Context) error { return Relay(ctx, old.Store, js, logTo(t)) }).failed()
	if fault.ReasonOf(err) != faultpb.Reason_REASON_STREAM_FOREIGN || !strings.Contains(err.Error(), "did not hold") {
		t.Errorf("its relay says %v", err)
	}
	k.way.leadTo(quick(t, old.Store))
	eventually(t, "the follower stops", func() bool { return strings.Contains(k.follower().GetAlarm(), "another journal") })
	if n := si.sequence(); n != 8 {
		t.Errorf("it stands at %d", n)
	}
}

func TestGoesOn(t *testing.T) {
	hash := bytes.Repeat([]byte{1}, 32)
	for name, k := range map[string]struct {
		cursor *journalpb.Cursor
		head   *feedpb.FeedHead
		want   bool
	}{
		"the same event":      {&journalpb.Cursor{Sequence: 7, Hash: hash}, &feedpb.FeedHead{Continues: true, EntryHash: hash}, true},
		"cursor without hash": {&journalpb.Cursor{Sequence: 7}, &feedpb.FeedHead{Continues: true, EntryHash: hash}, true},
		"another event":       {&journalpb.Cursor{Sequence: 7, Hash: hash}, &feedpb.FeedHead{Continues: true, EntryHash: hash[1:]}, false},
		"no event":            {&journalpb.Cursor{Sequence: 7, Hash: hash}, &feedpb.FeedHead{Continues: true}, false},
		"not continued":       {&journalpb.Cursor{Sequence: 7, Hash: hash}, &feedpb.FeedHead{EntryHash: hash}, false},
		"nothing taken":       {&journalpb.Cursor{}, &feedpb.FeedHead{Continues: true, EntryHash: hash}, false},
	} {
		if got := goesOn(k.cursor, k.head); got != k.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

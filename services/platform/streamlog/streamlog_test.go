package streamlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"

	faultpb "coso/proto/gen/coso/fault/v1"
)

var incarnation = uuid.UUID{0: 0xc0, 6: 0x70, 8: 0x80}

// try asks f until it answers nil, and what it answered last when the time is over.
func try(f func() error) error {
	deadline, tick := time.After(ready), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("not within %s: %w", ready, err)
		}
	}
}

// eventually is try in a test that cannot go on without.
func eventually(t testing.TB, f func() error) {
	t.Helper()
	if err := try(f); err != nil {
		t.Fatal(err)
	}
}

// options are those of a log on a cluster whose servers it can ask.
func (c *cluster) log() streamlog.Options {
	return streamlog.Options{JetStream: c.js(), System: c.conn("system"), Service: "registry", Logger: slog.New(slog.DiscardHandler)}
}

// make makes a log on a cluster as soon as that has found itself.
func (c *cluster) make(o streamlog.Options, shape streamlog.Shape) (l *streamlog.Log) {
	c.t.Helper()
	eventually(c.t, func() (err error) {
		l, err = streamlog.Make(c.t.Context(), o, incarnation, shape)
		return err
	})
	return l
}

func entry(i uint64) []byte { return fmt.Appendf(nil, "entry %d", i) }

// on runs a test on one server and on three.
func on(t *testing.T, test func(t *testing.T, c *cluster, shape streamlog.Shape)) {
	t.Helper()
	for _, size := range []int{1, 3} {
		t.Run(fmt.Sprintf("R%d", size), func(t *testing.T) { test(t, newCluster(t, size, nil), streamlog.Shape{Replicas: size}) })
	}
}

// INV-LOG-PLACE, INV-LOG-OUTCOME: each place is given once, to whoever named the one before; what was given is read and tailed.
func TestPlaces(t *testing.T) {
	on(t, func(t *testing.T, c *cluster, shape streamlog.Shape) {
		t.Helper()
		l := c.make(c.log(), shape)
		if err := l.Sound(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Read(t.Context(), 1); !errors.Is(err, store.ErrNothing) {
			t.Fatalf("an empty log shows something: %v", err)
		}
		for _, step := range []struct {
			place uint64
			entry []byte
			want  error
		}{
			{2, entry(2), store.ErrConflict}, // would leave a hole
			{1, entry(1), nil},
			{1, entry(1), store.ErrConflict}, // the same again: it has its place already
			{1, entry(9), store.ErrConflict},
			{2, entry(2), nil},
			{4, entry(4), store.ErrConflict},
			{3, entry(2), nil}, // the same bytes as before, in another place
		} {
			if err := l.Append(t.Context(), step.place, step.entry); !errors.Is(err, step.want) {
				t.Fatalf("append %q at %d: %v, want %v", step.entry, step.place, err, step.want)
			}
		}
		other, err := streamlog.Open(t.Context(), c.log())
		if err != nil {
			t.Fatal(err)
		}
		if !other.Shared() || other.Incarnation() != incarnation {
			t.Errorf("shared %t, journal %s", other.Shared(), other.Incarnation())
		}
		want := [][]byte{entry(1), entry(2), entry(2)}
		for i, w := range want {
			if p, err := other.Read(t.Context(), uint64(i+1)); err != nil || p.Position != uint64(i+1) || !bytes.Equal(p.Entry, w) {
				t.Errorf("place %d holds %q at %d (%v)", i+1, p.Entry, p.Position, err)
			}
		}
		next := uint64(2)
		for p, err := range other.Tail(t.Context(), next) {
			if err != nil || p.Position != next || !bytes.Equal(p.Entry, want[min(next, 3)-1]) && next < 4 {
				t.Fatalf("the tail brings %q at %d (%v), want %d", p.Entry, p.Position, err, next)
			}
			next++
			switch next {
			case 4: // it waits for what comes
				if err := l.Append(t.Context(), 4, entry(4)); err != nil {
					t.Fatal(err)
				}
			case 5:
				return
			}
		}
		t.Fatal("the tail has ended")
	})
}

// INV-LOG-SYNC: nothing is offered to servers of which one acknowledges before it syncs, or that nobody can see.
func TestServersThatDoNotSync(t *testing.T) {
	for _, tc := range []struct {
		name   string
		size   int
		lazy   int // which server does not sync; -1: none
		change func(o *streamlog.Options)
		want   string // part of why nothing is offered; empty: it is
		warns  bool
	}{
		{"all sync", 1, -1, nil, "", false},
		{"one, lazy", 1, 0, nil, "the server n1 acknowledges before it syncs", true},
		{"one of three, lazy", 3, 2, nil, "the server n3 acknowledges before it syncs", true},
		{"accepted", 1, 0, func(o *streamlog.Options) { o.AcceptLazySync = true }, "", true},
		{"nobody can see", 1, -1, func(o *streamlog.Options) { o.System = nil }, "there is no connection of their system account", true},
		{"no system account", 1, -1, func(o *streamlog.Options) { o.System = o.JetStream.Conn() }, "the server n1 has not answered", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCluster(t, tc.size, func(i int, o *server.Options) { o.SyncAlways = i != tc.lazy })
			o := c.log()
			if tc.change != nil {
				tc.change(&o)
			}
			l := c.make(o, streamlog.Shape{Replicas: tc.size})
			eventually(t, func() error { // a server that has just joined may not answer the first time
				l.Look(t.Context())
				if why := fmt.Sprint(l.Lazy()); tc.want != "" && !strings.Contains(why, tc.want) {
					return l.Lazy()
				}
				return nil
			})
			err := l.Append(t.Context(), 1, entry(1))
			if tc.want == "" && err != nil || tc.want != "" && (fault.KindOf(err) != fault.KindUnavailable || !strings.Contains(causes(err), tc.want)) {
				t.Errorf("append: %v", causes(err))
			}
			if (l.Lazy() != nil) != tc.warns {
				t.Errorf("warns: %v", l.Lazy())
			}
			if _, err := l.Read(t.Context(), 1); errors.Is(err, store.ErrNothing) != (tc.want != "") {
				t.Errorf("read: %v", err)
			}
		})
	}
}

// causes is an error with everything behind it.
func causes(err error) string {
	var b strings.Builder
	for ; err != nil; err = errors.Unwrap(err) {
		b.WriteString(err.Error() + "; ")
	}
	return b.String()
}

// A server that came back without syncing is found out, and one that syncs again is trusted again.
func TestServerStartedOtherwise(t *testing.T) {
	c := newCluster(t, 1, nil)
	l := c.make(c.log(), streamlog.Shape{})
	restart := func(always bool) {
		c.stop(0)
		c.options[0].SyncAlways = always
		c.start(0)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	defer func() { cancel(); <-done }()
	restart(false)
	eventually(t, func() error {
		if l.Sound() == nil {
			return errors.New("it is trusted")
		}
		return nil
	})
	restart(true)
	eventually(t, l.Sound)
	eventually(t, func() error { return l.Append(t.Context(), 1, entry(1)) })
}

// INV-LOG-DRIFT: every setting that lets the stream lose or change entries is named, and nothing is offered.
func TestDrift(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(t *testing.T, js jetstream.JetStream, now jetstream.StreamConfig)
		want   string
	}{
		{"age", updated(func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }), "its setting MaxAge is 1h0m0s, not 0s"},
		{"number", updated(func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 }), "its setting MaxMsgs is 10, not -1"},
		{"old ones go", updated(func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }), "its setting Discard is"},
		{"roll-up", updated(func(c *jetstream.StreamConfig) { c.AllowRollup = true }), "its setting AllowRollup is true, not false"},
		{"answers of followers", updated(func(c *jetstream.StreamConfig) { c.AllowDirect = true }), "its setting AllowDirect is true"},
		{"another journal", updated(func(c *jetstream.StreamConfig) { c.Metadata[streamlogIncarnation] = uuid.Nil.String() }), "it holds the journal"},
		{"made anew", func(t *testing.T, js jetstream.JetStream, now jetstream.StreamConfig) {
			t.Helper()
			if err := js.DeleteStream(t.Context(), now.Name); err != nil {
				t.Fatal(err)
			}
			if _, err := js.CreateStream(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}, "it was made on"},
		{"gone", func(t *testing.T, js jetstream.JetStream, now jetstream.StreamConfig) {
			t.Helper()
			if err := js.DeleteStream(t.Context(), now.Name); err != nil {
				t.Fatal(err)
			}
		}, "the stream is gone"},
		{"what an operator may change", updated(func(c *jetstream.StreamConfig) { c.MaxBytes, c.Description = 1<<20, "x" }), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCluster(t, 1, nil)
			l := c.make(c.log(), streamlog.Shape{})
			js := c.js()
			stream, err := js.Stream(t.Context(), streamlog.StreamName("registry"))
			if err != nil {
				t.Fatal(err)
			}
			tc.change(t, js, stream.CachedInfo().Config)
			l.Look(t.Context())
			if tc.want == "" {
				if err := l.Append(t.Context(), 1, entry(1)); err != nil {
					t.Fatal(err)
				}
				return
			}
			err = l.Append(t.Context(), 1, entry(1))
			if fault.KindOf(err) != fault.KindDataLoss || !strings.Contains(causes(err), tc.want) {
				t.Errorf("append: %s", causes(err))
			}
			if changed := strings.HasPrefix(tc.want, "its setting"); changed != (fault.ReasonOf(err) == faultpb.Reason_REASON_STREAM_CHANGED) {
				t.Errorf("the reason is %v", fault.ReasonOf(err))
			}
			if _, err := streamlog.Open(t.Context(), c.log()); tc.want != "it was made on" && tc.want != "it holds the journal" && err == nil {
				t.Error("it is opened as it is")
			}
		})
	}
}

// A setting that is set back is no alarm any more: entries are taken again, and nobody has to begin anything anew.
func TestASettingThatIsSetBack(t *testing.T) { // INV-LOG-DRIFT
	c := newCluster(t, 1, nil)
	l := c.make(c.log(), streamlog.Shape{})
	stream, err := c.js().Stream(t.Context(), streamlog.StreamName("registry"))
	if err != nil {
		t.Fatal(err)
	}
	made := stream.CachedInfo().Config
	updated(func(now *jetstream.StreamConfig) { now.MaxAge = time.Hour })(t, c.js(), made)
	l.Look(t.Context())
	if err := l.Append(t.Context(), 1, entry(1)); fault.ReasonOf(err) != faultpb.Reason_REASON_STREAM_CHANGED {
		t.Errorf("changed: %v", err)
	}
	updated(func(*jetstream.StreamConfig) {})(t, c.js(), made)
	l.Look(t.Context())
	if err := l.Append(t.Context(), 1, entry(1)); err != nil {
		t.Errorf("set back: %v", err)
	}
}

const streamlogIncarnation = "incarnation"

func updated(f func(*jetstream.StreamConfig)) func(*testing.T, jetstream.JetStream, jetstream.StreamConfig) {
	return func(t *testing.T, js jetstream.JetStream, now jetstream.StreamConfig) {
		t.Helper()
		f(&now)
		if _, err := js.UpdateStream(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
}

// What is there is not made again, and never another journal's.
func TestMakeAndOpen(t *testing.T) {
	c := newCluster(t, 1, nil)
	if _, err := streamlog.Open(t.Context(), c.log()); !errors.Is(err, streamlog.ErrAbsent) {
		t.Errorf("open: %v", err)
	}
	l := c.make(c.log(), streamlog.Shape{})
	if err := l.Append(t.Context(), 1, entry(1)); err != nil {
		t.Fatal(err)
	}
	if p, err := c.make(c.log(), streamlog.Shape{}).Read(t.Context(), 1); err != nil || !bytes.Equal(p.Entry, entry(1)) {
		t.Errorf("made again: %q, %v", p.Entry, err)
	}
	if _, err := streamlog.Make(t.Context(), c.log(), uuid.Nil, streamlog.Shape{}); fault.KindOf(err) != fault.KindDataLoss {
		t.Errorf("made for another journal: %v", err)
	}
	o := c.log()
	c.stop(0)
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := streamlog.Open(short, o); fault.KindOf(err) != fault.KindUnavailable {
		t.Errorf("open without a server: %v", err)
	}
}

// INV-LOG-OUTCOME: what the log refuses is not there, and what it did not answer may be.
func TestOutcomes(t *testing.T) {
	t.Run("full", func(t *testing.T) {
		c := newCluster(t, 1, nil)
		l := c.make(c.log(), streamlog.Shape{MaxBytes: 4 << 10})
		large := make([]byte, 3<<10)
		if err := l.Append(t.Context(), 1, large); err != nil {
			t.Fatal(err)
		}
		if err := l.Append(t.Context(), 2, large); err == nil || errors.Is(err, store.ErrUnknown) || errors.Is(err, store.ErrConflict) {
			t.Errorf("a full log: %v", err)
		}
		if _, err := l.Read(t.Context(), 2); !errors.Is(err, store.ErrNothing) {
			t.Errorf("read: %v", err)
		}
		if err := l.Append(t.Context(), 2, entry(2)); err != nil {
			t.Errorf("a smaller one: %v", err)
		}
	})
	t.Run("too large", func(t *testing.T) {
		c := newCluster(t, 1, nil)
		l := c.make(c.log(), streamlog.Shape{})
		if err := l.Append(t.Context(), 1, make([]byte, 2<<20)); err == nil || errors.Is(err, store.ErrUnknown) {
			t.Errorf("an entry beyond what NATS takes: %v", err)
		}
	})
	t.Run("NATS away", func(t *testing.T) { // INV-LOG-WAY
		c := newCluster(t, 1, nil)
		l := c.make(c.log(), streamlog.Shape{})
		c.stop(0)
		eventually(t, func() error { // the client notices a moment later; until then it waits for an answer
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := l.Append(ctx, 1, entry(1)); err == nil || errors.Is(err, store.ErrUnknown) {
				return fmt.Errorf("append: %w", err)
			}
			return nil
		})
		if _, err := l.Read(t.Context(), 1); !errors.Is(err, store.ErrUnknown) {
			t.Errorf("read: %v", err)
		}
		c.start(0)
		eventually(t, func() error { return l.Append(t.Context(), 1, entry(7)) })
		if p, err := l.Read(t.Context(), 1); err != nil || !bytes.Equal(p.Entry, entry(7)) { // nothing was kept on the way
			t.Errorf("read: %q, %v", p.Entry, err)
		}
	})
	t.Run("no majority", func(t *testing.T) {
		c := newCluster(t, 3, nil)
		l := c.make(c.log(), streamlog.Shape{Replicas: 3})
		eventually(t, l.Sound)
		if err := l.Append(t.Context(), 1, entry(1)); err != nil {
			t.Fatal(err)
		}
		c.stop(1)
		c.stop(2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Append(ctx, 2, entry(2)); err == nil || errors.Is(err, store.ErrConflict) {
			t.Errorf("append: %v", err)
		}
		c.start(1)
		c.start(2)
		eventually(t, func() error { // the first try may have landed or not: the same bytes settle it
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := l.Append(ctx, 2, entry(2))
			if errors.Is(err, store.ErrConflict) {
				if p, read := l.Read(ctx, 2); read != nil || !bytes.Equal(p.Entry, entry(2)) {
					return errors.Join(err, read)
				}
				return nil
			}
			return err
		})
	})
}

package streamlog_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/fault"
	"coso/services/platform/streamlog"
)

// INV-LOG-DRIFT: a log that lacks an entry which it held is an alarm, whoever took it out; nobody opens it either.
func TestAHoleInTheLog(t *testing.T) {
	for _, tc := range []struct {
		name  string
		purge []jetstream.StreamPurgeOpt
		want  string
	}{
		{"the first are gone", []jetstream.StreamPurgeOpt{jetstream.WithPurgeSequence(3)}, "it holds 1 entries, of 3 that were put into it; the first is 3"},
		{"all are gone", nil, "it holds 0 entries, of 3 that were put into it; the first is 4"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCluster(t, 1, nil)
			l := c.make(c.log(), streamlog.Shape{})
			for p := uint64(1); p <= 3; p++ {
				if err := l.Append(t.Context(), p, entry(p)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := l.See(t.Context())
			if err := errors.Join(err, l.Sound()); err != nil {
				t.Fatal(err)
			}
			stream, err := c.js().Stream(t.Context(), streamlog.StreamName("registry"))
			if err == nil {
				err = stream.Purge(t.Context(), tc.purge...)
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.See(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := l.Append(t.Context(), 4, entry(4)); fault.KindOf(err) != fault.KindDataLoss || !strings.Contains(causes(err), tc.want) {
				t.Errorf("append: %s", causes(err))
			}
			if _, err := streamlog.Open(t.Context(), c.log()); fault.KindOf(err) != fault.KindDataLoss {
				t.Errorf("it is opened as it is: %v", err)
			}
		})
	}
}

// INV-LOG-DRIFT: a log lies on as many servers as it did when it was made, or later; more are none the worse.
func TestFewerServersThanBefore(t *testing.T) {
	c := newCluster(t, 3, nil)
	l := c.make(c.log(), streamlog.Shape{})
	eventually(t, func() error { l.Look(t.Context()); return l.Sound() })
	on := func(n int) {
		t.Helper()
		stream, err := c.js().Stream(t.Context(), streamlog.StreamName("registry"))
		if err != nil {
			t.Fatal(err)
		}
		is := stream.CachedInfo().Config
		is.Replicas = n
		eventually(t, func() error { _, err := c.js().UpdateStream(t.Context(), is); return err })
	}
	on(3)
	eventually(t, func() error { l.Look(t.Context()); return l.Sound() })
	on(1)
	eventually(t, func() error {
		l.Look(t.Context())
		why := causes(l.Sound())
		return want(fault.KindOf(l.Sound()) == fault.KindDataLoss && strings.Contains(why, "it lies on 1 servers, not on 3"), "no alarm: %s", why)
	})
	on(3)
	eventually(t, func() error { l.Look(t.Context()); return l.Sound() })
}

// What it was made for is known after a restart too.
func TestFewerServersThanMade(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.make(c.log(), streamlog.Shape{Replicas: 3})
	stream, err := c.js().Stream(t.Context(), streamlog.StreamName("registry"))
	if err != nil {
		t.Fatal(err)
	}
	is := stream.CachedInfo().Config
	is.Replicas = 1
	eventually(t, func() error { _, err := c.js().UpdateStream(t.Context(), is); return err })
	eventually(t, func() error {
		_, err := streamlog.Open(t.Context(), c.log())
		return want(fault.KindOf(err) == fault.KindDataLoss, "it is opened: %v", err)
	})
}

// INV-LOG-SYNC: while a server is away, entries are taken; if it comes back without syncing, that is found out in seconds.
func TestAServerThatComesBackOtherwise(t *testing.T) {
	c := newCluster(t, 3, nil)
	o := c.log()
	c.make(o, streamlog.Shape{Replicas: 3})
	l := watched(t, o, incarnation)
	eventually(t, l.Sound)
	stop, err := l.Elections(func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	s, err := l.See(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	which := slices.IndexFunc(c.options, func(o *server.Options) bool { return o.ServerName == s.Leader })
	back := func(always bool) {
		t.Helper()
		c.options[which].SyncAlways = always
		c.start(which)
	}
	c.stop(which)
	eventually(t, func() error {
		s, err := l.See(t.Context())
		return errors.Join(err, want(s.Leader != "" && s.Leader != c.options[which].ServerName, "%q leads", s.Leader))
	})
	eventually(t, func() error { return l.Append(t.Context(), 1, entry(1)) })
	back(false)
	eventually(t, func() error {
		return want(fault.KindOf(l.Sound()) == fault.KindUnavailable && strings.Contains(causes(l.Sound()), "acknowledges before it syncs"), "it is trusted: %v", l.Sound())
	})
	c.stop(which)
	back(true)
	eventually(t, l.Sound)
}

// INV-LOG-SYNC: a log that is opened while a server is down takes entries without having heard it; if it comes back without syncing,
// that is found out in seconds.
func TestAServerThatIsDownAtTheStart(t *testing.T) {
	c := newCluster(t, 3, nil)
	o := c.log()
	first := c.make(o, streamlog.Shape{Replicas: 3})
	s, err := first.See(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	which := slices.IndexFunc(c.options, func(o *server.Options) bool { return o.ServerName != s.Leader })
	c.stop(which)
	l := watched(t, c.log(), incarnation)
	eventually(t, func() error { return l.Append(t.Context(), 1, entry(1)) })
	c.options[which].SyncAlways = false
	c.start(which)
	eventually(t, func() error {
		return want(fault.KindOf(l.Sound()) == fault.KindUnavailable && strings.Contains(causes(l.Sound()), "acknowledges before it syncs"), "it is trusted: %v", l.Sound())
	})
}

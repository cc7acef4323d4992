package streamlog_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
)

// Whatever may have made the log another one is a turn: a lost connection, a new leader, which is heard without asking, and an end
// before one that was seen. Entries are none.
func TestTurns(t *testing.T) {
	c := newCluster(t, 3, nil)
	o := c.log()
	c.make(o, streamlog.Shape{Replicas: 3})
	l := watched(t, o, incarnation)
	eventually(t, l.Sound)
	var told atomic.Int32
	stop, err := l.Elections(func() { told.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	var s streamlog.Sight
	see := func() error { s, err = l.See(t.Context()); return err }
	eventually(t, see)
	before := l.Turn()
	eventually(t, func() error { return l.Append(t.Context(), 1, entry(1)) })
	eventually(t, func() error { return errors.Join(see(), want(s.Last == 1, "the log ends at %d", s.Last)) })
	if l.Turn() != before {
		t.Error("an entry was a turn")
	}
	leader := s.Leader
	which := slices.Index([]string{"n1", "n2", "n3"}, leader)
	c.stop(which)
	eventually(t, func() error { return want(l.Turn() != before, "no turn after the leader %s was stopped", leader) })
	eventually(t, func() error {
		return errors.Join(see(), want(s.Leader != leader && s.Leader != "", "%s leads", s.Leader))
	})
	c.start(which)
	eventually(t, func() error { return want(told.Load() > 0, "no election was heard") })
}

func want(is bool, format string, args ...any) error {
	if is {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// A log that is made anew with fewer entries is a turn and a drift as soon as somebody sees it; without servers nobody sees
// anything.
func TestSeeingAnotherLog(t *testing.T) {
	c := newCluster(t, 1, nil)
	o := c.log()
	l := c.make(o, streamlog.Shape{})
	eventually(t, func() error { l.Look(t.Context()); return l.Sound() })
	for p := uint64(1); p <= 3; p++ {
		if err := l.Append(t.Context(), p, entry(p)); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := l.See(t.Context()); err != nil || s.Last != 3 {
		t.Fatalf("%+v, %v", s, err)
	}
	before := l.Turn()
	if err := o.JetStream.DeleteStream(t.Context(), streamlog.StreamName("registry")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.See(t.Context()); !errors.Is(err, store.ErrUnknown) || fault.KindOf(l.Sound()) != fault.KindDataLoss {
		t.Errorf("without a stream: %v, %v", err, l.Sound())
	}
	c.make(o, streamlog.Shape{})
	if s, err := l.See(t.Context()); err != nil || s.Last != 0 || l.Turn() == before || fault.KindOf(l.Sound()) != fault.KindDataLoss {
		t.Errorf("%+v, %v, turn %d after %d, %v", s, err, l.Turn(), before, l.Sound())
	}
	c.stop(0)
	eventually(t, func() error {
		_, err := l.See(t.Context())
		return want(errors.Is(err, store.ErrUnknown), "without servers: %v", err)
	})
}

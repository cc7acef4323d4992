package streamlog_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"

	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
)

// watched is a log that is looked at until the test ends.
func watched(t *testing.T, o streamlog.Options, incarnation uuid.UUID) *streamlog.Log {
	t.Helper()
	l := streamlog.Of(o, incarnation)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var run sync.WaitGroup
	run.Go(func() { l.Run(ctx) })
	t.Cleanup(func() { cancel(); run.Wait() })
	return l
}

// A log whose servers do not answer yet takes nothing and knows nothing, and does both as soon as they come.
func TestALogBeforeItsServers(t *testing.T) {
	c := newCluster(t, 1, nil)
	o := c.log()
	if err := c.make(o, streamlog.Shape{}).Append(t.Context(), 1, entry(1)); err != nil {
		t.Fatal(err)
	}
	c.stop(0)
	l := watched(t, o, incarnation)
	if err := l.Append(t.Context(), 2, entry(2)); fault.KindOf(err) != fault.KindUnavailable {
		t.Errorf("append: %v", err)
	}
	if _, err := l.Read(t.Context(), 1); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("read: %v", err)
	}
	if _, err := l.Last(t.Context()); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("last: %v", err)
	}
	for _, err := range l.Tail(t.Context(), 1) {
		if !errors.Is(err, store.ErrUnknown) {
			t.Errorf("tail: %v", err)
		}
	}
	if l.Incarnation() != incarnation {
		t.Errorf("it is the log of %s", l.Incarnation())
	}
	c.start(0)
	eventually(t, func() error { return l.Append(t.Context(), 2, entry(2)) })
	if there, err := l.Read(t.Context(), 1); err != nil || !bytes.Equal(there.Entry, entry(1)) {
		t.Errorf("reads %q, %v", there.Entry, err)
	}
}

// A log that holds another journal is an alarm, and takes nothing.
func TestALogOfAnotherJournal(t *testing.T) {
	c := newCluster(t, 1, nil)
	o := c.log()
	c.make(o, streamlog.Shape{})
	l := watched(t, o, uuid.UUID{0: 0xc1, 6: 0x70, 8: 0x80})
	eventually(t, func() error {
		if err := l.Sound(); fault.KindOf(err) != fault.KindDataLoss {
			return errors.Join(errors.New("no alarm"), err)
		}
		return nil
	})
	if err := l.Append(t.Context(), 1, entry(1)); fault.KindOf(err) != fault.KindDataLoss {
		t.Errorf("append: %v", err)
	}
}

package store

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
)

// INV-STORE-TAKES-ALL: an entry that comes while there is no room for it is applied when there is, though nothing comes after it.
func TestAnEntryWaitsForRoom(t *testing.T) {
	log := quietLog()
	a, b := open(t, t.TempDir(), log.on), open(t, t.TempDir(), log.on)
	if _, err := create(caller(), a, enterprise(1, "units/u", "c1"), ""); err != nil {
		t.Fatal(err)
	}
	until(t, "both have it", func() bool { return b.Head().GetPosition() == 1 })
	room := func(most int64, failed error) {
		b.db.mu.Lock()
		defer b.db.mu.Unlock()
		b.db.failed = failed
		b.db.most.Store(most)
	}
	room(0, errors.New("the disk is full"))
	if _, err := create(caller(), a, enterprise(2, "units/u", "c2"), ""); err != nil {
		t.Fatal(err)
	}
	until(t, "it says that it cannot take it", func() bool { return b.Healthy() != nil })
	if at := b.Head().GetPosition(); at != 1 {
		t.Errorf("without room it came to %d", at)
	}
	room(maxUnwritten, nil)
	until(t, "it has taken it", func() bool { return b.Head().GetPosition() == 2 && b.Healthy() == nil })
}

// forgetful is a log whose first tail leaves the first entry out, and that reads nothing.
type forgetful struct {
	*faultyLog

	tails *atomic.Int64
}

func (forgetful) Read(context.Context, uint64) (Placed, error) { return Placed{}, ErrNothing }

func (f forgetful) Tail(ctx context.Context, from uint64) iter.Seq2[Placed, error] {
	if f.tails.Add(1) == 1 {
		from++
	}
	return f.faultyLog.Tail(ctx, from)
}

// INV-STORE-TAKES-ALL: what the tail left out and the log does not show at once is asked for again, though nothing comes after it.
func TestAnEntryThatWasLeftOut(t *testing.T) {
	log := quietLog()
	a := open(t, t.TempDir(), log.on)
	for i, code := range []string{"c1", "c2"} {
		if _, err := create(caller(), a, enterprise(i, "units/u", code), ""); err != nil {
			t.Fatal(err)
		}
	}
	b := open(t, t.TempDir(), func(o *Options) { o.Log, o.Key = forgetful{log, &atomic.Int64{}}, bytes.Repeat([]byte{7}, 32) })
	until(t, "it has taken both", func() bool { return b.Head().GetPosition() == 2 })
}

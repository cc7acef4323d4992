package main

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"coso/services/platform/store"
)

// The clock is off by what the file says, and stays so while the file cannot be read.
func TestClockMoves(t *testing.T) {
	file := filepath.Join(t.TempDir(), "offset")
	say := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := &movable{file: file}
	off := func(want time.Duration) {
		t.Helper()
		if by := m.now().Sub(time.Now().Add(want)).Abs(); by > time.Minute {
			t.Errorf("it is off by %s more than %s", by, want)
		}
	}
	off(0)
	say("-2h\n")
	off(-2 * time.Hour)
	say("nonsense")
	off(-2 * time.Hour)
	say("3h")
	off(3 * time.Hour)
	if _, err := offset(file + ".none"); err == nil {
		t.Error("a file that is not there is no mistake")
	}
}

// slow is a log that refuses each entry once before it takes it.
type slow struct {
	refused map[uint64]bool
	taken   chan uint64
}

func (slow) Shared() bool           { return true }
func (slow) Incarnation() uuid.UUID { return uuid.Nil }

func (l slow) Append(_ context.Context, position uint64, _ []byte) error {
	if !l.refused[position] {
		l.refused[position] = true
		return store.ErrUnknown
	}
	l.taken <- position
	return nil
}

func (slow) Read(context.Context, uint64) (store.Placed, error) {
	return store.Placed{}, store.ErrNothing
}

func (slow) Tail(context.Context, uint64) iter.Seq2[store.Placed, error] {
	return func(yield func(store.Placed, error) bool) {
		yield(store.Placed{}, errors.ErrUnsupported)
	}
}

// The broken log grants at once what the real one has not taken, and brings it there in order afterwards.
func TestEarlyGrantsBeforeItKnows(t *testing.T) {
	log := slow{refused: map[uint64]bool{}, taken: make(chan uint64)}
	file := filepath.Join(t.TempDir(), "broken")
	l := newEarly(log, file)
	if err := l.Append(t.Context(), 1, []byte("entry")); !errors.Is(err, store.ErrUnknown) {
		t.Fatalf("it does not keep its word at first: %v", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for position := range uint64(3) {
		if err := l.Append(t.Context(), position+1, []byte("entry")); err != nil {
			t.Fatalf("entry %d: %v", position+1, err)
		}
	}
	for position := range uint64(3) {
		select {
		case got := <-log.taken:
			if got != position+1 {
				t.Errorf("entry %d comes after %d", got, position)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("entry %d never comes", position+1)
		}
	}
}

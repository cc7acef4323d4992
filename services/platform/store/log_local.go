package store

import (
	"bytes"
	"context"
	"iter"

	"github.com/google/uuid"
)

// localLog is the log of a store that nobody shares: the next place is always free, the write-ahead log keeps what gets
// it, and reading it is reading the store's journal.
type localLog struct{ s *Store }

func (localLog) Shared() bool             { return false }
func (l localLog) Incarnation() uuid.UUID { return l.s.Incarnation() }

// Append is called by the committer alone.
func (l localLog) Append(_ context.Context, _ uint64, entry []byte) error {
	return l.s.wal.append(entry)
}

func (l localLog) Read(ctx context.Context, from uint64) (Placed, error) {
	if err := ctx.Err(); err != nil {
		return Placed{}, err
	}
	if from > l.s.Head().GetPosition() {
		return Placed{}, ErrNothing
	}
	raw, err := l.s.journalled(from)
	return Placed{Position: from, Entry: raw}, err
}

func (l localLog) Tail(ctx context.Context, from uint64) iter.Seq2[Placed, error] {
	return func(yield func(Placed, error) bool) {
		for {
			changed := l.s.Changed()
			for from <= l.s.Head().GetPosition() {
				p, err := l.Read(ctx, from)
				if ctx.Err() != nil || !yield(p, err) || err != nil {
					return
				}
				from++
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			case <-l.s.stop:
				return
			}
		}
	}
}

// journalled answers the bytes of an entry of this store's journal; DataLoss if it is not there.
func (s *Store) journalled(position uint64) (raw []byte, err error) {
	err = s.db.View(func(in reading) error {
		raw = bytes.Clone(in.get(bucketJournal, positionKey(position)))
		return nil
	})
	if err == nil && raw == nil {
		err = damaged("the journal has no entry %d", position)
	}
	return raw, err
}

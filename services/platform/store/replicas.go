package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"coso/services/platform/fault"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// IncarnationOf is the UUID of the journal in a service's file, which no store has open. NotFound if there is no file;
// Unavailable (DATA_LOCKED) if a process uses it; DataLoss if it cannot be read.
func IncarnationOf(dir, service string) (id uuid.UUID, err error) {
	path := filepath.Join(dir, service+".db")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return id, fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "", "name", path)
	}
	db, err := openFile(path, 0)
	if err != nil {
		return id, err
	}
	err = db.View(func(tx *bolt.Tx) error {
		meta := tx.Bucket([]byte(bucketMeta))
		if meta == nil {
			return damaged("the file %s holds no store", path)
		}
		if id, err = uuid.FromBytes(meta.Get(keyIncarnation)); err != nil {
			return damaged("the file %s does not say whose journal it holds: %w", path, err)
		}
		return nil
	})
	return id, errors.Join(err, db.Close())
}

// AwaitEvents waits until the journal here holds an event, where others write the journal too and this store may be behind them; it
// gives up, without an error, after a time. Where nobody else writes it answers at once.
func (s *Store) AwaitEvents(ctx context.Context, number uint64, most time.Duration) error {
	if !s.log.Shared() || s.Head().GetEvents() >= number {
		return nil
	}
	over := time.NewTimer(most)
	defer over.Stop()
	for {
		changed := s.Changed()
		if s.Head().GetEvents() >= number {
			return nil
		}
		select {
		case <-changed:
		case <-over.C:
			return nil
		case <-s.stop:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ElsewhereError is the error of an Update that has not run, because another replica wrote the journal's last entry: asking that one
// spares both a race for the next place. Only a context of Forwardable meets it.
type ElsewhereError struct {
	// Writer is the replica's name.
	Writer string
}

// Error implements error.
func (e *ElsewhereError) Error() string { return "replica " + e.Writer + " writes the journal now" }

type forwardKey struct{}

// Forwardable is a context whose call may be made anew at another replica as long as nothing has come of it here: its first
// Update answers *ElsewhereError if another replica is the journal's writer. Later ones run here.
func Forwardable(ctx context.Context) context.Context {
	return context.WithValue(ctx, forwardKey{}, new(atomic.Bool))
}

// elsewhere answers *ElsewhereError if the call of a context is better made at another replica.
func (s *Store) elsewhere(ctx context.Context) error {
	begun, ok := ctx.Value(forwardKey{}).(*atomic.Bool)
	if !ok || s.replica == "" || begun.Swap(true) {
		return nil
	}
	if writer := s.Head().GetWriter(); writer != "" && writer != s.replica {
		return &ElsewhereError{Writer: writer}
	}
	return nil
}

package store

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/wait"

	bolt "go.etcd.io/bbolt"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

// Backup writes the whole data file, as it is at one position, while the store goes on, and answers the end of the journal
// in it. The file holds the keys for fingerprints and page tokens. What w answers as an error ends it. Unavailable if the
// data file cannot be written now: without a checkpoint it would lack what the log holds.
//
// The file is first copied in the data folder: however slow w is, it holds up nobody who waits for the readers of the file.
func (s *Store) Backup(ctx context.Context, w io.Writer) (head *journalpb.Head, err error) {
	copied, err := os.CreateTemp(s.dir, ".backup-*")
	if err != nil {
		return nil, fault.Internal(err)
	}
	defer func() { err = errors.Join(err, copied.Close(), os.Remove(copied.Name())) }()
	for try := 0; ; try++ {
		if head, err = s.CopyFile(ctx, copied); err == nil {
			break
		}
		if !errors.Is(err, errReadersWait) || try == backupTries {
			return nil, err
		}
		_, again := copied.Seek(0, io.SeekStart)
		if again = errors.Join(again, copied.Truncate(0)); again != nil {
			return nil, fault.Internal(again)
		}
	}
	if _, err = copied.Seek(0, io.SeekStart); err == nil {
		_, err = io.Copy(&untilDone{ctx, w}, copied)
	}
	return head, err
}

// CopyFile is Backup without a copy in between. When the file must be closed, or its mapping grow, which waits for its readers and
// keeps new ones waiting, a copy under way is given up within 2 seconds, as soon as w returns: Unavailable (SERVICE_UNAVAILABLE). What
// w has got then is of no use; a copy that begins later is another one.
func (s *Store) CopyFile(ctx context.Context, w io.Writer) (head *journalpb.Head, err error) {
	if err := s.outside(); err != nil {
		return nil, err
	}
	if err := s.db.flush(ctx, s.stop); err != nil {
		if errors.Is(err, errFileClosed) {
			return nil, fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
		}
		if gone := ctx.Err(); gone != nil {
			return nil, gone
		}
		return nil, fault.Unavailable(faultpb.Reason_REASON_JOURNAL_UNAVAILABLE, "").With(err)
	}
	ctx, stop := s.whileReadersPass(ctx)
	err = s.db.file.View(func(tx *bolt.Tx) error {
		if head, err = readHead(boltSpace{tx}); err != nil {
			return err
		}
		_, err := tx.WriteTo(&untilDone{ctx, w})
		return err
	})
	gone, why := ctx.Err(), context.Cause(ctx) // bbolt does not pass them on
	stop()
	switch {
	case err == nil || gone == nil:
		return head, err
	case errors.Is(why, errReadersWait):
		return nil, fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "").With(why)
	default:
		return nil, gone
	}
}

const (
	// lookAfter is how often a copy looks whether other readers get at the file, readersPatience how long they may wait for it.
	lookAfter, readersPatience = 500 * time.Millisecond, time.Second
	// backupTries is how often a backup begins anew because readers had to wait.
	backupTries = 3
)

var errReadersWait = errors.New("the file must be closed or grow, and readers wait; the copy is given up")

// whileReadersPass is a context for whoever reads the file for long: it ends with errReadersWait once others cannot get at the file.
// stop must be called after the reading.
func (s *Store) whileReadersPass(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var looking sync.WaitGroup
	looking.Go(func() {
		for wait.For(ctx, lookAfter) == nil {
			late := time.AfterFunc(readersPatience, func() { cancel(errReadersWait) })
			_, _ = s.db.file.viewOpen(func(*bolt.Tx) error { return nil }) // that it comes to an end is what counts
			late.Stop()
		}
	})
	return ctx, func() { cancel(nil); looking.Wait() }
}

// untilDone writes until a context ends.
type untilDone struct {
	ctx context.Context //nolint:containedctx // a writer has no place for one
	w   io.Writer
}

// Write answers the context's error once it has ended.
func (u *untilDone) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}

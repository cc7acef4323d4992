package store

import (
	"context"
	"errors"
	"io"
	"os"

	"coso/services/platform/fault"

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
	if head, err = s.CopyFile(ctx, copied); err != nil {
		return nil, err
	}
	if _, err = copied.Seek(0, io.SeekStart); err == nil {
		_, err = io.Copy(&untilDone{ctx, w}, copied)
	}
	return head, err
}

// CopyFile is Backup without a copy in between: whoever must wait for the readers of the file waits as long as w takes.
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
	err = s.db.file.View(func(tx *bolt.Tx) error {
		if head, err = readHead(boltSpace{tx}); err != nil {
			return err
		}
		_, err := tx.WriteTo(&untilDone{ctx, w})
		return err
	})
	if gone := ctx.Err(); gone != nil {
		return nil, gone // bbolt does not pass the cause on
	}
	return head, err
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

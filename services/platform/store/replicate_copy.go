package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"

	"coso/services/platform/fault"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// Copied is what a data file holds that CopyFile has written.
type Copied struct {
	// Incarnation is the journal's; Position and Hash are those of its last entry, zero before the first.
	Incarnation uuid.UUID
	Position    uint64
	Hash        [sha256.Size]byte
}

// VerifyCopy checks a file that a replica with this service's journal has copied for another one: its journal and tables as
// VerifyFile does, that it holds what a store needs to begin, and that its journal is on a shared log. Errors are those of
// VerifyFile, and FailedPrecondition JOURNAL_NOT_SHARED.
func VerifyCopy(ctx context.Context, dir, file, service string) (out Copied, err error) {
	if _, err := (Walk{Dir: dir, File: file, Service: service, Backup: true}).Run(ctx); err != nil {
		return out, err
	}
	db, err := openToRead(filepath.Join(dir, file))
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.View(func(tx *bolt.Tx) error {
		in := boltSpace{tx}
		if in.get(bucketMeta, keyLogged) != nil {
			return damaged("the file needs a log of its own beside it")
		}
		if id, key := in.get(bucketMeta, keyIncarnation), in.get(bucketMeta, keyFingerprintKey); copy(out.Incarnation[:], id) != 16 || len(key) != 32 {
			return damaged("the store's identity is not whole")
		}
		head, err := readHead(in)
		if err != nil {
			return err
		}
		out.Position = head.GetPosition()
		copy(out.Hash[:], head.GetHash())
		return inLog(in, service, true)
	})
	return out, err
}

// Shared says whether the journal is ordered by a log that other stores share.
func (s *Store) Shared() bool { return s.log.Shared() }

// Lock keeps other processes from locking a file until it is closed. Unavailable (DATA_LOCKED) if one has.
func Lock(f *os.File) error {
	if err := lockFile(f, true); err != nil {
		return fault.Unavailable(faultpb.Reason_REASON_DATA_LOCKED, "", "name", filepath.Dir(f.Name())).With(err)
	}
	return nil
}

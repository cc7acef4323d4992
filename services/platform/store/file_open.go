package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"coso/services/platform/fault"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// openFile opens or makes a data file. Unavailable if another process has it, DataLoss if it cannot be read.
func openFile(path string, mapSize int) (db *bolt.DB, err error) {
	// A file that is cut short faults where it is read, and bbolt panics at pages that make no sense.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "", "name", path).With(fmt.Errorf("the file cannot be read: %v", p))
		}
	}()
	if mapSize == 0 {
		mapSize = 4 << 30
	}
	db, err = bolt.Open(path, 0o600, &bolt.Options{
		Timeout: time.Second, FreelistType: bolt.FreelistMapType, InitialMmapSize: mapSize,
	})
	switch {
	case err == nil:
		return db, shortened(db, path)
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fault.Unavailable(faultpb.Reason_REASON_DATA_LOCKED, "", "name", filepath.Dir(path))
	case errors.Is(err, fs.ErrPermission):
		return nil, fault.Internal(fmt.Errorf("open %s: %w", path, err))
	default:
		return nil, fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "", "name", path).With(err)
	}
}

// openAgain opens a file after a failed commit. When the last sync of a commit has failed, its meta page may be in the
// kernel's memory only, and the next commit would write over pages that the meta page on the disk still needs. So both meta
// pages are written once more, as they are, and synced first.
func openAgain(path string, mapSize int) (*bolt.DB, error) {
	db, err := openFile(path, mapSize)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		metas := make([]byte, 2*db.Info().PageSize)
		if _, err = f.ReadAt(metas, 0); err == nil {
			_, err = f.WriteAt(metas, 0)
		}
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// shortened closes and refuses a file that is shorter than what bbolt says it holds.
func shortened(db *bolt.DB, path string) error {
	info, err := os.Stat(path)
	if err == nil {
		err = db.View(func(tx *bolt.Tx) error {
			if info.Size() < tx.Size() {
				return fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "", "name", path).With(
					fmt.Errorf("the file has %d bytes of %d", info.Size(), tx.Size()))
			}
			return nil
		})
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return nil
}

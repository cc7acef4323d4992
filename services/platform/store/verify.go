package store

import (
	"cmp"
	"context"
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
	journalpb "coso/proto/gen/coso/journal/v1"
)

// Verified is how much of a journal fits.
type Verified struct {
	// Entries and Events are how many there are up to the first entry that does not fit, or to the end.
	Entries, Events uint64
	// Damaged is the entry that was changed or is missing; 0: none is, or it cannot be told.
	Damaged uint64
	// Rows is how many rows of the tables were held against the digest of the file (INV-STORE-DIGEST), if Counted: a version that
	// knew of no digest wrote the file last, or the journal did not fit.
	Rows    uint64
	Counted bool
}

// VerifyFile walks the journal of a stopped service and checks its chain, then the rows of its tables against the digest that
// the entries left in the file, without changing the file or knowing what the tables hold: INV-STORE-CHAIN, INV-STORE-DIGEST. It calls progress, if not nil, with the entries checked and those that the file says it
// holds. With an error, the entry behind those that fit is the one at fault, or the last that does.
//
// Errors: NotFound if there is no file; Unavailable (DATA_LOCKED), within 2 seconds, if a process uses it; DataLoss for
// damage, of the file too, TABLES_DAMAGED for that of rows; FailedPrecondition for another service's file.
func VerifyFile(ctx context.Context, dir, service string, progress func(done, all uint64)) (found Verified, err error) {
	return Walk{Dir: dir, Service: service, Progress: progress}.Run(ctx)
}

// VerifyBackup does the same with a file that Backup has written, which has no log beside it.
func VerifyBackup(ctx context.Context, dir, service string, progress func(done, all uint64)) (found Verified, err error) {
	return Walk{Dir: dir, Service: service, Backup: true, Progress: progress}.Run(ctx)
}

// Walk is a way along the journal of a stopped service.
type Walk struct {
	// Dir and Service say where the file lies.
	Dir, Service string
	// File is the file's name in Dir; empty: <Service>.db.
	File string
	// Backup: Backup has written the file, there is no log beside it.
	Backup bool
	// Progress is called with the entries checked and those that the file says it holds; nil: not.
	Progress func(done, all uint64)
	// Tell is told each entry that fits, in order; nil: nobody is.
	Tell func(Link)
}

// Run walks as VerifyFile does, with its errors.
func (w Walk) Run(ctx context.Context) (found Verified, err error) {
	path := filepath.Join(w.Dir, cmp.Or(w.File, w.Service+".db"))
	c := &chain{head: &journalpb.Head{}, tell: w.Tell}
	// A file that is cut short faults where it is read, and bbolt panics at pages that make no sense.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			found.Entries, found.Events = c.head.GetPosition(), c.head.GetEvents()
			err = fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "", "name", path).With(fmt.Errorf("the file cannot be read: %v", p))
		}
	}()
	db, err := openToRead(path)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s := &Store{service: w.Service, db: newState(newFile(db, func() (*bolt.DB, error) { return nil, errFileClosed }))}
	all, damage, err := s.readStopped(w.Dir, !w.Backup)
	for end := false; err == nil && !end; {
		end, err = s.verifySome(ctx, c)
		found = Verified{Entries: c.head.GetPosition(), Events: c.head.GetEvents()}
		if w.Progress != nil {
			w.Progress(found.Entries, all)
		}
	}
	switch {
	case err == nil && damage != nil:
		found.Damaged, err = found.Entries+1, damage
	case err != nil && fault.KindOf(err) == fault.KindDataLoss && found.Entries > 0:
		var unread error
		found.Damaged, unread = s.suspect(c)
		err = errors.Join(err, unread)
	case err == nil:
		err = db.View(func(tx *bolt.Tx) (err error) {
			found.Rows, found.Counted, err = recountFile(tx)
			return err
		})
	}
	return found, err
}

// readStopped looks who a stopped store is, takes what its write-ahead log holds into its journal, and answers how many
// entries there are. damage is what is wrong with the log: what it holds before that was taken.
func (s *Store) readStopped(dir string, logged bool) (all uint64, damage, err error) {
	err = s.db.file.View(func(tx *bolt.Tx) error {
		if tx.Bucket([]byte(bucketMeta)) == nil {
			return damaged("the file holds no store")
		}
		in := boltSpace{tx}
		if err := s.checkFormat(in); err != nil {
			return err
		}
		s.incarnation = append(s.incarnation, in.get(bucketMeta, keyIncarnation)...)
		head, err := readHead(in)
		all = head.GetPosition()
		return err
	})
	if err != nil || !logged {
		return all, nil, err
	}
	paths := walPaths(dir, s.service)
	unlock, err := lockLog(paths)
	if err != nil {
		return all, nil, err
	}
	defer unlock()
	if err := s.db.file.View(func(tx *bolt.Tx) error { return logIsThere(boltSpace{tx}, fileSizes(paths), paths) }); err != nil {
		return all, err, nil
	}
	entries, _, damage := unwrittenEntries(paths, all, s.incarnation)
	for _, raw := range entries {
		if err := s.db.Update(func(w *overlay) error { return appendEntry(w, raw, s.incarnation) }); err != nil {
			return all, err, nil
		}
		all++
	}
	if damage != nil && fault.KindOf(damage) != fault.KindDataLoss {
		return all, nil, damage
	}
	return all, damage, nil
}

// lockLog keeps others from writing a store's log while it is read. Unavailable if somebody does.
func lockLog(paths [2]string) (unlock func(), err error) {
	var files []*os.File
	unlock = func() {
		for _, f := range files {
			_ = f.Close() // it was only read
		}
	}
	for _, path := range paths {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			files = append(files, f)
			err = lockFile(f, false)
		}
		if err != nil {
			unlock()
			return nil, fault.Unavailable(faultpb.Reason_REASON_DATA_LOCKED, "", "name", filepath.Dir(path)).With(err)
		}
	}
	return unlock, nil
}

// fileSizes answers 0 for a file that is not there.
func fileSizes(paths [2]string) (sizes [2]int64) {
	for i, path := range paths {
		if info, err := os.Stat(path); err == nil {
			sizes[i] = info.Size()
		}
	}
	return sizes
}

// appendEntry adds an entry to the journal and changes nothing else.
func appendEntry(w writing, raw, incarnation []byte) error {
	e, err := readEntry(raw)
	if err != nil {
		return err
	}
	head, err := readHead(w)
	if err != nil {
		return err
	}
	if err := follows(e, head, incarnation); err != nil {
		return err
	}
	if err := w.put(bucketJournal, positionKey(e.GetPosition()), raw); err != nil {
		return err
	}
	return writeHead(w, after(head, e, raw))
}

// openToRead opens a file that nobody else may be writing.
func openToRead(path string) (*bolt.DB, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "", "name", path)
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fault.Unavailable(faultpb.Reason_REASON_DATA_LOCKED, "", "name", filepath.Dir(path))
	case errors.Is(err, fs.ErrPermission):
		return nil, fault.Internal(fmt.Errorf("open %s: %w", path, err))
	default:
		return nil, fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "", "name", path).With(err)
	}
}

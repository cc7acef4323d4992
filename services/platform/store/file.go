package store

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"coso/services/platform/fault"

	bolt "go.etcd.io/bbolt"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// file is the store's bbolt file, and what becomes of it when a commit fails.
//
// bbolt writes a commit in two steps: the pages, synced; then the page that makes them count, synced. When the first
// step fails (a full disk, mostly), nothing counts. When the second sync fails, the change counts in this process, which
// reads through the kernel's cache, and on the disk it may or may not: the kernel forgets what it could not write. bbolt
// has then mixed the lists of free pages of both states, and pages that a reader still reads may be given out again. The
// two cases cannot be told apart by the error. So nothing that bbolt remembers is trusted after a failed commit: the
// file is closed, which waits for its readers, and opened again. What it shows then counts only once another commit on
// top of it has succeeded.
type file struct {
	// open opens the file anew.
	open func() (*bolt.DB, error)
	// commit ends a transaction; tests let it fail.
	commit func(*bolt.Tx) error

	// writing is held by whoever changes the file, or opens it again.
	writing sync.Mutex
	// using is held for reading by whoever has a transaction.
	using sync.RWMutex
	db    *bolt.DB // nil: it could not be opened again
	tried time.Time
	// away is why the file is not open, or about to be closed; nil: it is open.
	away atomic.Pointer[fileError]
}

// fileError says that the file, not the function that ran on it, is the cause. What it was to keep may have been kept.
type fileError struct{ err error }

func (e *fileError) Error() string { return "data file: " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

var errFileClosed = errors.New("the store is closed")

// reopenPause is how long a file that could not be opened again is left alone.
const reopenPause = time.Second

func newFile(db *bolt.DB, open func() (*bolt.DB, error)) *file {
	return &file{db: db, open: open, commit: (*bolt.Tx).Commit}
}

// View runs fn on a snapshot. Unavailable if the file cannot be opened. A View inside a View may wait for ever.
func (f *file) View(fn func(*bolt.Tx) error) error {
	ok, err := f.viewOpen(fn)
	if ok {
		return err
	}
	f.writing.Lock()
	err = f.reopen()
	f.writing.Unlock()
	if err == nil {
		if ok, err = f.viewOpen(fn); ok {
			return err
		}
		err = errFileClosed
	}
	if errors.Is(err, errFileClosed) {
		return fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "").With(err)
	}
	return notWritten(err)
}

func (f *file) viewOpen(fn func(*bolt.Tx) error) (ok bool, err error) {
	f.using.RLock()
	defer f.using.RUnlock()
	if f.db == nil {
		return false, nil
	}
	return true, f.db.View(fn)
}

// Update runs fn and keeps what it wrote: nil means it is on the disk. An error of fn comes back as it is, and nothing
// of it stays; any other is a fileError: the outcome is unknown, and the file has been opened again, if that was
// possible.
func (f *file) Update(fn func(*bolt.Tx) error) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	if !f.isOpen() {
		if err := f.reopen(); err != nil {
			return &fileError{err}
		}
	}
	refused, err := f.update(fn)
	if refused != nil || err == nil {
		return refused
	}
	return &fileError{errors.Join(err, f.close(err), f.reopen())}
}

func (f *file) isOpen() bool { return f.unavailable() == nil }

// unavailable answers why the file is not open; nil: it is. It waits for nobody.
func (f *file) unavailable() error {
	if why := f.away.Load(); why != nil {
		return why.err
	}
	return nil
}

func (f *file) update(fn func(*bolt.Tx) error) (refused, err error) {
	f.using.RLock()
	defer f.using.RUnlock()
	tx, err := f.db.Begin(true)
	if err != nil {
		return nil, err
	}
	running := true
	defer func() {
		if running { // fn panicked
			refused = errors.Join(refused, tx.Rollback())
		}
	}()
	refused = fn(tx)
	running = false
	if refused != nil {
		return errors.Join(refused, tx.Rollback()), nil
	}
	return nil, f.commit(tx)
}

// close waits for the readers and closes the file; why is what they are told who come until it is open again.
func (f *file) close(why error) error {
	f.away.Store(&fileError{why})
	f.using.Lock()
	defer f.using.Unlock()
	if f.db == nil {
		return nil
	}
	err := f.db.Close()
	f.db, f.tried = nil, time.Time{}
	return err
}

// reopen opens the file if it is not open. The caller holds writing.
func (f *file) reopen() error {
	if f.isOpen() { // somebody else has done it, and there are readers by now, for whom nobody should wait
		return nil
	}
	f.using.Lock()
	defer f.using.Unlock()
	if why := f.unavailable(); errors.Is(why, errFileClosed) || time.Since(f.tried) < reopenPause {
		return why
	}
	db, err := f.open()
	if err != nil {
		f.tried = time.Now()
		f.away.Store(&fileError{err})
		return err
	}
	f.db = db
	f.away.Store(nil)
	return nil
}

// Close waits for the readers and closes the file for good.
func (f *file) Close() error {
	f.writing.Lock()
	defer f.writing.Unlock()
	return f.close(errFileClosed)
}

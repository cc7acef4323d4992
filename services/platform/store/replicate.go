package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"coso/services/platform/fault"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	faultpb "coso/proto/gen/coso/fault/v1"
)

var (
	// keyShared is set, in meta, in a file whose journal a shared log orders: it is nothing without that log.
	keyShared = []byte("shared")
	// keyLeaving holds, in meta, the incarnation with which this file, and no other, may end the shared log (BringBack).
	keyLeaving = []byte("leaving")
)

// Who a journal says has put it into a shared log or taken it out, and how.
const (
	replicator      = "operators/replicate"
	replicateMethod = "replicate"
	leaveMethod     = "replicate/back"
)

// SharedLog is a log that a whole journal can be put into. streamlog has it.
type SharedLog interface {
	Log
	// Last is the position of the last entry as far as known; 0: there is none. ErrUnknown without an answer.
	Last(ctx context.Context) (uint64, error)
	// Fill offers entries for the places from a position on, in order. nil: all got theirs; otherwise the error is Append's for
	// some place, those before it got theirs and none behind it did.
	Fill(ctx context.Context, from uint64, entries iter.Seq2[[]byte, error]) error
}

// Replication is a stopped service whose journal goes into a shared log, or comes back from one.
type Replication struct {
	// Dir and Service say where the data file lies.
	Dir, Service string
	// Schema is what the store holds.
	Schema *Schema
	// Log finds the shared log; for Promote it makes an empty one, of a new incarnation, where there is none. It is called once the
	// file has been found fit.
	Log func(ctx context.Context) (SharedLog, error)
	// Rebuild lets Promote put a journal that was ordered by a shared log into a new one, since the old one is lost. The caller has
	// made sure that no other replica holds more of it.
	Rebuild bool
	// Progress is called with how much was done of how much; nil: not. What says which work.
	Progress func(what string, done, all uint64)
	// Now is the moment of the entry that begins the new incarnation.
	Now time.Time
	// Logger takes what an operator must know; nil: slog.Default.
	Logger *slog.Logger
}

// Replicated is what became of a journal.
type Replicated struct {
	// From and To are the journal's incarnation before and from now on.
	From, To uuid.UUID
	// Position and Hash are those of the entry that begins the new one.
	Position uint64
	Hash     [sha256.Size]byte
}

// Promote puts a journal into a shared log, every entry in its place, holds what the log then holds against the file, appends
// the entry that begins the new incarnation, and makes the file one of the shared log. Where it is cut off it goes on when it is
// called again (INV-REPLICATE-RESUMES): the file changes in one step, last (INV-REPLICATE-LOG-FIRST).
//
// Errors: NotFound if there is no file; Unavailable (DATA_LOCKED) while a process uses it, (JOURNAL_UNAVAILABLE) if the log does not
// answer; FailedPrecondition JOURNAL_SHARED if the file is one of a shared log already, with Rebuild JOURNAL_NOT_SHARED if it is
// not; DataLoss for a damaged journal, and STREAM_FOREIGN for a log that is not its beginning.
func Promote(ctx context.Context, r Replication) (out Replicated, err error) {
	if err := r.fit(ctx, r.Rebuild); err != nil {
		return out, err
	}
	f, err := r.open(r.Rebuild)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	l, err := r.Log(ctx)
	if err != nil {
		return out, err
	}
	if err := f.mayBegin(ctx, l); err != nil {
		return out, err
	}
	begun, err := f.fill(ctx, l)
	if err != nil {
		return out, err
	}
	if begun == nil {
		if begun, err = f.first(l.Incarnation(), replicateMethod); err == nil {
			begun, err = f.put(ctx, l, begun)
		}
	}
	if err != nil {
		return out, err
	}
	e, err := f.begins(begun, l.Incarnation(), replicateMethod)
	if err != nil {
		return out, f.foreign(err)
	}
	return f.become(e, begun, true)
}

// stopped is the data file of a service that does not run, and its lock.
type stopped struct {
	restoring

	r   Replication
	wal *wal
}

// fit refuses a file that is not there, is damaged, or belongs to the wrong kind of log. What a log of its own holds is in the
// file after it.
func (r Replication) fit(ctx context.Context, shared bool) error {
	path := r.path()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "", "name", path)
	}
	if !shared {
		if err := r.settle(); err != nil {
			return err
		}
	}
	_, err := Walk{Dir: r.Dir, Service: r.Service, Progress: func(done, all uint64) { r.tell("verify", done, all) }}.Run(ctx)
	return err
}

func (r Replication) path() string { return filepath.Join(r.Dir, r.Service+".db") }

func (r Replication) tell(what string, done, all uint64) {
	if r.Progress != nil {
		r.Progress(what, done, all)
	}
}

// open takes the file of a service that does not run. shared says whether it must be one of a shared log.
func (r Replication) open(shared bool) (*stopped, error) {
	w, err := openWAL(r.Dir, r.Service) // a store with a log of its own is kept away by its lock
	if err != nil {
		return nil, err
	}
	db, err := openFile(r.path(), 0)
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	sc := NewSchema()
	f := &stopped{r: r, wal: w, restoring: restoring{Restored: Restored{Service: r.Service}, s: &Store{
		service: r.Service, schema: sc, recipes: sc.recipes(), unbuilt: sc.recipes(),
		db: newState(newFile(db, func() (*bolt.DB, error) { return nil, errFileClosed })),
	}}}
	f.s.building.Store(true)
	err = f.s.db.file.View(func(tx *bolt.Tx) error {
		in := boltSpace{tx}
		if tx.Bucket([]byte(bucketMeta)) == nil {
			return damaged("the file holds no store")
		}
		if err := f.s.checkFormat(in); err != nil {
			return err
		}
		if err := f.s.identify(in); err != nil {
			return err
		}
		if in.get(bucketMeta, keyLogged) != nil { // somebody was faster than this, and has been killed
			return fault.Unavailable(faultpb.Reason_REASON_DATA_LOCKED, "", "name", r.Dir)
		}
		return inLog(in, r.Service, shared)
	})
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	f.head, f.From = f.s.Head(), f.s.Incarnation()
	return f, nil
}

// settle lets a store with a log of its own bring into the file what its log holds.
func (r Replication) settle() error {
	s, err := Open(Options{Dir: r.Dir, Service: r.Service, Schema: r.Schema, Logger: r.Logger})
	if err != nil {
		return err
	}
	return s.Close()
}

func (f *stopped) close() error {
	if f.s == nil {
		return nil
	}
	err := errors.Join(f.s.db.file.Close(), f.wal.close())
	f.s = nil
	return err
}

// inLog answers FailedPrecondition for a file that is not one of a shared log, or that is and must not be.
func inLog(in reading, service string, shared bool) error {
	switch is := in.get(bucketMeta, keyShared) != nil; {
	case is && !shared:
		return fault.FailedPrecondition(faultpb.Reason_REASON_JOURNAL_SHARED, "", "name", service)
	case !is && shared:
		return fault.FailedPrecondition(faultpb.Reason_REASON_JOURNAL_NOT_SHARED, "", "name", service)
	}
	return nil
}

func (f *stopped) tell(what string, done uint64) { f.r.tell(what, done, f.head.GetPosition()) }

// mayBegin refuses a log of an incarnation that this journal has or had.
func (f *stopped) mayBegin(ctx context.Context, l Log) error {
	end, err := f.s.End(ctx)
	if err != nil {
		return err
	}
	id := l.Incarnation()
	if id == f.From && f.r.Rebuild {
		return f.foreign(fmt.Errorf("it is the log of this journal and there: nothing is to be rebuilt"))
	}
	if id == f.From || slices.ContainsFunc(end.Ancestors, func(a Ancestor) bool { return a.Incarnation == id }) {
		return f.foreign(fmt.Errorf("it was made for the incarnation %s, which this journal has left behind; delete it if nobody needs it", id))
	}
	return nil
}

// foreign is the refusal of a log that is not this journal's beginning.
func (f *stopped) foreign(why error) error {
	return fault.DataLoss(faultpb.Reason_REASON_STREAM_FOREIGN, "", "name", "log of "+f.r.Service).With(why)
}

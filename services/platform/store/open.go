package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"coso/services/platform/civil"
	"coso/services/platform/fault"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

// storeFormat is the version of a store's file.
const storeFormat = 1

var (
	keyFormat         = []byte("format")
	keyService        = []byte("service")
	keyIncarnation    = []byte("incarnation")
	keyFingerprintKey = []byte("fingerprint-key")
)

// Options say what a store is.
type Options struct {
	// Dir is the data folder; it is made if missing. The file is <Dir>/<Service>.db.
	Dir string
	// Service is the service's name: `registry`.
	Service string
	// Schema is what the store holds.
	Schema *Schema
	// Sources are the services it follows; Await waits for their cursors.
	Sources []string
	// Clock answers the time; nil: the machine's.
	Clock func() time.Time
	// Logger takes what an operator must know; nil: slog.Default.
	Logger *slog.Logger
	// Log orders the journal; nil: the store's own file does. A store on a shared log follows what others write into it.
	Log Log
	// Replica is this store's name among those that write a shared log; its entries carry it. Empty: there is one store.
	Replica string
	// Key makes the fingerprints of requests and the marks of page tokens, 32 bytes; the stores on one log need the same.
	// nil: a new file gets one of its own, which only a store that shares no log may have.
	Key []byte
	// Authority knows what principals may do; every call of theirs is held against it. nil: a store that serves nobody.
	Authority Authority
	// Timers does what is to be done when timers become due, by their kind.
	Timers map[string]TimerHandler
	// ViewLimit is how long a View may read; 0: 5 seconds.
	ViewLimit time.Duration
	// MapSize is the address space reserved for the file, in bytes; 0: 4 GiB. Growing beyond it stops the world for
	// a moment.
	MapSize int

	// stepRows is how many rows a step of a rebuild takes; 0: rebuildRows. Below 0 nobody takes the steps: tests do.
	stepRows int
}

// Store keeps one service's state. Its methods are safe for concurrent use.
type Store struct {
	db  *state
	dir string
	log Log
	// authority knows what principals may do; nil: nobody asks.
	authority Authority
	// wal keeps the entries that are not in the file yet; nil: a shared log does. Only the committer writes it.
	wal            *wal
	schema         *Schema
	service        string
	replica        string
	sources        []string
	incarnation    []byte
	fingerprintKey []byte
	clock          func() time.Time
	logger         *slog.Logger

	queue    chan *call
	stop     chan struct{}
	stopped  chan struct{}
	stopOnce sync.Once
	closing  sync.Once
	closed   error
	// tailed brings what others wrote; tailing counts who brings it.
	tailed  chan tailed
	tailing sync.WaitGroup
	endTail context.CancelFunc
	// activating is held by who activates an operation.
	activating chan struct{}

	viewLimit     time.Duration
	timerHandlers map[string]TimerHandler
	// inClosure: the committer runs a closure.
	inClosure atomic.Bool
	// recipes are those of the schema's derived tables, unbuilt those that Open found not whole.
	recipes, unbuilt []*recipe
	stepRows         int
	// building: not all of unbuilt are whole yet.
	building atomic.Bool
	// background counts the goroutines beside the committer.
	background sync.WaitGroup
	meters     *meters
	witness    witness

	mu      sync.Mutex
	changed chan struct{}
	halted  *fault.Error // why writing has stopped
	trouble error        // why writing does not succeed now
	lagging error        // why the data file cannot be written now
	// rebuilding is how far unbuilt has come.
	rebuilding []Rebuild
}

// Open opens or makes a store. Unavailable if another process uses the file; DataLoss if it is damaged or of a newer
// version; FailedPrecondition if it belongs to another service, or to a shared log and o.Log is not one (JOURNAL_SHARED), or the
// other way round (JOURNAL_NOT_SHARED). Derived tables of another version are built anew.
func Open(o Options) (*Store, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fault.Internal(err)
	}
	var w *wal
	if o.Log == nil { // first, because its lock is what keeps others from changing the data file
		var err error
		if w, err = openWAL(o.Dir, o.Service); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(o.Dir, o.Service+".db")
	db, err := openFile(path, o.MapSize)
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	again := func() (*bolt.DB, error) { return openAgain(path, o.MapSize) }
	s := &Store{
		db: newState(newFile(db, again)), dir: o.Dir, wal: w, log: o.Log, fingerprintKey: o.Key, authority: o.Authority, schema: o.Schema, service: o.Service, replica: o.Replica, sources: o.Sources, clock: o.Clock, logger: o.Logger,
		queue: make(chan *call, maxGroup), stop: make(chan struct{}), stopped: make(chan struct{}),
		changed: make(chan struct{}), tailed: make(chan tailed), activating: make(chan struct{}, 1),
		viewLimit: cmp.Or(o.ViewLimit, viewLimit), timerHandlers: withOperations(o.Timers),
		recipes: o.Schema.recipes(), stepRows: cmp.Or(max(o.stepRows, -o.stepRows), rebuildRows),
	}
	if s.log == nil {
		s.log = localLog{s}
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	err = s.start()
	if err == nil && w != nil {
		err = s.recoverLog()
	}
	if err != nil {
		return nil, errors.Join(err, s.db.file.Close(), w.close())
	}
	s.startMeters()
	s.startLog()
	s.background.Go(func() { s.db.checkpointLoop(s.stopped, s.noteCheckpoint) })
	s.background.Go(s.countLoop)
	go s.commitLoop()
	if o.stepRows >= 0 && len(s.unbuilt) > 0 {
		s.background.Go(s.rebuildLoop)
	}
	return s, nil
}

// startLog follows a shared log, if it is this journal's.
func (s *Store) startLog() {
	var ctx context.Context
	ctx, s.endTail = context.WithCancel(context.Background())
	s.witness.note(s.Head(), s.db.now.Load().digest)
	switch id := s.log.Incarnation(); {
	case !s.log.Shared():
	case id != s.Incarnation():
		_ = s.halt(foreign(id[:], s.incarnation))
	default:
		s.tailing.Go(func() { s.tailLoop(ctx) })
	}
}

// start checks or makes the file's identity and brings derived tables up to date.
func (s *Store) start() error {
	return s.db.file.Update(func(tx *bolt.Tx) error {
		if tx.Bucket([]byte(bucketMeta)) != nil {
			if err := s.checkFormat(boltSpace{tx}); err != nil {
				return err
			}
		}
		for _, b := range s.schema.buckets() {
			if _, err := tx.CreateBucketIfNotExists([]byte(b)); err != nil {
				return err
			}
		}
		if err := s.identify(boltSpace{tx}); err != nil {
			return err
		}
		if err := inLog(boltSpace{tx}, s.service, s.log.Shared()); err != nil {
			return err
		}
		return s.prepareRebuilds(boltSpace{tx})
	})
}

func (s *Store) checkFormat(in reading) error {
	if f := in.get(bucketMeta, keyFormat); len(f) != 1 || f[0] != storeFormat {
		return fault.DataLoss(faultpb.Reason_REASON_FORMAT_UNKNOWN, "", "value", fmt.Sprintf("%x", f)).With(fmt.Errorf("the store of %s", s.service))
	}
	if name := string(in.get(bucketMeta, keyService)); name != s.service {
		return fault.FailedPrecondition(faultpb.Reason_REASON_INCARNATION_FOREIGN, "", "value", name, "current", s.service)
	}
	return nil
}

func (s *Store) identify(w writing) error {
	if w.get(bucketMeta, keyFormat) == nil {
		if err := s.found(w); err != nil {
			return err
		}
	}
	s.incarnation = append([]byte(nil), w.get(bucketMeta, keyIncarnation)...)
	given := s.fingerprintKey
	s.fingerprintKey = append([]byte(nil), w.get(bucketMeta, keyFingerprintKey)...)
	if given != nil && !bytes.Equal(given, s.fingerprintKey) {
		return fault.Internal(errOtherKey)
	}
	if len(s.incarnation) != 16 || len(s.fingerprintKey) != 32 {
		return damaged("the store's identity is not whole")
	}
	head, err := readHead(w)
	s.db.now.Store(&version{head: head, fresh: newLayer(), digest: readDigest(w, head)})
	return err
}

var (
	errOtherKey = errors.New("the store's file was made with another key")
	errNoKey    = errors.New("a new store on a shared log needs the key of the others")
)

// found gives a new file its identity: a journal of its own, or the one that the shared log orders.
func (s *Store) found(w writing) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fault.Internal(err)
	}
	key := s.fingerprintKey
	switch {
	case s.log.Shared() && key == nil:
		return fault.Internal(errNoKey)
	case s.log.Shared():
		id = s.log.Incarnation()
		if err := w.put(bucketMeta, keyShared, []byte{1}); err != nil {
			return err
		}
	case key == nil:
		key = make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return fault.Internal(err)
		}
	}
	for k, v := range map[string][]byte{
		string(keyFormat): {storeFormat}, string(keyService): []byte(s.service),
		string(keyIncarnation): id[:], string(keyFingerprintKey): key,
	} {
		if err := w.put(bucketMeta, []byte(k), v); err != nil {
			return err
		}
	}
	return nil
}

// Close stops taking commands, waits for the group under way, writes what the file does not hold yet, and closes it.
// Waiting commands are Unavailable. What cannot be written stays in the log, and the next Open writes it.
func (s *Store) Close() error {
	s.stopOnce.Do(func() {
		close(s.stop)
		s.endTail()
	})
	<-s.stopped
	s.tailing.Wait()
	s.background.Wait()
	s.closing.Do(func() {
		s.meters.forget()
		s.closed = s.closeFiles()
	})
	return s.closed
}

func (s *Store) closeFiles() error {
	err := s.db.checkpoint()
	if err == nil && s.wal != nil {
		err = s.endLog()
	}
	if err != nil {
		s.logger.Warn("the data file could not be written; the log keeps the rest", "service", s.service, "error", err)
	}
	return errors.Join(s.db.file.Close(), s.wal.close())
}

// Service is the service's name.
func (s *Store) Service() string { return s.service }

// Incarnation is the journal's UUID.
func (s *Store) Incarnation() uuid.UUID { return uuid.UUID(s.incarnation) }

// Today is the civil date now in Asia/Ho_Chi_Minh.
func (s *Store) Today() civil.Date { return civil.Today(s.clock()) }

// Head is the end of the journal as applied.
func (s *Store) Head() *journalpb.Head { return s.db.now.Load().head }

// Changed is closed at the next entry. Ask for it before looking, so that no entry is missed.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// publish makes the state after an entry the present one.
func (s *Store) publish(next *version) {
	s.db.publish(next)
	if s.log.Shared() {
		s.witness.note(next.head, next.digest)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

package store

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// state is what a store holds: its file as of the last checkpoint, and above it, in memory, what has changed since. The
// log keeps each entry before its change is seen here, so nothing is lost if the memory is; a checkpoint writes the
// changes of many entries into the file in one transaction, in order of keys.
//
// Readers see one version each and wait for nobody. Whoever changes the state holds changing from before it looks until
// its version is published: one entry after the other, and a checkpoint cuts between entries.
type state struct {
	file     *file
	changing sync.Mutex
	now      atomic.Pointer[version]
	// dirty says that there is something to write, full that it should not wait.
	dirty, full chan struct{}
	// flushes asks for a checkpoint now, retries for one if the last did not fail a moment ago.
	flushes, retries chan chan error
	// most is how much may wait for a checkpoint.
	most atomic.Int64
	// onCut is told when a checkpoint begins, between two changes. It is called with changing held.
	onCut func()

	mu sync.Mutex
	// written is closed at the end of the next checkpoint, failed or not.
	written chan struct{}
	// failed is why the last checkpoint failed; nil: it did not. failures counts how many have in a row.
	failed   error
	failures int
}

// version is a state at one moment. It never changes.
type version struct {
	// head is the end of the journal.
	head *journalpb.Head
	// fresh is what has changed since the last checkpoint began, frozen what that one is writing; nil: none is.
	fresh, frozen *layer
	// bytes is about what fresh weighs, waiting what both do.
	bytes, waiting int
	// cuts counts the checkpoints begun.
	cuts uint64
	// forgotten is a key of once-by-moment: there is none before it.
	forgotten Key
	// digest is the sum of all rows in tables; nil: not known. counting is a recount under way; nil: none is.
	digest   *lanes
	counting *counting
}

const (
	// checkpointEvery is how long a change waits at most for the next checkpoint.
	checkpointEvery = time.Second
	// checkpointBytes is how much changes weigh that wait no longer.
	checkpointBytes = 8 << 20
	// maxUnwritten is how much may wait for a checkpoint that does not come: then writing stops until it has come.
	maxUnwritten = 64 << 20
)

func newState(f *file) *state {
	st := &state{
		file: f, dirty: make(chan struct{}, 1), full: make(chan struct{}, 1), flushes: make(chan chan error), retries: make(chan chan error),
		written: make(chan struct{}), onCut: func() {},
	}
	st.most.Store(maxUnwritten)
	st.now.Store(&version{head: &journalpb.Head{}, fresh: newLayer()})
	return st
}

// over is the version as a space over the file.
func (v *version) over(base reading) reading {
	if v.frozen != nil {
		base = &overlay{below: base, cells: v.frozen, fixed: true}
	}
	if v.fresh.Len() > 0 {
		base = &overlay{below: base, cells: v.fresh, fixed: true}
	}
	return base
}

// writable is the version as an overlay whose cells will be those of the next one. The caller holds changing.
func (v *version) writable(base reading) *overlay {
	origin := v.over(base)
	if v.frozen != nil {
		base = &overlay{below: base, cells: v.frozen, fixed: true}
	}
	w := overlayOf(base, v.fresh.Copy())
	w.bytes, w.forgotten = v.bytes, v.forgotten
	w.origin, w.digest, w.counting = origin, v.digest, v.counting
	return w
}

// next is the version after what was done to its overlay.
func (v *version) next(w *overlay, head *journalpb.Head) *version {
	next := *v
	next.head, next.fresh, next.forgotten = head, w.cells, w.forgotten
	next.digest, next.counting = w.digest, w.counting
	next.bytes, next.waiting = w.bytes, v.waiting-v.bytes+w.bytes
	return &next
}

// read runs fn on the present version and a transaction of the file that goes with it: the file may hold less than the
// version, never more. A transaction taken after another checkpoint has begun could; then both are taken again.
func (st *state) read(fn func(v *version, base reading) error) error {
	for {
		v, again := st.now.Load(), false
		err := st.file.View(func(tx *bolt.Tx) error {
			if again = st.outdated(v); again {
				return nil
			}
			return fn(v, boltSpace{tx})
		})
		if !again {
			return err
		}
	}
}

// outdated says that the file may by now hold changes that a version does not.
func (st *state) outdated(v *version) bool { return st.now.Load().cuts != v.cuts }

// View runs fn on a snapshot. Unavailable if the file cannot be opened. A View inside a View may wait for ever.
func (st *state) View(fn func(in reading) error) error {
	return st.read(func(v *version, base reading) error { return fn(v.over(base)) })
}

// Update runs fn and publishes what it wrote, unless it fails. It is for changes that no entry tells: they are lost with
// the memory, together with all entries that came after them, whose changes the log brings back.
func (st *state) Update(fn func(w *overlay) error) error {
	st.changing.Lock()
	defer st.changing.Unlock()
	next, err := st.prepare(func(head *journalpb.Head, w *overlay) (*journalpb.Head, error) { return head, fn(w) })
	if err == nil {
		st.publish(next)
	}
	return err
}

// prepare runs fn on the present version and answers the next one. The caller holds changing.
func (st *state) prepare(fn func(head *journalpb.Head, w *overlay) (*journalpb.Head, error)) (next *version, err error) {
	err = st.read(func(v *version, base reading) error {
		w := v.writable(base)
		head, err := fn(v.head, w)
		if err == nil {
			next = v.next(w, head)
		}
		return err
	})
	return next, err
}

// publish makes a version the present one. The caller has held changing since before it was prepared.
func (st *state) publish(next *version) {
	st.now.Store(next)
	tell(st.dirty)
	if next.bytes > checkpointBytes {
		tell(st.full)
	}
}

// tell leaves word for whoever listens next.
func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

var errUnwritten = errors.New("too many changes wait for the data file")

// room waits until there is room in memory for more changes: usually not at all.
func (st *state) room(stop <-chan struct{}) error {
	for {
		st.mu.Lock()
		written, failed := st.written, st.failed
		st.mu.Unlock()
		if int64(st.now.Load().waiting) < st.most.Load() {
			return nil
		}
		if failed != nil {
			return errors.Join(errUnwritten, failed)
		}
		select {
		case <-written:
		case <-stop:
			return errFileClosed
		}
	}
}

package store

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"time"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"
)

// viewLimit is how long a View may read unless Options say otherwise. A long View keeps old pages of the file from being
// used again; who needs more than it allows reads page by page, a View each.
const viewLimit = 5 * time.Second

// reach is what a transaction may read, and what became of that.
type reach struct {
	schema *Schema
	gaps   gaps
	failed error
}

func (r *reach) bounds() *reach { return r }

// whole answers why a derived table cannot be read: Unavailable while it is built anew.
func (r *reach) whole(bucket string) error { return r.gaps.whole(bucket) }

// fail notes why the transaction has no answer, for readings that have no error to return.
func (r *reach) fail(err error) {
	if r.failed == nil {
		r.failed = err
	}
}

// limited is the context of a View: it ends with the caller's or after the limit, whichever is first.
func (s *Store) limited(ctx context.Context) context.Context {
	if d, ok := ctx.Deadline(); ok && time.Until(d) <= s.viewLimit {
		return ctx
	}
	return viewContext{ctx, time.Now().Add(s.viewLimit)}
}

// viewContext ends at a moment for whoever asks it; nobody who reads waits for it, so it needs no timer.
type viewContext struct {
	context.Context //nolint:containedctx // it is a context

	end time.Time
}

// Deadline is the moment.
func (v viewContext) Deadline() (time.Time, bool) { return v.end, true }

// Err says whether the moment has come.
func (v viewContext) Err() error {
	if err := v.Context.Err(); err != nil || time.Now().Before(v.end) {
		return err
	}
	return context.DeadlineExceeded
}

var errInClosure = errors.New("INV-STORE-CLOSURE-ALONE: Update or View inside a closure of Update: the committer would wait for itself")

// runClosure runs the closure of a command. Its frame on the stack is how outside recognises the closure, whatever
// context the closure uses; so it must not be inlined.
//
//go:noinline
func runClosure(tx *Tx, run func(*Tx) (proto.Message, error)) (proto.Message, error) {
	tx.s.inClosure.Store(true)
	defer tx.s.inClosure.Store(false)
	answer, err := run(tx)
	if err == nil {
		err = tx.failed
	}
	return answer, err
}

var closureEntry = reflect.ValueOf(runClosure).Pointer()

// outside refuses a caller that is a closure of this store: INV-STORE-CLOSURE-ALONE. The stack is looked at only while
// a closure runs.
func (s *Store) outside() error {
	if !s.inClosure.Load() {
		return nil
	}
	var callers [64]uintptr
	for _, pc := range callers[:runtime.Callers(2, callers[:])] {
		if f := runtime.FuncForPC(pc - 1); f != nil && f.Entry() == closureEntry {
			return fault.Internal(errInClosure)
		}
	}
	return nil
}

package feed

import (
	"context"
	"errors"

	journalpb "coso/proto/gen/coso/journal/v1"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// growth is how fast commands grow again after they had to shrink, in events.
const growth = 25

// apply takes events into the store, as many per command as fit. It returns when all have taken effect, ctx has ended, or
// an event cannot be applied: then everything before it has taken effect and the error is a fault.
func (f *following) apply(ctx context.Context, events []received) error {
	for len(events) > 0 {
		n := min(len(events), f.size)
		cursor, err := f.command(ctx, events[:n])
		switch {
		case err == nil:
			f.cursor, events = cursor, events[n:]
			f.size = min(f.size+growth, maxBatch)
			f.commits.fine()
			f.moved(cursor)
		case ctx.Err() != nil:
			return ctx.Err()
		case transient(err):
			f.commits.failed(ctx, err)
		default:
			if err := f.shrink(events[:n], err); err != nil {
				return err
			}
		}
	}
	return nil
}

// shrink makes the next command smaller after one was refused, so that every event before the one at fault takes
// effect. The error stops the follower: the first event is at fault.
func (f *following) shrink(events []received, err error) error {
	at, known := errors.AsType[*refusedError](err)
	switch {
	case known && at.index > 0:
		f.size = at.index
	case known || len(events) == 1:
		return stopped(f.source, events[0].at.Number, events[0].at.Type, err)
	default:
		f.size = len(events) / 2
	}
	return nil
}

// transient says that the same command may succeed later.
func transient(err error) bool {
	switch fault.KindOf(err) {
	case fault.KindUnavailable, fault.KindDeadlineExceeded, fault.KindCancelled:
		return true
	default:
		return false
	}
}

// refusedError says which event of a command was at fault.
type refusedError struct {
	index int
	err   error
}

func (r *refusedError) Error() string { return r.err.Error() }
func (r *refusedError) Unwrap() error { return r.err }

// command applies events and moves the cursor, in one command: INV-FEED-ONCE. Events that have taken effect before are
// passed over.
func (f *following) command(ctx context.Context, events []received) (out *journalpb.Cursor, err error) {
	ctx, span := f.span(ctx, events)
	defer func() { endSpan(span, err) }()
	return store.Update(ctx, f.store, nil, func(tx *store.Tx) (*journalpb.Cursor, error) {
		start, err := store.CursorIn(tx, f.source)
		if err != nil {
			return nil, err
		}
		cursor, handled := start, false
		for i, e := range events {
			if err := e.next(cursor); err != nil {
				return nil, &refusedError{index: i, err: err}
			}
			if e.at.Number <= cursor.GetSequence() {
				continue
			}
			if e.body != nil {
				if err := e.handler.run(tx, e.body, e.at); err != nil {
					return nil, &refusedError{index: i, err: err}
				}
				handled = true
			}
			cursor = e.behind(cursor)
		}
		if cursor.GetSequence() == start.GetSequence() {
			return start, nil
		}
		if handled && f.after != nil {
			if err := f.after(tx); err != nil {
				return nil, err
			}
		}
		return cursor, store.SetCursor(tx, cursor)
	})
}

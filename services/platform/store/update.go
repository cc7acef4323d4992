package store

import (
	"context"
	"errors"
	"time"

	"coso/services/platform/access"
	"coso/services/platform/fault"

	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

var (
	errNoPrincipal = errors.New("a command without a principal")
	errWrongAnswer = errors.New("a command answered another type than it promised")
)

// Update runs one command: fn on a snapshot with everything before it, then one journal entry shared with the commands
// that waited beside it. fn may run again, so it has no side effects, makes no remote call and gives its result back as
// a value. Who acts and by which method comes from the context (access). A request with a request id takes effect once:
// repeated, it answers the resources as they are now, at the position of now. A request that only validates
// (validate_only) is run and judged like any other, and dropped.
//
// Errors: what fn says; AlreadyExists for a request id used for another request; ResourceExhausted for a change beyond
// the limits; Unavailable (JOURNAL_UNAVAILABLE, DISK_FULL) if the entry could not be written, or it is not known within the caller's
// deadline whether it was: the same request with the same request id is safe; Unavailable (SERVICE_UNAVAILABLE) if the
// store stops: then nothing changed; DataLoss once writing has stopped (Healthy). A command whose deadline passes while it
// runs is dropped when it next reads or writes a table; one that never does is waited for. Unavailable (INDEX_REBUILDING)
// if it needs an index or derived table that is being built anew. *ElsewhereError in a context of Forwardable. Internal inside another
// Update's fn.
func Update[T proto.Message](ctx context.Context, s *Store, req proto.Message, fn func(*Tx) (T, error)) (T, error) {
	var none T
	if err := s.outside(); err != nil {
		return none, err
	}
	principal, ok := access.From(ctx)
	if !ok {
		return none, fault.Internal(errNoPrincipal)
	}
	if err := s.elsewhere(ctx); err != nil {
		return none, err
	}
	c := &call{
		ctx: ctx, principal: principal, method: access.Method(ctx), declared: access.Declared(ctx), traceparent: traceparent(ctx),
		answer: func() proto.Message { return none.ProtoReflect().New().Interface() },
		run: func(tx *Tx) (proto.Message, error) {
			out, err := fn(tx)
			noteAsked(ctx, &tx.asking)
			return out, err
		},
		done: make(chan outcome, 1),
	}
	if c.rehearsal = onlyValidates(req); c.rehearsal {
		// A request id is for what takes effect.
	} else if r, ok := req.(interface{ GetRequestId() string }); ok && r.GetRequestId() != "" {
		c.requestID = r.GetRequestId()
		if len(c.requestID) > maxKey {
			return none, tooLarge("request id", maxKey)
		}
		c.fingerprint = fingerprint(s.fingerprintKey, req, "request_id")
	}
	out, err := s.enqueue(ctx, c)
	s.note(ctx, out.position, out.last)
	if err != nil {
		return none, s.nearly(ctx, err)
	}
	answer, ok := out.answer.(T)
	if !ok {
		return none, fault.Internal(errWrongAnswer)
	}
	return answer, nil
}

// enqueue waits for the outcome, until the caller's deadline.
func (s *Store) enqueue(ctx context.Context, c *call) (outcome, error) {
	select {
	case <-s.stop:
		return outcome{}, fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
	case <-ctx.Done():
		return outcome{}, s.late(ctx)
	case s.queue <- c:
	}
	select {
	case out := <-c.done:
		return out, out.err
	case <-ctx.Done():
		return s.leave(ctx, c)
	case <-s.stopped:
		select {
		case out := <-c.done:
			return out, out.err
		default:
			return outcome{}, fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
		}
	}
}

// leave gives a call up whose caller's time is over. Its closure does not run any more once leave has returned. A command
// that is part of an entry may take effect all the same; any other has had no effect and will have none.
func (s *Store) leave(ctx context.Context, c *call) (outcome, error) {
	c.mu.Lock()
	c.gone = true
	entered := c.entered
	c.mu.Unlock()
	select {
	case out := <-c.done:
		return out, out.err
	default:
	}
	if entered {
		return outcome{}, fault.Unavailable(faultpb.Reason_REASON_JOURNAL_UNAVAILABLE, "").With(ctx.Err())
	}
	return outcome{}, s.late(ctx)
}

// View reads from one snapshot. The position noted for the caller is the last one that a reader of the change events
// can see. After its limit (Options.ViewLimit) readings answer DeadlineExceeded, and so does View. Unavailable for an
// index or derived table that is being built anew, and once the store is set aside (SetAside). Inside an Update's fn it is
// Internal.
func View[T any](ctx context.Context, s *Store, fn func(*ReadTx) (T, error)) (T, error) {
	var out T
	if err := errors.Join(s.outside(), s.shown()); err != nil {
		return out, err
	}
	ctx = s.limited(ctx)
	building := s.building.Load()
	err := s.db.read(func(v *version, base reading) error {
		s.note(ctx, v.head.GetEventPosition(), v.head.GetPosition())
		in := v.over(base)
		gaps, err := s.gapsIn(in, building)
		if err != nil {
			return err
		}
		tx := &ReadTx{reach: reach{schema: s.schema, gaps: gaps}, s: s, ctx: ctx, in: in, head: v.head, today: s.Today()}
		principal, _ := access.From(ctx)
		tx.asking = asking{authority: s.authority, principal: principal, declared: access.Declared(ctx), at: s.present(v.head)}
		if err := tx.begin(tx); err != nil {
			return err
		}
		if out, err = fn(tx); err == nil {
			err = tx.failed
		}
		if err == nil {
			err = tx.end()
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err // a walk may have ended early
		}
		noteAsked(ctx, &tx.asking)
		return nil
	})
	if err != nil { // what the closure had made is not for a caller who was refused
		var none T
		return none, s.nearly(ctx, err)
	}
	return out, nil
}

// present is the moment of a reading: by the clock, and no earlier than what is read.
func (s *Store) present(head *journalpb.Head) time.Time {
	now := s.clock()
	if last := head.GetMoment().AsTime(); last.After(now) {
		return last
	}
	return now
}

func traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier.Get("traceparent")
}

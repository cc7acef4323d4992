package store

import (
	"context"
	"errors"

	"coso/services/platform/access"
	"coso/services/platform/fault"

	bolt "go.etcd.io/bbolt"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
)

var (
	errNoPrincipal = errors.New("a command without a principal")
	errWrongAnswer = errors.New("a command answered another type than it promised")
)

// Update runs one command: fn on a snapshot with everything before it, then one journal entry shared with the commands
// that waited beside it. fn may run again, so it has no side effects, makes no remote call and gives its result back as
// a value. Who acts and by which method comes from the context (access). A request with a request id takes effect once:
// repeated, it answers the resources as they are now at the first position.
//
// Errors: what fn says; AlreadyExists for a request id used for another request; ResourceExhausted for a change beyond
// the limits; Unavailable if the entry could not be written or the store stops: then nothing changed.
func Update[T proto.Message](ctx context.Context, s *Store, req proto.Message, fn func(*Tx) (T, error)) (T, error) {
	var none T
	principal, ok := access.From(ctx)
	if !ok {
		return none, fault.Internal(errNoPrincipal)
	}
	c := &call{
		ctx: ctx, principal: principal, method: access.Method(ctx), traceparent: traceparent(ctx),
		answer: func() proto.Message { return none.ProtoReflect().New().Interface() },
		run:    func(tx *Tx) (proto.Message, error) { return fn(tx) },
		done:   make(chan outcome, 1),
	}
	if r, ok := req.(interface{ GetRequestId() string }); ok && r.GetRequestId() != "" {
		c.requestID = r.GetRequestId()
		c.fingerprint = fingerprint(s.fingerprintKey, req, "request_id")
	}
	out, err := s.enqueue(ctx, c)
	if err != nil {
		return none, err
	}
	note(ctx, Position{Service: s.service, Incarnation: s.Incarnation(), Number: out.position})
	answer, ok := out.answer.(T)
	if !ok {
		return none, fault.Internal(errWrongAnswer)
	}
	return answer, nil
}

// enqueue waits for the outcome. Once a call is queued its outcome is awaited even when the caller's deadline passes:
// the committer drops calls whose deadline has passed, and an answer given is a true one.
func (s *Store) enqueue(ctx context.Context, c *call) (outcome, error) {
	select {
	case <-s.stop:
		return outcome{}, fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
	case <-ctx.Done():
		return outcome{}, ctx.Err()
	case s.queue <- c:
	}
	select {
	case out := <-c.done:
		return out, out.err
	case <-s.stopped:
		select {
		case out := <-c.done:
			return out, out.err
		default:
			return outcome{}, fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
		}
	}
}

// View reads from one snapshot. The position noted for the caller is the last one that a reader of the change events
// can see.
func View[T any](ctx context.Context, s *Store, fn func(*ReadTx) (T, error)) (T, error) {
	var out T
	err := s.db.View(func(btx *bolt.Tx) error {
		in := boltSpace{btx}
		head, err := readHead(in)
		if err != nil {
			return err
		}
		if out, err = fn(&ReadTx{s: s, ctx: ctx, in: in, today: s.Today()}); err != nil {
			return err
		}
		note(ctx, Position{Service: s.service, Incarnation: s.Incarnation(), Number: head.GetEventPosition()})
		return nil
	})
	return out, err
}

func traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier.Get("traceparent")
}

package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// Follow applies the events of another service to a store, in order and each once, until ctx ends; then it returns nil.
// It begins behind the store's cursor and acts as the service of the store, method `follow/<source>`. A stream that does
// not exist yet is waited for, and so is NATS: services start in any order. Several followers of one source on one store
// do no harm and are no use.
//
// Errors: DataLoss FEED_STOPPED, with the source, the number and the type of the event it stopped at, for an event that
// it listens to and cannot apply, or a gap; DataLoss INCARNATION_FOREIGN for an event of another journal than the
// cursor's; DataLoss SOURCE_WENT_BACK if the stream holds another event in the place of the cursor's; Internal for two handlers of one type; what the store says if the cursor cannot be read. Everything before
// the event named has taken effect, nothing from it on. Started again after a skip of that event, it passes over it.
func Follow(ctx context.Context, s *store.Store, js jetstream.JetStream, fl Follower, logger *slog.Logger) error {
	return followTo(ctx, s, js, fl, logger, func(*journalpb.Cursor) {})
}

// followTo is Follow; moved is told where the follower stands whenever a command has succeeded.
func followTo(ctx context.Context, s *store.Store, js jetstream.JetStream, fl Follower, logger *slog.Logger, moved func(*journalpb.Cursor)) error {
	heard, err := newListening(fl.Handlers)
	if err != nil {
		return err
	}
	logger = logger.With("feed", "follow", "stream", StreamName(fl.Source))
	f := &following{
		store: s, js: js, source: fl.Source, heard: heard, after: fl.After, size: maxBatch, moved: moved, tracer: otel.Tracer(scope),
		nats: patience{logger: logger}, commits: patience{logger: logger},
	}
	ctx = access.WithMethod(access.With(ctx, access.Service(s.Service())), "follow/"+fl.Source)
	for ctx.Err() == nil {
		err := f.session(ctx)
		if stop, ok := errors.AsType[*fault.Error](err); ok && ctx.Err() == nil {
			return stop
		}
		f.nats.failed(ctx, err)
	}
	return nil
}

// following is one follower at work.
type following struct {
	store  *store.Store
	js     jetstream.JetStream
	source string
	heard  listening
	after  func(*store.Tx) error
	// moved is told where the follower stands.
	moved func(*journalpb.Cursor)
	// size is how many events the next command takes.
	size    int
	nats    patience
	commits patience
	cursor  *journalpb.Cursor
	// skips are the events behind the cursor that an operator lets it pass over.
	skips  map[uint64]bool
	tracer trace.Tracer
}

// session follows until something breaks or the connection is made anew. Faults stop the follower; after other errors a
// new session begins behind the cursor.
func (f *following) session(ctx context.Context) error {
	var err error
	if f.cursor, err = f.store.Cursor(ctx, f.source); err != nil {
		return fault.From(err)
	}
	if err = f.readSkips(ctx); err != nil {
		return fault.From(err)
	}
	link, release := untilReconnected(ctx, f.js.Conn())
	defer release()
	r, err := f.open(link)
	for err == nil {
		if err = f.fetch(ctx, link, r); err == nil {
			f.nats.fine()
		}
	}
	return err
}

func (f *following) readSkips(ctx context.Context) error {
	skips, err := f.store.Skips(ctx, f.source, f.cursor.GetSequence())
	f.skips = make(map[uint64]bool, len(skips))
	for _, k := range skips {
		f.skips[k.GetSequence()] = true
	}
	return err
}

// fetch asks for messages once and applies what comes. Commands do not end with the connection.
func (f *following) fetch(ctx, link context.Context, r *reader) error {
	messages, done, err := r.fetch(link)
	if err != nil {
		return err
	}
	defer done()
	for {
		batch, err := gather(link, messages.Messages())
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			return messages.Error()
		}
		f.nats.fine()
		events, broken := r.read(batch)
		if err := f.apply(ctx, events); err != nil {
			return err
		}
		if broken != nil {
			return broken
		}
	}
}

// gather waits for a message and takes those that wait behind it; none when the request has ended.
func gather(ctx context.Context, messages <-chan jetstream.Msg) ([]jetstream.Msg, error) {
	var out []jetstream.Msg
	select {
	case m, ok := <-messages:
		if !ok {
			return nil, nil
		}
		out = append(out, m)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for len(out) < maxBatch {
		select {
		case m, ok := <-messages:
			if !ok {
				return out, nil
			}
			out = append(out, m)
		default:
			return out, nil
		}
	}
	return out, nil
}

// received is one event as it came from the stream.
type received struct {
	at Envelope
	// rest is how many events of the same entry follow.
	rest uint64
	// body is nil if nobody listens to the type.
	body    proto.Message
	handler Handler
	// unreadable: of at, only the place is known. Such an event is passed over or it stops the follower.
	unreadable bool
	// trace is the context of the request that the event comes from; it may be invalid.
	trace trace.SpanContext
}

// next checks that an event is the one behind a cursor, INV-FEED-NO-GAP, or one before it; the cursor's own event must be
// the one that was taken, INV-FEED-SAME-PAST.
func (e received) next(c *journalpb.Cursor) error {
	if known := c.GetIncarnation(); !e.unreadable && len(known) > 0 && uuid.UUID(known) != e.at.Incarnation {
		return foreignIncarnation(c, e.at.Incarnation.String())
	}
	if e.at.Number > c.GetSequence()+1 {
		return fmt.Errorf("the stream has a gap: event %d comes after event %d", e.at.Number, c.GetSequence())
	}
	if known := c.GetHash(); e.at.Number == c.GetSequence() && len(known) > 0 && !bytes.Equal(known, e.at.Hash[:]) {
		return wentBack(c, errOtherPast)
	}
	return nil
}

// behind is the cursor behind an event. INV-FEED-WHOLE-ENTRY: while events of the entry are missing, only the position
// before it is reached. An unreadable event does not say where it stands: the next one will.
func (e received) behind(c *journalpb.Cursor) *journalpb.Cursor {
	if e.unreadable {
		next := proto.CloneOf(c)
		next.Source, next.Sequence, next.Hash = e.at.Source, e.at.Number, nil
		return next
	}
	position := e.at.Position
	if e.rest > 0 {
		position--
	}
	return &journalpb.Cursor{
		Source: e.at.Source, Incarnation: e.at.Incarnation[:], Sequence: e.at.Number, Position: position, Hash: e.at.Hash[:],
	}
}

// foreignIncarnation is the alarm that a source's journal is not the one the cursor belongs to.
func foreignIncarnation(c *journalpb.Cursor, found string) error {
	return fault.DataLoss(faultpb.Reason_REASON_INCARNATION_FOREIGN, "", "name", c.GetSource(), "value", found,
		"current", uuid.UUID(c.GetIncarnation()).String()).
		With(fmt.Errorf("follow %s: the cursor stands at event %d of another journal", c.GetSource(), c.GetSequence()))
}

// stopError says at which event a follower stopped.
type stopError struct {
	source, typ string
	number      uint64
	why         error
}

func (e *stopError) Error() string {
	return fmt.Sprintf("follow %s: event %d, %s: %s", e.source, e.number, e.typ, e.why)
}

func (e *stopError) Unwrap() error { return e.why }

// stopped is the alarm that a follower cannot go on at an event.
func stopped(source string, number uint64, typ string, why error) error {
	f, ok := errors.AsType[*fault.Error](why)
	if ok && f.Kind == fault.KindDataLoss &&
		(f.Reason == faultpb.Reason_REASON_INCARNATION_FOREIGN || f.Reason == faultpb.Reason_REASON_SOURCE_WENT_BACK) {
		return f
	}
	return fault.DataLoss(faultpb.Reason_REASON_FEED_STOPPED, "", "name", source, "value", fmt.Sprint(number), "type", typ).
		With(&stopError{source: source, number: number, typ: typ, why: why})
}

package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

const (
	// window is how many messages may wait for their answer.
	window = 256
	// ackWait is how long a message may wait for its answer before its outcome is looked up in the stream.
	ackWait = 5 * time.Second
	// lookAgain is how often an idle relay compares the stream with its journal.
	lookAgain = time.Minute
)

// Relay publishes the events of a store's journal to the stream of its service, in order and each once, until ctx ends;
// then it returns nil. It makes the stream if there is none. While NATS is away it tries again, and commands go on.
//
// Several relays of one journal may run: one of them wins each place. Whenever the outcome of a publication is not known
// the stream's last message decides: the journal's own event of that number, and the relay goes on behind it, which also
// refills a stream that was lost or cut; another event, and it stops. A stream of its own that is damaged is deleted and
// filled anew (INV-FEED-REBUILD).
//
// Errors: DataLoss STREAM_FOREIGN if the stream is not this journal's; what the store says if the journal cannot be
// read; Internal for an event whose type no subject can be made of. Nothing is skipped: after an error events wait in
// the journal.
func Relay(ctx context.Context, s *store.Store, js jetstream.JetStream, logger *slog.Logger) error {
	return relayTo(ctx, s, js, logger, &relayState{})
}

// relayState is what the rest of a service knows of its relay. It is safe for concurrent use.
type relayState struct {
	// published is the number of the last event known to be in the stream.
	published atomic.Uint64
	// rebuilds is how often the stream was deleted to be filled anew.
	rebuilds atomic.Int64
	// alarm is why nothing is published; nil while the relay works.
	alarm atomic.Pointer[string]
}

// relayTo is Relay; it tells state how it does, and ends an alarm when it publishes again.
func relayTo(ctx context.Context, s *store.Store, js jetstream.JetStream, logger *slog.Logger, state *relayState) error {
	logger = logger.With("feed", "relay", "stream", StreamName(s.Service()))
	r := &relay{store: s, js: js, logger: logger, patience: patience{logger: logger}, state: state}
	for ctx.Err() == nil {
		err := r.session(ctx)
		if stop, ok := errors.AsType[*fault.Error](err); ok && ctx.Err() == nil {
			return stop
		}
		if !errors.Is(err, errLookAgain) {
			r.patience.failed(ctx, err)
		}
	}
	return nil
}

// errBehind says that the stream holds more than the journal here, which is to come.
var errBehind = errors.New("the journal of this replica is behind its stream")

// errLookAgain asks for a comparison though nothing went wrong.
var errLookAgain = errors.New("time to compare the stream with the journal")

type relay struct {
	store    *store.Store
	js       jetstream.JetStream
	logger   *slog.Logger
	patience patience
	// next is the number of the event to publish next.
	next uint64
	// state is where the caller learns how it does.
	state *relayState
	// beheaded is the first message of the stream as last warned of.
	beheaded uint64
	// health is what speaks against the stream.
	health health
}

// session publishes until something breaks or the connection is made anew. Faults stop the relay.
func (r *relay) session(ctx context.Context) error {
	link, release := untilReconnected(ctx, r.js.Conn())
	defer release()
	err := r.compare(link)
	if err == nil {
		err = r.publishAll(link)
	}
	if errors.Is(err, errNoAnswer) {
		r.health.unanswered = true
	}
	if link.Err() != nil {
		return context.Cause(link)
	}
	return err
}

// compare finds where to go on: behind the stream's last message, if that is the journal's own event of its number.
// Faults stop the relay; other errors are NATS's.
func (r *relay) compare(ctx context.Context) error {
	stream, err := ensureStream(ctx, r.js, streamConfig(r.store.Service(), r.store.Incarnation()))
	if fault.ReasonOf(err) == faultpb.Reason_REASON_STREAM_FOREIGN {
		return r.outgrown(ctx, err)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	state := stream.CachedInfo().State
	damage, err := r.examine(ctx, stream)
	if err != nil {
		return err
	}
	if damage != nil {
		return r.damaged(ctx, stream, damage)
	}
	r.health.damaged = 0
	r.warnBeheaded(state.FirstSeq)
	r.goOn(state.LastSeq + 1)
	return nil
}

// own says that a message of the stream is the journal's event of its number; a fault if it is not. It is asked after the
// message was read: the journal holds whatever another relay of it published before, a replica's soon.
func (r *relay) own(ctx context.Context, m *jetstream.RawStreamMsg) error {
	name := StreamName(r.store.Service())
	if err := r.store.AwaitEvents(ctx, m.Sequence, behindLimit); err != nil {
		return err
	}
	events, err := r.events(ctx, m.Sequence, 1)
	if err != nil {
		return err
	}
	if len(events) == 0 && r.store.Shared() { // another replica has published what this one will read from the log
		return errBehind
	}
	if len(events) == 0 {
		return foreign(name, fmt.Errorf("it holds message %d (%s), which the journal does not hold", m.Sequence, m.Header.Get(headerID)))
	}
	if err := sameEvent(m.Header, events[0]); err != nil {
		return foreign(name, err)
	}
	return nil
}

// goOn says that the event of a number is the next to publish.
func (r *relay) goOn(next uint64) {
	r.next = next
	r.state.published.Store(next - 1)
}

func (r *relay) warnBeheaded(first uint64) {
	if first > 1 && r.beheaded != first {
		r.logger.Warn("the stream's first events are missing; new followers need it deleted, so that it is filled anew", "first", first)
	}
	r.beheaded = first
}

// events reads the journal. Errors are faults.
func (r *relay) events(ctx context.Context, from uint64, limit int) ([]store.Event, error) {
	events, err := r.store.Events(ctx, from, limit)
	if err == nil || ctx.Err() != nil {
		return events, err
	}
	return nil, fault.From(err)
}

// publishAll publishes from next on as the journal grows. It returns at the first failure.
func (r *relay) publishAll(ctx context.Context) error {
	for {
		changed := r.store.Changed()
		events, err := r.events(ctx, r.next, window)
		if err != nil {
			return err
		}
		if err := r.publish(ctx, events); err != nil {
			return err
		}
		r.patience.fine()
		if r.state.alarm.Swap(nil) != nil {
			r.logger.Info("the relay goes on after its alarm", "next", r.next)
		}
		if len(events) > 0 {
			continue
		}
		if err := r.idle(ctx, changed); err != nil {
			return err
		}
	}
}

func (r *relay) idle(ctx context.Context, changed <-chan struct{}) error {
	timer := time.NewTimer(lookAgain)
	defer timer.Stop()
	select {
	case <-changed:
		return nil
	case <-timer.C:
		return errLookAgain
	case <-ctx.Done():
		return ctx.Err()
	}
}

// publish sends events, a window at a time.
func (r *relay) publish(ctx context.Context, events []store.Event) error {
	messages := make([]*nats.Msg, len(events))
	for i, e := range events {
		m, err := r.message(e)
		if err != nil {
			return err
		}
		messages[i] = m
	}
	for part := range slices.Chunk(messages, window) {
		if err := r.send(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// message is an event as it is published. Errors are faults.
func (r *relay) message(e store.Event) (*nats.Msg, error) {
	m, err := newMessage(r.store.Service(), e, int(e.Rest)) //nolint:gosec // a count
	if err != nil {
		return nil, fault.Internal(err)
	}
	return m, nil
}

// send publishes a window and waits for its answers, in order, up to the first failure. What is under way after it can
// land in its own place or nowhere.
func (r *relay) send(ctx context.Context, messages []*nats.Msg) error {
	answers := make([]jetstream.PubAckFuture, len(messages))
	for i, m := range messages {
		answer, err := r.js.PublishMsgAsync(m, jetstream.WithExpectStream(StreamName(r.store.Service())),
			jetstream.WithExpectLastSequence(r.next+uint64(i)-1), jetstream.WithRetryAttempts(0))
		if err != nil {
			return err
		}
		answers[i] = answer
	}
	timer := time.NewTimer(ackWait)
	defer timer.Stop()
	for _, answer := range answers {
		if err := r.await(ctx, answer, timer.C); err != nil {
			return fmt.Errorf("publish event %d: %w", r.next, err)
		}
		r.goOn(r.next + 1)
		r.health.unanswered = false
	}
	return nil
}

var errNoAnswer = errors.New("no answer in time")

func (r *relay) await(ctx context.Context, answer jetstream.PubAckFuture, expired <-chan time.Time) error {
	select {
	case ack := <-answer.Ok():
		if ack.Sequence != r.next {
			return fmt.Errorf("it was stored as message %d", ack.Sequence)
		}
		return nil
	case err := <-answer.Err():
		return err
	case <-expired:
		return errNoAnswer
	case <-ctx.Done():
		return ctx.Err()
	}
}

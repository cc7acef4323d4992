package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
)

const (
	// maxBatch is how many events one command may take.
	maxBatch = 500
	// fetchWait is how long one request for messages stands; heartbeat how often the server says that it still does.
	fetchWait = 30 * time.Second
	heartbeat = 2 * time.Second
	// forgetReader is when the server drops a consumer that nobody asks.
	forgetReader = 30 * time.Second
)

// reader reads a stream from behind a cursor. It is made anew after every disturbance: the consumer is the server's
// throw-away memory, the cursor is what counts.
type reader struct {
	f        *following
	consumer jetstream.Consumer
	// delivered counts the consumer's messages.
	delivered uint64
}

// open makes a reader that begins with the event that was taken last, to see that it is still there as it was
// (INV-FEED-SAME-PAST). A fault means that the stream is another journal's; other errors are NATS's, a
// missing stream among them.
func (f *following) open(ctx context.Context) (*reader, error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	stream, err := f.js.Stream(ctx, StreamName(f.source))
	if err != nil {
		return nil, err
	}
	made := stream.CachedInfo().Config.Metadata[metaIncarnation]
	if known := f.cursor.GetIncarnation(); len(known) > 0 && made != uuid.UUID(known).String() {
		return nil, foreignIncarnation(f.cursor, made)
	}
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		Description:       f.store.Service(),
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       max(f.cursor.GetSequence(), 1),
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: forgetReader,
		MemoryStorage:     true,
		Replicas:          1,
	})
	if err != nil {
		return nil, err
	}
	return &reader{f: f, consumer: consumer}, nil
}

// fetch asks the server for messages: what is there comes at once, what comes later comes when it does. done ends the
// request and what works for it.
func (r *reader) fetch(ctx context.Context) (messages jetstream.MessageBatch, done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWait)
	messages, err = r.consumer.Fetch(maxBatch, jetstream.FetchContext(ctx), jetstream.FetchHeartbeat(heartbeat))
	if err != nil {
		cancel()
		return nil, nil, err
	}
	return messages, func() {
		cancel()
		for range messages.Messages() {
		}
	}, nil
}

// errLost asks for a new session: messages were lost on the way, not in the stream.
var errLost = errors.New("messages were lost on the way")

// read turns messages into events. It answers those before the first message that cannot be read or does not come next,
// and what is wrong with that one. The consumer numbers what it delivers: numbers that jump there mean loss on the way,
// numbers of the stream that jump while the consumer's do not mean a hole in the stream, which the command refuses.
func (r *reader) read(batch []jetstream.Msg) ([]received, error) {
	out := make([]received, 0, len(batch))
	for _, m := range batch {
		meta, err := m.Metadata()
		if err != nil {
			return out, err
		}
		if meta.Sequence.Consumer != r.delivered+1 {
			return out, fmt.Errorf("%w before message %d", errLost, meta.Sequence.Stream)
		}
		r.delivered++
		e, err := r.event(m, meta.Sequence.Stream)
		if e.at.Number <= r.f.cursor.GetSequence() {
			err = nil // it is not taken again
		}
		if f := r.f; err != nil && f.skips[meta.Sequence.Stream] {
			f.nats.logger.Warn("an event that cannot be read is passed over, as an operator decided", "number", meta.Sequence.Stream, "why", err)
			err = nil
		}
		if err != nil {
			return out, stopped(r.f.source, meta.Sequence.Stream, m.Headers().Get(headerType), err)
		}
		out = append(out, e)
	}
	return out, nil
}

func (r *reader) event(m jetstream.Msg, number uint64) (received, error) {
	at, rest, err := readEnvelope(r.f.source, number, m.Headers())
	if err != nil {
		return received{at: Envelope{Source: r.f.source, Number: number}, unreadable: true}, err
	}
	e := received{at: at, rest: rest, trace: traceOf(m.Headers())}
	h, ok, err := r.f.heard.find(at.Type)
	if err != nil || !ok || r.f.skips[number] || number <= r.f.cursor.GetSequence() {
		return e, err
	}
	body := h.fresh()
	if err := proto.Unmarshal(m.Data(), body); err != nil {
		return e, fmt.Errorf("decode: %w", err)
	}
	e.handler, e.body = h, body
	return e, nil
}

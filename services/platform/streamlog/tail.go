package streamlog

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/store"
)

const (
	// ahead is how many bytes of entries are under way to a tail.
	ahead = 4 << 20
	// beat is how often a server says that it still listens to a tail that has nothing to bring.
	beat = 2 * time.Second
)

// Tail implements store.Log. It brings what the stream holds, in its order; a hole in the stream is passed on as it is, for
// the store holds each entry against the one before.
func (l *Log) Tail(ctx context.Context, from uint64) iter.Seq2[store.Placed, error] {
	return func(yield func(store.Placed, error) bool) {
		messages, err := l.messages(ctx, from)
		if err != nil {
			yield(store.Placed{}, err)
			return
		}
		defer messages.Stop()
		for {
			m, err := messages.Next(jetstream.NextContext(ctx))
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				yield(store.Placed{}, fmt.Errorf("%w: %w", store.ErrUnknown, err))
				return
			}
			about, err := m.Metadata()
			if err != nil {
				yield(store.Placed{}, damaged(l.name, "a message without a place: %w", err))
				return
			}
			if about.Sequence.Stream < from { // it has been brought, before the way was lost and found again
				continue
			}
			from = about.Sequence.Stream + 1
			if !yield(store.Placed{Position: about.Sequence.Stream, Entry: m.Data()}, nil) {
				return
			}
		}
	}
}

// messages begins to bring what the stream holds from a place on.
func (l *Log) messages(ctx context.Context, from uint64) (jetstream.MessagesContext, error) {
	asking, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	stream := l.found()
	if stream == nil {
		return nil, fmt.Errorf("%w: %w", store.ErrUnknown, errNotFound)
	}
	consumer, err := stream.OrderedConsumer(asking, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrUnknown, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxBytes(ahead), jetstream.PullHeartbeat(beat))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrUnknown, err)
	}
	return messages, nil
}

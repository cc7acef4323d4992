package streamlog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/store"
)

const (
	// fillEntries and fillBytes bound what Fill has under way.
	fillEntries = 256
	fillBytes   = 4 << 20
	// fillWait is how long the servers may take to acknowledge all of it.
	fillWait = 10 * time.Second
)

var _ store.SharedLog = (*Log)(nil)

// Begin opens the log of a service or, if there is none, makes an empty one for a journal of a new incarnation. Errors are
// those of Make.
func Begin(ctx context.Context, o Options, shape Shape) (*Log, error) {
	l, err := Open(ctx, o)
	if !errors.Is(err, ErrAbsent) {
		return l, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return Make(ctx, o, id, shape)
}

// Last answers the position of the last entry as far as the servers that answer know: they may be behind. 0: there is none.
// ErrUnknown if they do not answer.
func (l *Log) Last(ctx context.Context) (uint64, error) {
	asking, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	stream := l.found()
	if stream == nil {
		return 0, fmt.Errorf("%w: %w", store.ErrUnknown, errNotFound)
	}
	info, err := stream.Info(asking)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return 0, fmt.Errorf("%w: %s", ErrAbsent, l.name)
	case err != nil:
		return 0, fmt.Errorf("%w: %w", store.ErrUnknown, err)
	}
	return info.State.LastSeq, nil
}

// Fill offers entries for the places from a position on, many at a time. nil: each got its place. Otherwise those before some
// place did, none behind it: the error is Append's for that place, or the one that entries gave. It must not be called twice
// at once.
func (l *Log) Fill(ctx context.Context, from uint64, entries iter.Seq2[[]byte, error]) error {
	if err := l.Sound(); err != nil {
		return err
	}
	next, stop := iter.Pull2(entries)
	defer stop()
	for end := false; !end; {
		if !l.o.JetStream.Conn().IsConnected() {
			return errNoWay
		}
		var batch [][]byte
		for size := 0; len(batch) < fillEntries && size < fillBytes; {
			raw, err, more := next()
			if err != nil {
				return err
			}
			if end = !more; end {
				break
			}
			batch, size = append(batch, raw), size+len(raw)
		}
		if err := l.offer(ctx, from, batch); err != nil {
			return err
		}
		from += uint64(len(batch))
	}
	return nil
}

// offer sends entries without waiting in between and then waits for their answers, up to the first that is none of success.
func (l *Log) offer(ctx context.Context, from uint64, batch [][]byte) error {
	ctx, cancel := context.WithTimeout(ctx, fillWait)
	defer cancel()
	answers := make([]jetstream.PubAckFuture, 0, len(batch))
	var failed error
	for i, raw := range batch {
		answer, err := l.o.JetStream.PublishMsgAsync(&nats.Msg{Subject: l.subject, Data: raw, Header: nats.Header{}},
			jetstream.WithExpectStream(l.name), jetstream.WithExpectLastSequence(from+uint64(i)-1), jetstream.WithRetryAttempts(0))
		if err != nil {
			failed = outcome(err)
			break
		}
		answers = append(answers, answer)
	}
	for i, answer := range answers {
		select {
		case ack := <-answer.Ok():
			if position := from + uint64(i); ack.Stream != l.name || ack.Sequence != position {
				return damaged(l.name, "an entry was offered for place %d and got %d of %s", position, ack.Sequence, ack.Stream)
			}
		case err := <-answer.Err():
			return outcome(err)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", store.ErrUnknown, ctx.Err())
		}
	}
	return failed
}

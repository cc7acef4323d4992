package feed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// damageTries is how often in a row a stream must be found damaged before it is deleted.
	damageTries = 5
	// answersApart is how much later than the answer to a message the answer to the one before it may be noticed.
	answersApart = time.Second
	// firstRebuildPause and longRebuildPause bound the time from one rebuild to the next: where the cause stays, as on a
	// full disk, filling a stream again and again helps nobody.
	firstRebuildPause = 5 * time.Second
	longRebuildPause  = time.Minute
	// codeWrongLastSequence is the server's code for a message whose place is not the stream's next.
	codeWrongLastSequence jetstream.ErrorCode = 10071
	// nowhere is a number after which no stream ever ends.
	nowhere = math.MaxInt64
)

// health is what speaks against a stream, and when it was last deleted for that. A relay alone uses it.
type health struct {
	// damaged counts the comparisons in a row that found damage.
	damaged int
	// unanswered says that nobody answered a publication.
	unanswered bool
	// rebuilt is when the stream was last deleted, pause how long it is not deleted again.
	rebuilt time.Time
	pause   time.Duration
}

// examine looks for the journal's own event at the end of a stream that was made for it. damage says what is wrong with a
// stream that cannot go on; a fault that it is not the journal's; other errors are NATS's.
func (r *relay) examine(ctx context.Context, stream jetstream.Stream) (damage, err error) {
	state := stream.CachedInfo().State
	switch {
	case state.LastSeq == 0:
		return nil, nil
	case state.Msgs == 0:
		return fmt.Errorf("it is empty, though it had %d messages", state.LastSeq), nil
	}
	// The last message that was known to be there is where damage begins if NATS was cut off; what waited in the connection
	// then may have been stored behind it before it could be looked at.
	places := []uint64{state.LastSeq}
	if known := r.state.published.Load(); 0 < known && known < state.LastSeq {
		places = append(places, known)
	}
	for _, number := range places {
		m, err := stream.GetMsg(ctx, number)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return fmt.Errorf("its message %d cannot be read", number), nil
		}
		if err != nil {
			return nil, fmt.Errorf("read message %d: %w", number, err)
		}
		if err := r.own(ctx, m); err != nil {
			return nil, err
		}
	}
	if state.NumDeleted > 0 {
		return fmt.Errorf("%d messages are missing between its first and its last", state.NumDeleted), nil
	}
	if r.health.unanswered {
		return r.doubt(ctx, state.LastSeq)
	}
	return nil, nil
}

// doubt tells a stream that stores nothing any more from one that cannot be reached or is slow. A server that met an error
// while it wrote, a full disk for one, answers no publication to that stream until it is started again; but it still
// refuses a message that has no place there. A stream takes messages one after the other: if the event that comes next is
// sent before such a message, and only the refusal comes back, then the event was looked at and not stored.
func (r *relay) doubt(ctx context.Context, last uint64) (damage, err error) {
	events, err := r.events(ctx, last+1, 1)
	if err != nil || len(events) == 0 {
		return nil, err
	}
	var messages [2]*nats.Msg
	for i := range messages {
		if messages[i], err = r.message(events[0]); err != nil {
			return nil, err
		}
	}
	expect := jetstream.WithExpectStream(StreamName(r.store.Service()))
	answer, err := r.js.PublishMsgAsync(messages[0], expect, jetstream.WithExpectLastSequence(last), jetstream.WithRetryAttempts(0))
	if err != nil {
		return nil, err
	}
	_, err = r.js.PublishMsg(ctx, messages[1], expect, jetstream.WithExpectLastSequence(nowhere), jetstream.WithRetryAttempts(0))
	if api, ok := errors.AsType[jetstream.JetStreamError](err); !ok || api.APIError() == nil || api.APIError().ErrorCode != codeWrongLastSequence {
		return nil, fmt.Errorf("ask whether the stream is at work: %w", err)
	}
	late := time.NewTimer(answersApart)
	defer late.Stop()
	select {
	case <-answer.Ok():
		r.health.unanswered = false
		return nil, errLookAgain
	case err := <-answer.Err():
		r.health.unanswered = false
		return nil, err
	case <-late.C:
		return fmt.Errorf("it does not store event %d, though it answers", last+1), nil
	}
}

// damaged deletes a stream whose damage has shown several times, so that the next comparison makes it anew and the journal
// fills it: the same numbers, since an event's number is its place. INV-FEED-REBUILD: that it was made for this journal was
// checked when it was found (fits); the last message that can be read must be the journal's own, which by the chain of
// hashes speaks for those before it. Faults stop the relay.
func (r *relay) damaged(ctx context.Context, stream jetstream.Stream, damage error) error {
	r.health.damaged++
	if r.health.damaged < damageTries {
		return fmt.Errorf("the stream is damaged: %w", damage)
	}
	if wait := r.health.pause - time.Since(r.health.rebuilt); wait > 0 {
		return fmt.Errorf("the stream is damaged and will be filled anew in %s: %w", wait.Round(time.Second), damage)
	}
	info := stream.CachedInfo()
	last, err := lastReadable(ctx, stream, info.State)
	if err != nil {
		return err
	}
	readable := uint64(0)
	if last != nil {
		if err := r.own(ctx, last); err != nil {
			return err
		}
		readable = last.Sequence
	}
	now, err := r.js.Stream(ctx, info.Config.Name)
	if err != nil {
		return err
	}
	if !now.CachedInfo().Created.Equal(info.Created) {
		return errLookAgain // another relay was faster
	}
	r.logger.Error("the stream is damaged; it is deleted and filled anew from the journal", "why", damage,
		"ends", info.State.LastSeq, "readable", readable)
	return r.rebuild(ctx, info.Config.Name)
}

func (r *relay) rebuild(ctx context.Context, name string) error {
	if time.Since(r.health.rebuilt) > 2*longRebuildPause {
		r.health.pause = 0
	}
	r.health = health{rebuilt: time.Now(), pause: min(max(2*r.health.pause, firstRebuildPause), longRebuildPause)}
	if err := r.js.DeleteStream(ctx, name); err != nil {
		return fmt.Errorf("delete the damaged stream: %w", err)
	}
	r.state.rebuilds.Add(1)
	r.goOn(1)
	return errLookAgain
}

// lastReadable finds the last message of a stream that the server can read; nil: none.
func lastReadable(ctx context.Context, stream jetstream.Stream, state jetstream.StreamState) (*jetstream.RawStreamMsg, error) {
	var found *jetstream.RawStreamMsg
	for low, high := max(state.FirstSeq, 1), state.LastSeq; low <= high; {
		middle := low + (high-low)/2
		m, err := stream.GetMsg(ctx, middle, jetstream.WithGetMsgSubject(">")) // the first that can be read from there on
		switch {
		case err == nil:
			found, low = m, m.Sequence+1
		case errors.Is(err, jetstream.ErrMsgNotFound):
			high = middle - 1
		default:
			return nil, fmt.Errorf("look for the last message that can be read: %w", err)
		}
	}
	return found, nil
}

package feed

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	feedpb "coso/proto/gen/coso/feed/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

// watch is what is known of one follower and of the copy it keeps.
type watch struct {
	follower Follower
	// further is told when the follower has come further.
	further chan struct{}

	mu sync.Mutex
	// alarm is why the follower stopped; nil while it works.
	alarm error
	// doubt is why the source is not the one whose events the follower took; nil as far as known.
	doubt error
	// judged is closed when doubt begins or ends.
	judged chan struct{}
	// head is the furthest that the source has answered in its incarnation; nil before the first answer.
	head *feedpb.FeedHead
	// complete is the last moment at which the source had nothing that the copy does not hold; before there was one, the
	// moment the watch began. Zero: nobody asks the source. held is what the source said that it had then; nil before it was heard.
	complete time.Time
	held     *feedpb.FeedHead
	// ahead is an answer of the source, given at aheadAt, that the copy has not reached yet; nil: none. It stays until it is
	// reached, however far the source goes on, or a copy under steady writes would never be found complete.
	ahead   *feedpb.FeedHead
	aheadAt time.Time
}

func newWatch(fl Follower) *watch {
	return &watch{follower: fl, further: make(chan struct{}, 1), judged: make(chan struct{})}
}

func (w *watch) begin(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complete = now
}

// note takes a source's answer to a question asked at a moment, nil if it gave none, and where the follower stands now. An answer
// that is behind an earlier one comes from a replica that is cut off: it does not say what the copy lacks.
func (w *watch) note(asked time.Time, head *feedpb.FeedHead, c *journalpb.Cursor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ahead != nil && holds(c, w.ahead) {
		w.complete, w.held, w.ahead = w.aheadAt, w.ahead, nil
	}
	if head == nil || head.GetIncarnation() == w.head.GetIncarnation() && head.GetSequence() < w.head.GetSequence() {
		return
	}
	w.head = head
	switch {
	case holds(c, head):
		w.complete, w.held, w.ahead = asked, head, nil
	case w.ahead == nil || w.ahead.GetIncarnation() != head.GetIncarnation():
		w.ahead, w.aheadAt = head, asked
	}
}

// heard is when the copy was complete last, as far as its source was heard; false: it was not.
func (w *watch) heard() (complete, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return complete{w.held.GetIncarnation(), w.held.GetSequence(), w.complete}, w.held != nil
}

// holds says whether a copy at a cursor holds everything up to a head.
func holds(c *journalpb.Cursor, head *feedpb.FeedHead) bool {
	if known := c.GetIncarnation(); len(known) > 0 {
		id, err := uuid.Parse(head.GetIncarnation())
		if err != nil || !bytes.Equal(id[:], known) {
			return false
		}
	}
	return c.GetSequence() >= head.GetSequence()
}

// age is for how long the copy may have been older than its source; known is false if nobody asks the source.
func (w *watch) age(now time.Time) (age time.Duration, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.complete.IsZero() {
		return 0, false
	}
	return max(now.Sub(w.complete), 0), true
}

// answered is the furthest that the source has answered; nil before the first answer.
func (w *watch) answered() *feedpb.FeedHead {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.head
}

// judge notes whether the source is doubted. It reports whether that is news.
func (w *watch) judge(doubt error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	news := (doubt == nil) != (w.doubt == nil)
	w.doubt = doubt
	if news {
		close(w.judged)
		w.judged = make(chan struct{})
	}
	return news
}

// trust says whether the source is doubted, and when to ask again.
func (w *watch) trust() (trusted bool, judged <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.doubt == nil, w.judged
}

// untilTrusted waits while the source is doubted; false when ctx ends.
func (w *watch) untilTrusted(ctx context.Context) bool {
	for ctx.Err() == nil {
		trusted, judged := w.trust()
		if trusted {
			return true
		}
		select {
		case <-judged:
		case <-ctx.Done():
		}
	}
	return false
}

// whileTrusted answers a context that also ends when the source is doubted. done must be called.
func (w *watch) whileTrusted(ctx context.Context) (trusted context.Context, done func()) {
	ctx, cancel := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		defer cancel()
		for {
			ok, judged := w.trust()
			if !ok {
				return
			}
			select {
			case <-judged:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, func() {
		cancel()
		<-watched
	}
}

// stopped notes why the follower stopped. It reports whether that is news.
func (w *watch) stopped(err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	news := w.alarm == nil || w.alarm.Error() != err.Error()
	w.alarm = err
	return news
}

// rest forgets why the follower stopped: it does not run.
func (w *watch) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alarm = nil
}

// alarmed is why the follower stopped; nil while it works.
func (w *watch) alarmed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.doubt != nil {
		return w.doubt
	}
	return w.alarm
}

// past ends the alarm of a follower that has come to a number, if that is past what stopped it. It reports whether there
// was one.
func (w *watch) past(number uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at, ok := errors.AsType[*stopError](w.alarm); w.alarm == nil || ok && number < at.number {
		return false
	}
	w.alarm = nil
	return true
}

// stop is the event at which the follower stopped; nil while it works, or if it stopped for another reason.
func (w *watch) stop() *stopError {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, ok := errors.AsType[*stopError](w.alarm)
	if !ok {
		return nil
	}
	return at
}

// goOn ends the alarm of a follower that stopped at an event; another alarm stays.
func (w *watch) goOn(number uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at, ok := errors.AsType[*stopError](w.alarm); ok && at.number == number {
		w.alarm = nil
	}
}

// seconds is a duration in whole seconds: `312s`.
func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) + "s" }

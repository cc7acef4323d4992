package feed

import (
	"bytes"
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

	mu sync.Mutex
	// alarm is why the follower stopped; nil while it works.
	alarm error
	// head is the source's last answer; nil before the first.
	head *feedpb.FeedHead
	// complete is the last moment at which the source had nothing that the copy does not hold; before there was one, the
	// moment the watch began. Zero: nobody asks the source.
	complete time.Time
	// ahead is an answer of the source, given at aheadAt, that the copy has not reached yet; nil: none. It stays until it is
	// reached, however far the source goes on, or a copy under steady writes would never be found complete.
	ahead   *feedpb.FeedHead
	aheadAt time.Time
}

func (w *watch) begin(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complete = now
}

// note takes a source's answer to a question asked at a moment, nil if it gave none, and where the follower stands now.
func (w *watch) note(asked time.Time, head *feedpb.FeedHead, c *journalpb.Cursor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ahead != nil && holds(c, w.ahead) {
		w.complete, w.ahead = w.aheadAt, nil
	}
	if head == nil {
		return
	}
	w.head = head
	switch {
	case holds(c, head):
		w.complete, w.ahead = asked, nil
	case w.ahead == nil || w.ahead.GetIncarnation() != head.GetIncarnation():
		w.ahead, w.aheadAt = head, asked
	}
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

// answered is the source's last answer; nil before the first.
func (w *watch) answered() *feedpb.FeedHead {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.head
}

func (w *watch) stopped(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alarm = err
}

// alarmed is why the follower stopped; nil while it works.
func (w *watch) alarmed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.alarm
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

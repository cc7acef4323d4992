package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	faultpb "coso/proto/gen/coso/fault/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	"coso/services/platform/fault"
	"coso/services/platform/wait"
)

// relay keeps the relay going. One that stopped looks again every few seconds: what stopped it may be mended, a stream put
// back for one. Its alarm stays until it publishes again.
func (f *Feed) relay(ctx context.Context, js jetstream.JetStream) {
	for {
		err := relayTo(ctx, f.o.Store, js, f.o.Logger, &f.relayState)
		if err == nil || ctx.Err() != nil {
			return
		}
		why := err.Error()
		if before := f.relayState.alarm.Swap(&why); before == nil || *before != why {
			f.o.Logger.Error("the relay stopped with an alarm; an operator must look", "error", err, "looks_again", f.o.LookAgain)
		}
		if wait.For(ctx, f.o.LookAgain) != nil {
			return
		}
	}
}

// follow keeps a follower going. One that stopped looks again every few seconds, and at once when the event at which it
// stopped is skipped; its alarm stays until it is past what stopped it. It rests while its source is not the one whose
// events it took (INV-FEED-SAME-PAST).
func (f *Feed) follow(ctx context.Context, js jetstream.JetStream, w *watch) {
	for asked := false; w.untilTrusted(ctx); {
		trusted, done := w.whileTrusted(ctx)
		err := followTo(trusted, f.o.Store, js, w.follower, f.o.Logger, func(c *journalpb.Cursor) { f.moved(w, c) })
		done()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			continue
		}
		if asked = !asked && fault.ReasonOf(err) == faultpb.Reason_REASON_INCARNATION_FOREIGN; asked {
			f.untilMoved(ctx, w)
			continue
		}
		if w.stopped(err) {
			f.o.Logger.Error("a follower stopped with an alarm; an operator must look", "source", w.follower.Source, "error", err, "looks_again", f.o.LookAgain)
		}
		f.untilSkipped(ctx, w)
	}
}

// moved ends the alarm of a follower that is past what stopped it. Where grants are followed, the source hears soon how far it is.
func (f *Feed) moved(w *watch, c *journalpb.Cursor) {
	if w.follower.followsGrants() {
		w.askSoon()
	}
	if w.past(c.GetSequence()) {
		f.o.Logger.Info("the follower goes on after its alarm", "source", c.GetSource(), "number", c.GetSequence())
	}
}

// untilSkipped waits until it is time to look again, or the event at which a follower stopped is skipped, or ctx ends.
func (f *Feed) untilSkipped(ctx context.Context, w *watch) {
	again := time.NewTimer(f.o.LookAgain)
	defer again.Stop()
	at := w.stop()
	for {
		changed := f.o.Store.Changed()
		if at != nil && f.skipped(ctx, at) {
			w.goOn(at.number)
			f.o.Logger.Info("the follower goes on behind a skipped event", "source", at.source, "number", at.number)
			return
		}
		select {
		case <-changed:
		case <-again.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// skipped reports whether an operator lets a follower pass over the event at which it stopped.
func (f *Feed) skipped(ctx context.Context, at *stopError) bool {
	skips, err := f.o.Store.Skips(ctx, at.source, at.number-1)
	if err != nil && ctx.Err() == nil {
		f.o.Logger.Warn("the skipped events cannot be read; they are read again at the next entry", "error", err)
	}
	for _, k := range skips {
		if k.GetSequence() == at.number {
			return true
		}
	}
	return false
}

// ask keeps asking a source where its events stand, telling it where the follower does.
func (f *Feed) ask(ctx context.Context, w *watch, source feedpb.FeedServiceClient) {
	tick := time.NewTicker(f.o.AskEvery)
	defer tick.Stop()
	away := false
	for {
		err := f.askOnce(ctx, w, source)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !away {
			f.o.Logger.Warn("a followed service does not say where its events stand; its copy ages", "source", w.follower.Source, "error", err)
		}
		if err == nil && away {
			f.o.Logger.Info("a followed service says again where its events stand", "source", w.follower.Source)
		}
		away = err != nil
		select {
		case <-tick.C:
		case <-w.further:
			if wait.For(ctx, gathering) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// gathering is how long a follower that has come further waits for more before it lets its source know.
const gathering = 50 * time.Millisecond

// askOnce asks a source where its events stand and whether it still holds the one that the follower took last. The error
// says that the source or the store does not answer.
func (f *Feed) askOnce(ctx context.Context, w *watch, source feedpb.FeedServiceClient) error {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	before, err := f.o.Store.Cursor(ctx, w.follower.Source)
	if err != nil {
		return err
	}
	asked := f.o.Now()
	req := &feedpb.GetFeedHeadRequest{Sequence: before.GetSequence(), EntryHash: before.GetHash()}
	if id, err := uuid.FromBytes(before.GetIncarnation()); err == nil {
		req.Incarnation = id.String()
	}
	head, failed := source.GetFeedHead(ctx, req)
	if failed == nil && goesOn(before, head) {
		if before, err = f.move(ctx, w, before, head); err != nil || head.GetIncarnation() != uuid.UUID(before.GetIncarnation()).String() {
			return err // the follower took more meanwhile; it is asked about that the next time
		}
	}
	if failed != nil {
		head = nil
	} else {
		doubt := samePast(before, head)
		if w.judge(doubt) {
			f.tell(w, doubt)
		}
		if doubt != nil {
			head = nil // it does not say what the copy lacks
		}
	}
	after, err := f.o.Store.Cursor(ctx, w.follower.Source)
	if err != nil {
		return err
	}
	w.note(asked, head, after)
	if c, ok := w.heard(); ok {
		f.ages.keep(w.follower.Source, c, f.o.Now())
	}
	return failed
}

// tell logs that a source is doubted, or no longer.
func (f *Feed) tell(w *watch, doubt error) {
	if doubt != nil {
		f.o.Logger.Error("a follower stopped with an alarm: its source is not the one whose events it took; an operator must look",
			"source", w.follower.Source, "error", doubt)
		return
	}
	f.o.Logger.Info("the source is again the one whose events the follower took", "source", w.follower.Source)
}

// samePast says that a source holds, as the follower took it, the last event that the follower took: the hash of its entry
// speaks for everything before it. INV-FEED-SAME-PAST. The cursor was read before the source was asked, so a source that
// ends before it has gone back.
func samePast(c *journalpb.Cursor, head *feedpb.FeedHead) error {
	switch {
	case c.GetSequence() == 0 || len(c.GetIncarnation()) == 0:
		return nil
	case head.GetIncarnation() != uuid.UUID(c.GetIncarnation()).String():
		return foreignIncarnation(c, head.GetIncarnation())
	case head.GetSequence() < c.GetSequence():
		return wentBack(c, fmt.Errorf("its journal ends with event %d", head.GetSequence()))
	case len(c.GetHash()) > 0 && len(head.GetEntryHash()) > 0 && !bytes.Equal(c.GetHash(), head.GetEntryHash()):
		return wentBack(c, errOtherPast)
	}
	return nil
}

var errOtherPast = errors.New("it holds another event in its place")

// wentBack is the alarm that a source does not hold the events that were taken from it, though it is of the same
// incarnation: an older state of it was put back and went another way.
func wentBack(c *journalpb.Cursor, why error) error {
	return fault.DataLoss(faultpb.Reason_REASON_SOURCE_WENT_BACK, "", "name", c.GetSource(), "value", fmt.Sprint(c.GetSequence())).
		With(fmt.Errorf("follow %s: event %d, the last that took effect here, is not the source's any more: %w", c.GetSource(), c.GetSequence(), why))
}

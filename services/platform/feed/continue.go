package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	feedpb "coso/proto/gen/coso/feed/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	"coso/services/platform/access"
	"coso/services/platform/store"
)

// continues says whether the journal continues the incarnation of a question, and held its event already then. events is that
// event in this journal.
func (f *Feed) continues(ctx context.Context, req *feedpb.GetFeedHeadRequest, events []store.Event) (bool, error) {
	id, err := uuid.Parse(req.GetIncarnation())
	if err != nil || id == f.o.Store.Incarnation() || len(events) != 1 {
		return false, nil //nolint:nilerr // the question names none
	}
	end, err := f.o.Store.End(ctx)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(end.Ancestors, func(a store.Ancestor) bool {
		return a.Incarnation == id && events[0].Position <= a.Position
	}), nil
}

// goesOn says whether a source goes on, in another incarnation, from the event that the follower took last: the hash of its entry
// speaks for everything before it, INV-FEED-CONTINUES. A cursor without a hash is one behind an event that could not be read.
func goesOn(c *journalpb.Cursor, head *feedpb.FeedHead) bool {
	return c.GetSequence() > 0 && head.GetContinues() && len(head.GetEntryHash()) > 0 &&
		(len(c.GetHash()) == 0 || bytes.Equal(c.GetHash(), head.GetEntryHash()))
}

// move lets the cursor of a follower go on in the incarnation of a head, if it still is where it was when the source was asked.
// It answers the cursor as it is now.
func (f *Feed) move(ctx context.Context, w *watch, before *journalpb.Cursor, head *feedpb.FeedHead) (*journalpb.Cursor, error) {
	to, err := uuid.Parse(head.GetIncarnation())
	if err != nil {
		return nil, fmt.Errorf("follow %s: its incarnation is no UUID: %w", w.follower.Source, err)
	}
	ctx = access.WithMethod(access.With(ctx, access.Service(f.o.Store.Service())), "follow/"+w.follower.Source)
	now, err := store.Update(ctx, f.o.Store, nil, func(tx *store.Tx) (*journalpb.Cursor, error) {
		now, err := store.CursorIn(tx, w.follower.Source)
		if err != nil || !proto.Equal(now, before) {
			return now, err
		}
		next := proto.CloneOf(now)
		next.Incarnation = to[:]
		return next, store.SetCursor(tx, next)
	})
	if err == nil && bytes.Equal(now.GetIncarnation(), to[:]) {
		w.past(now.GetSequence())
		f.o.Logger.InfoContext(ctx, "the source goes on in another incarnation, and the follower with it", "source", w.follower.Source,
			"number", now.GetSequence(), "incarnation", to)
	}
	return now, err
}

// untilMoved has the source of a follower asked that met another incarnation, and waits until the cursor has moved there, the
// source is doubted, or it is time to look again: whether it may go on there the source knows, and the stream does not say.
func (f *Feed) untilMoved(ctx context.Context, w *watch) {
	again := time.NewTimer(f.o.LookAgain)
	defer again.Stop()
	_, judged := w.trust()
	before, err := f.o.Store.Cursor(ctx, w.follower.Source)
	w.askSoon()
	for err == nil {
		changed := f.o.Store.Changed()
		var now *journalpb.Cursor
		if now, err = f.o.Store.Cursor(ctx, w.follower.Source); err != nil || !bytes.Equal(now.GetIncarnation(), before.GetIncarnation()) {
			return
		}
		select {
		case <-changed:
		case <-judged:
			return
		case <-again.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// askSoon has the source asked soon.
func (w *watch) askSoon() {
	select {
	case w.further <- struct{}{}:
	default:
	}
}

// outgrown deletes a stream that was made for an incarnation that the journal continues, so that it is made anew and filled
// from the journal: events have the numbers they had, and say in which incarnation they are now. INV-FEED-CONTINUES: the stream's
// last message must be the journal's own, from then. why, which refused the stream, is the answer for any other.
func (r *relay) outgrown(ctx context.Context, why error) error {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	name := StreamName(r.store.Service())
	stream, err := r.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) { // another stream is in the way
		return why
	}
	if err != nil {
		return err
	}
	info := stream.CachedInfo()
	of, err := r.ancestor(ctx, info.Config)
	if err != nil {
		return err
	}
	if of == nil {
		return why
	}
	if err := r.fromThen(ctx, stream, *of); err != nil {
		return err
	}
	now, err := r.js.Stream(ctx, name)
	if err != nil {
		return err
	}
	if !now.CachedInfo().Created.Equal(info.Created) {
		return errLookAgain // another relay was faster
	}
	r.logger.WarnContext(ctx, "the journal goes on in another incarnation; the stream is deleted and filled anew from it", "was", of.Incarnation,
		"is", r.store.Incarnation(), "ends", info.State.LastSeq)
	if err := r.js.DeleteStream(ctx, name); err != nil {
		return fmt.Errorf("delete the stream of the incarnation before: %w", err)
	}
	r.goOn(1)
	return errLookAgain
}

// ancestor is the incarnation for which a stream was made, if the journal continues it; nil: it does not, or the stream is not as
// a relay makes it.
func (r *relay) ancestor(ctx context.Context, made jetstream.StreamConfig) (*store.Ancestor, error) {
	id, err := uuid.Parse(made.Metadata[metaIncarnation])
	if err != nil || fits(made, streamConfig(r.store.Service(), id)) != nil {
		return nil, nil //nolint:nilerr,nilnil // it is no relay's
	}
	end, err := r.store.End(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(end.Ancestors, func(a store.Ancestor) bool { return a.Incarnation == id })
	if i < 0 {
		return nil, nil //nolint:nilnil // it is another journal's
	}
	return &end.Ancestors[i], nil
}

// fromThen refuses a stream whose last message is not an event that the journal held in an earlier incarnation.
func (r *relay) fromThen(ctx context.Context, stream jetstream.Stream, of store.Ancestor) error {
	name := StreamName(r.store.Service())
	last, err := lastReadable(ctx, stream, stream.CachedInfo().State)
	if err != nil || last == nil {
		return err
	}
	events, err := r.events(ctx, last.Sequence, 1)
	if err != nil {
		return err
	}
	if len(events) == 0 || events[0].Position > of.Position {
		return foreign(name, fmt.Errorf("it goes on to message %d, which the journal did not hold when it left the incarnation %s", last.Sequence, of.Incarnation))
	}
	e := events[0]
	e.Incarnation = of.Incarnation
	if err := sameEvent(last.Header, e); err != nil {
		return foreign(name, err)
	}
	return nil
}

package feed

import (
	"context"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	faultpb "coso/proto/gen/coso/fault/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// behindLimit is how long a replica that is behind another one waits until it has what somebody took from that.
const behindLimit = 2 * time.Second

// GetFeedHead answers where the service's events stand, and remembers how far one that follows it has come.
func (f *Feed) GetFeedHead(ctx context.Context, req *feedpb.GetFeedHeadRequest) (*feedpb.FeedHead, error) {
	if err := f.o.Store.AwaitEvents(ctx, req.GetSequence(), behindLimit); err != nil {
		return nil, err
	}
	head := f.o.Store.Head()
	out := &feedpb.FeedHead{
		Service: f.o.Store.Service(), Incarnation: f.o.Store.Incarnation().String(), Position: head.GetPosition(),
		Sequence: head.GetEvents(), EventPosition: head.GetEventPosition(), AnswerTime: timestamppb.New(f.o.Now()),
	}
	events, err := f.o.Store.Events(ctx, req.GetSequence(), 1)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		out.EntryHash = e.Hash[:]
	}
	f.hear(ctx, req, events)
	out.Continues, err = f.continues(ctx, req, events)
	return out, err
}

// GetFeedStatus answers how relay and followers do.
func (f *Feed) GetFeedStatus(ctx context.Context, _ *feedpb.GetFeedStatusRequest) (*feedpb.FeedStatus, error) {
	out := &feedpb.FeedStatus{Service: f.o.Store.Service(), Relay: &feedpb.RelayStatus{
		JournalSequence: f.o.Store.Head().GetEvents(), PublishedSequence: f.relayState.published.Load(),
		Rebuilds: f.relayState.rebuilds.Load(), Resting: !f.working.Load(),
	}}
	if why := f.relayState.alarm.Load(); why != nil {
		out.Relay.Alarm = *why
	}
	for _, w := range f.watches {
		one, err := f.statusOf(ctx, w)
		if err != nil {
			return nil, err
		}
		out.Followers = append(out.Followers, one)
	}
	return out, nil
}

func (f *Feed) statusOf(ctx context.Context, w *watch) (*feedpb.FollowerStatus, error) {
	c, err := f.o.Store.Cursor(ctx, w.follower.Source)
	if err != nil {
		return nil, err
	}
	out := &feedpb.FollowerStatus{Source: w.follower.Source, Sequence: c.GetSequence(), HeadSequence: c.GetSequence()}
	if head := w.answered(); head != nil {
		out.HeadSequence = max(out.GetHeadSequence(), head.GetSequence())
		if age, known := w.age(f.o.Now()); known {
			out.Age = durationpb.New(age)
		}
	}
	if why := w.alarmed(); why != nil {
		out.Alarm = why.Error()
	}
	if at := w.stop(); at != nil {
		out.StoppedAt = at.number
	}
	return out, nil
}

// SkipEvent lets a stopped follower pass over the event at which it stopped. NotFound for a source that is not followed;
// FailedPrecondition EVENT_NOT_STOPPED for another event, or one that is missing from the stream; FailedPrecondition
// EVENT_NOT_SKIPPABLE for an event of a unit or grant, or whose type cannot be read.
func (f *Feed) SkipEvent(ctx context.Context, req *feedpb.SkipEventRequest) (*feedpb.FeedStatus, error) {
	var w *watch
	for _, one := range f.watches {
		if one.follower.Source == req.GetSource() {
			w = one
		}
	}
	if w == nil {
		return nil, fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "source", "name", req.GetSource())
	}
	_, err := store.Update(ctx, f.o.Store, req, func(tx *store.Tx) (*journalpb.Skip, error) {
		at, err := w.skippable(tx, req.GetSequence())
		if err != nil {
			return nil, err
		}
		k := &journalpb.Skip{
			Name:   req.GetSource() + "/" + strconv.FormatUint(req.GetSequence(), 10),
			Source: req.GetSource(), Sequence: req.GetSequence(), Type: at.typ, Reason: req.GetReason(),
		}
		return k, store.SetSkip(tx, k)
	})
	if err != nil {
		return nil, err
	}
	w.goOn(req.GetSequence())
	return f.GetFeedStatus(ctx, &feedpb.GetFeedStatusRequest{})
}

// skippable answers where the follower stopped, if it is at that event and the event may be passed over.
func (w *watch) skippable(tx *store.Tx, number uint64) (*stopError, error) {
	source, value := w.follower.Source, strconv.FormatUint(number, 10)
	c, err := store.CursorIn(tx, source)
	if err != nil {
		return nil, err
	}
	at := w.stop()
	// At a gap, the event behind it is where the follower stopped, and passing over that one would not help.
	if at == nil || at.number != number || c.GetSequence()+1 != number {
		return nil, fault.FailedPrecondition(faultpb.Reason_REASON_EVENT_NOT_STOPPED, "sequence", "name", source, "value", value)
	}
	switch nounOf(at.typ) {
	case "", "unit", "grant":
		return nil, fault.FailedPrecondition(faultpb.Reason_REASON_EVENT_NOT_SKIPPABLE, "sequence", "name", source, "value", value)
	}
	return at, nil
}

// nounOf is what a type of event is about: `target` for coso.planning.v1.TargetExceeded; empty if that cannot be told.
func nounOf(typ string) string {
	parts := strings.Split(typ, ".")
	if len(parts) != 4 || parts[0] != "coso" {
		return ""
	}
	noun, _, ok := strings.Cut(kebab(parts[3]), "-")
	if !ok {
		return ""
	}
	return noun
}

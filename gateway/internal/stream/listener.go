package stream

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/status"

	faultpb "coso/proto/gen/coso/fault/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	"coso/services/platform/fault"
	"coso/services/platform/wait"

	"coso/gateway/internal/exchange"
)

// again is after how long a service that went away is asked again.
const again = time.Second

// heard is one message of a service, or why it will not say more.
type heard struct {
	service string
	message *feedpb.WatchEventsResponse
	err     error
}

// listener hears several services and hands on what they say, one message after the other.
type listener struct {
	q *question
	// began takes one word per service: where its stream begins, or why it does not. words takes all that follows.
	began, words chan heard
	loops        sync.WaitGroup
	// at are the places up to which messages have been handed on. It belongs to the goroutine that serves the client.
	at map[string]place
}

// listen asks every service at once.
func listen(ctx context.Context, q *question) *listener {
	l := &listener{q: q, began: make(chan heard, len(q.sources)), words: make(chan heard, buffer), at: map[string]place{}}
	maps.Copy(l.at, q.after)
	for _, s := range q.sources {
		p, known := q.after[s.Name]
		l.loops.Go(func() { l.follow(ctx, s, p, known) })
	}
	return l
}

// wait returns when nobody listens any more, which is soon after the context has ended.
func (l *listener) wait() { l.loops.Wait() }

// begin waits until every service has said where its events stand. One that is away may join later, if the client has said where
// to go on; if not, nobody could say what it would have missed: Unavailable.
func (l *listener) begin(ctx context.Context) error {
	limit := time.NewTimer(beginLimit)
	defer limit.Stop()
	silent := map[string]bool{}
	for _, s := range l.q.sources {
		silent[s.Name] = true
	}
	for len(silent) > 0 {
		select {
		case h := <-l.began:
			delete(silent, h.service)
			if _, known := l.at[h.service]; h.err != nil && (!known || final(h.err)) {
				return refusal(h.err)
			}
			if h.err == nil {
				l.note(h)
			}
		case <-limit.C:
			for service := range silent {
				if _, known := l.at[service]; !known {
					return fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
				}
			}
			return nil
		case <-ctx.Done():
			return fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "").With(ctx.Err())
		}
	}
	return nil
}

// note takes down how far the client is with a message.
func (l *listener) note(h heard) {
	l.at[h.service] = place{h.message.GetSequence(), h.message.GetIncarnation()}
}

// follow hears one service until the context ends or it says something final. A stream that ends is asked for anew where it was.
func (l *listener) follow(ctx context.Context, s Source, p place, known bool) {
	first := true
	for ctx.Err() == nil {
		err := l.hear(ctx, s, &p, &known, &first)
		if ctx.Err() != nil {
			return
		}
		if first {
			first = false
			l.began <- heard{service: s.Name, err: err} // has room for every service's first word
			if !known {
				return
			}
		}
		if final(err) {
			l.say(ctx, heard{service: s.Name, err: err})
			return
		}
		if wait.For(ctx, again) != nil {
			return
		}
	}
}

// hear is one stream of a service, from p on, which moves with what was handed on.
func (l *listener) hear(ctx context.Context, s Source, p *place, known, first *bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req := &feedpb.WatchEventsRequest{Types: l.typesOf(s), Unit: l.q.unit}
	if *known {
		req.AfterSequence, req.Incarnation = new(p.sequence), p.incarnation
	}
	in, err := feedpb.NewEventServiceClient(s.Conn).WatchEvents(ctx, req)
	if err != nil {
		return fault.FromStatus(status.Convert(err))
	}
	for {
		m, err := in.Recv()
		if err != nil {
			return fault.FromStatus(status.Convert(err))
		}
		*p, *known = place{m.GetSequence(), m.GetIncarnation()}, true
		h := heard{service: s.Name, message: m}
		if *first {
			*first = false
			l.began <- h
			continue
		}
		if !l.say(ctx, h) {
			return ctx.Err()
		}
	}
}

// say hands a word on, and waits while the client is slow; false: nobody listens any more.
func (l *listener) say(ctx context.Context, h heard) bool {
	select {
	case l.words <- h:
		return true
	case <-ctx.Done():
		return false
	}
}

// typesOf are the wanted types that the service has.
func (l *listener) typesOf(s Source) []string {
	var out []string
	for _, t := range l.q.types {
		if len(t) > len("coso.")+len(s.Name) && t[len("coso."):len("coso.")+len(s.Name)+1] == s.Name+"." {
			out = append(out, t)
		}
	}
	return out
}

// final reports whether asking again cannot help: the question is wrong, or its place is in a journal that is gone.
func final(err error) bool {
	return slices.Contains([]fault.Kind{
		fault.KindInvalidArgument, fault.KindFailedPrecondition, fault.KindPermissionDenied, fault.KindUnauthenticated,
		fault.KindUnimplemented, fault.KindDataLoss, fault.KindInternal,
	}, fault.KindOf(err))
}

// refusal is a service's refusal as HTTP has it: a journal that is gone is 410, so that a browser does not come back with its id.
func refusal(err error) error {
	if fault.From(err).Reason == faultpb.Reason_REASON_INCARNATION_FOREIGN {
		return exchange.WithCode(http.StatusGone, err)
	}
	return err
}

package feed

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	feedpb "coso/proto/gen/coso/feed/v1"
	"coso/services/platform/access"
	"coso/services/platform/mtls"
	"coso/services/platform/store"
)

// Taker is how far a service that follows this one says it has come, as of an event that it should have taken. It says so with
// every question where the events stand, proved to be who it is.
type Taker struct {
	// Service is its name.
	Service string
	// Sequence is the number of the last event that it says it has taken.
	Sequence uint64
	// Heard is when it said so last; zero: it has said nothing since this service started.
	Heard time.Time
	// Confirmed is the first moment, as far as it is remembered, at which it had taken the event; zero: it has not, as far as known.
	Confirmed time.Time
	// Astray: what it has taken is not what this journal holds, so its numbers say nothing.
	Astray bool
	// Away: it has not been heard, or for longer than a copy may be old. That it confirmed before is no promise then.
	Away bool
}

// moves is how many moments are remembered at which a taker had come further.
const moves = 64

// takers are those who follow the service, as they were heard.
type takers struct {
	names []string

	mu      sync.Mutex
	heard   map[string]*heard
	changed chan struct{}
}

// heard is what a taker has said.
type heard struct {
	sequence uint64
	astray   bool
	at       time.Time
	// came are the moments at which it had come further, the oldest first.
	came []arrival
}

type arrival struct {
	sequence uint64
	at       time.Time
}

func newTakers(service string) *takers {
	t := &takers{heard: map[string]*heard{}, changed: make(chan struct{})}
	for _, name := range mtls.Names() {
		if slices.Contains(mtls.Hears(name), service) {
			t.names = append(t.names, takerOf(name))
		}
	}
	slices.Sort(t.names)
	return t
}

// takerOf is the service that a process is: that of the accounts lives in the gateway's.
func takerOf(process string) string {
	if process == mtls.Gateway {
		return "identity"
	}
	return process
}

// note remembers what a taker said of its last event; astray: this journal does not hold that event as it took it.
func (t *takers) note(service string, sequence uint64, astray bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.names, service) {
		return
	}
	h := t.heard[service]
	if h == nil || astray || sequence < h.sequence { // what it had come to before is nothing to go by
		h = &heard{}
		t.heard[service] = h
	}
	if !astray && (sequence > h.sequence || len(h.came) == 0) {
		h.came = append(h.came, arrival{sequence, now})
		h.came = h.came[max(0, len(h.came)-moves):]
	}
	h.sequence, h.astray, h.at = sequence, astray, now
	close(t.changed)
	t.changed = make(chan struct{})
}

// as says how the takers stand as of an event, and when to look again; all: every one has confirmed.
func (t *takers) as(wanted uint64, now time.Time, limit time.Duration) (out []Taker, all bool, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all = true
	for _, name := range t.names {
		one := Taker{Service: name, Away: true}
		if h := t.heard[name]; h != nil {
			one.Sequence, one.Heard, one.Astray, one.Away = h.sequence, h.at, h.astray, now.Sub(h.at) > limit
			for _, came := range h.came {
				if came.sequence >= wanted && !h.astray {
					one.Confirmed = came.at
					break
				}
			}
		}
		all = all && !one.Away && !one.Confirmed.IsZero()
		out = append(out, one)
	}
	return out, all, t.changed
}

// Takers answers how far those who follow the service have come, as of one of its events, in order of their names: when all have
// confirmed that they have taken it, or after wait, or when ctx ends.
func (f *Feed) Takers(ctx context.Context, wanted uint64, wait time.Duration) []Taker {
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		out, all, changed := f.takers.as(wanted, f.o.Now(), f.o.MaxAge)
		if all || wait <= 0 {
			return out
		}
		select {
		case <-changed:
		case <-over.C:
			wait = 0
		case <-ctx.Done():
			wait = 0
		}
	}
}

// hear remembers how far whoever asks has come, if it is one that follows the service; events is that event in this journal.
func (f *Feed) hear(ctx context.Context, req *feedpb.GetFeedHeadRequest, events []store.Event) {
	who, _ := access.From(ctx)
	name, ok := strings.CutPrefix(who.Name, "services/")
	if !ok {
		return
	}
	sequence, astray := req.GetSequence(), false
	if sequence > 0 {
		switch {
		case req.GetIncarnation() != f.o.Store.Incarnation().String(), len(events) != 1:
			astray = true
		case len(req.GetEntryHash()) == 0: // it cannot prove what it took
			sequence = 0
		default:
			astray = !bytes.Equal(req.GetEntryHash(), events[0].Hash[:])
		}
	}
	f.takers.note(takerOf(name), sequence, astray, f.o.Now())
}

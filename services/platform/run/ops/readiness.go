package ops

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	feedpb "coso/proto/gen/coso/feed/v1"
	"coso/services/platform/civil"
	"coso/services/platform/rpc"
)

const (
	// patience is how long a relay may publish nothing, though it has something to publish, before the process is not ready.
	patience = 30 * time.Second
	// askLimit bounds one question: less than a supervisor waits.
	askLimit = 2 * time.Second
)

// Peer is a service that is asked.
type Peer struct {
	Name string
	Conn grpc.ClientConnInterface
	// Sound says why the service takes no commands, where that is known in the process; nil: it is not.
	Sound func() error
	// Signed says why the service's journal could not be signed, where that is known in the process; nil: it is not.
	Signed func() error
	// Recorded says why it cannot be recorded who reads personal data, where that is known in the process; nil: it is not.
	Recorded func() error
}

// Readiness answers whether a process does all it is for. It is safe for concurrent use.
type Readiness struct {
	// Whole are asked whether they serve, and whether their relays, followers and copies are as they should be.
	Whole []Peer
	// Reached need only answer: what they say of themselves is their own readiness.
	Reached []Peer
	// Bus says why change events cannot travel; nil: nobody knows here.
	Bus func() error
	// Keys says whose keys cannot be had, so that their tokens are not accepted; nil: none have to be.
	Keys func() error
	// Also says what else is wrong with the process; nil: nothing can be.
	Also func() error
	// Note is what an operator must do soon, empty for nothing; a process that is ready says it beside. nil: there is nothing.
	Note func() string

	mu   sync.Mutex
	last map[string]published
}

// published is how far a relay had come when it was first seen there.
type published struct {
	sequence uint64
	since    time.Time
}

// Ready asks all at once, for two seconds at most, and joins what is missing or stale; nil: nothing is.
func (r *Readiness) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	wrong := make([]error, 1+len(r.Whole)+len(r.Reached), 3+len(r.Whole)+len(r.Reached))
	var all sync.WaitGroup
	if r.Bus != nil {
		wrong[0] = r.Bus()
	}
	for i, p := range r.Whole {
		all.Go(func() { wrong[1+i] = r.whole(ctx, p) })
	}
	for i, p := range r.Reached {
		all.Go(func() { wrong[1+len(r.Whole)+i] = reached(ctx, p) })
	}
	all.Wait()
	for _, more := range []func() error{r.Keys, r.Also} {
		if more != nil {
			wrong = append(wrong, more())
		}
	}
	return errors.Join(wrong...)
}

// note is what an operator must do soon, as a line.
func (r *Readiness) note() string {
	if r.Note == nil || r.Note() == "" {
		return ""
	}
	return "warning: " + r.Note() + "\n"
}

func reached(ctx context.Context, p Peer) error {
	_, err := healthpb.NewHealthClient(p.Conn).Check(ctx, &healthpb.HealthCheckRequest{})
	return errors.Join(unanswered(p, err), records(p))
}

func unanswered(p Peer, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s does not answer: %s", p.Name, status.Convert(err).Message())
}

// whole asks a service whether it serves, and how its relay, its followers and their copies do: a service whose copies
// stand still answers, but what it answers is of yesterday.
func (r *Readiness) whole(ctx context.Context, p Peer) error {
	answer, err := healthpb.NewHealthClient(p.Conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		return unanswered(p, err)
	}
	if answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		if p.Sound != nil && p.Sound() != nil {
			return fmt.Errorf("%s takes no commands: %w", p.Name, p.Sound())
		}
		return fmt.Errorf("%s is %s", p.Name, answer.GetStatus())
	}
	var header metadata.MD
	feed, err := feedpb.NewFeedServiceClient(p.Conn).GetFeedStatus(ctx, &feedpb.GetFeedStatusRequest{}, grpc.Header(&header))
	if err != nil {
		return unanswered(p, err)
	}
	return errors.Join(r.relays(p, feed.GetRelay()), follows(p, feed, header.Get(rpc.CopyAgeHeader)), signs(p), records(p))
}

func signs(p Peer) error {
	if p.Signed == nil || p.Signed() == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", p.Name, p.Signed())
}

func records(p Peer) error {
	if p.Recorded == nil || p.Recorded() == nil {
		return nil
	}
	return fmt.Errorf("%s shows no personal data, since it cannot record who reads it: %w", p.Name, p.Recorded())
}

func (r *Readiness) relays(p Peer, relay *feedpb.RelayStatus) error {
	if why := relay.GetAlarm(); why != "" {
		return fmt.Errorf("%s: its relay stopped: %s", p.Name, why)
	}
	if since, stuck := r.stuck(p.Name, relay); stuck {
		return fmt.Errorf("%s: its relay has published nothing since %s, though there are events to publish", p.Name, civil.Moment(since))
	}
	return nil
}

// stuck says whether a relay stands still with work to do, and since when it was seen so.
func (r *Readiness) stuck(service string, relay *feedpb.RelayStatus) (since time.Time, stuck bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = map[string]published{}
	}
	at, known := r.last[service]
	if !known || relay.GetResting() || at.sequence != relay.GetPublishedSequence() || relay.GetPublishedSequence() == relay.GetJournalSequence() {
		r.last[service] = published{relay.GetPublishedSequence(), time.Now()}
		return time.Time{}, false
	}
	return at.since, time.Since(at.since) > patience
}

func follows(p Peer, feed *feedpb.FeedStatus, old []string) error {
	var wrong []error
	for _, f := range feed.GetFollowers() {
		if why := f.GetAlarm(); why != "" {
			wrong = append(wrong, fmt.Errorf("%s: its follower of %s stopped: %s", p.Name, f.GetSource(), why))
		}
	}
	if len(old) > 0 {
		wrong = append(wrong, fmt.Errorf("%s: its copies are too old: %s", p.Name, strings.Join(old, ",")))
	}
	return errors.Join(wrong...)
}

// Package run is the shell of a service: it opens the store, puts the gRPC server before it and runs relay and
// followers; it starts several parts in order and ends them in bounded time.
//
// It guarantees: a part starts when the parts before it are ready; the first part that fails, or the end of the
// context, stops all in reverse order within StopLimit; whatever happens All returns. It leaves to others what a
// service does: its schema, its methods, its followers.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Part is something that runs: a service, a server, a listener.
type Part struct {
	// Name is for the log.
	Name string
	// Run works until ctx ends and answers nil then; anything else ends all parts. It calls ready once when the
	// parts after it may start.
	Run func(ctx context.Context, ready func()) error
}

const (
	// StopLimit is how long all parts together may take to stop; what has not stopped by then is left behind.
	StopLimit = 10 * time.Second
	// drainLimit is how long a part lets what is under way finish before it cuts it.
	drainLimit = 4 * time.Second
	// signLimit is how long a service may take to sign its journal when it stops.
	signLimit = time.Second
	// lastMoment is how long the parts that are left have to end when StopLimit has passed.
	lastMoment = time.Second
)

// All starts parts in order, each when the one before is ready, and waits. When ctx ends or a part fails, the parts stop
// in reverse order. The answer joins what failed; nil after an orderly stop.
func All(ctx context.Context, logger *slog.Logger, parts ...Part) error {
	ended := make(chan string, len(parts))
	var active []*running
	var failed error
	for _, p := range parts {
		r := start(ctx, p, ended)
		active = append(active, r)
		select {
		case <-r.ready:
			logger.Info("started", "part", p.Name)
			continue
		case <-r.done:
			failed = fmt.Errorf("%s did not start: %w", p.Name, r.cause())
		case name := <-ended:
			failed = fmt.Errorf("%s ended while %s was starting", name, p.Name)
		case <-ctx.Done():
		}
		break
	}
	if failed == nil && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case name := <-ended:
			logger.Error("a part ended", "part", name)
		}
	}
	return errors.Join(failed, stopAll(logger, active))
}

// running is a part under way. Its context is its own: parts stop one after the other, not all at once.
type running struct {
	name   string
	cancel context.CancelFunc
	ready  chan struct{}
	done   chan struct{}
	err    error
}

func start(ctx context.Context, p Part, ended chan<- string) *running {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{name: p.Name, cancel: cancel, ready: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		first := true
		r.err = p.Run(own, func() {
			if first {
				first = false
				close(r.ready)
			}
		})
		ended <- p.Name
	}()
	return r
}

// cause is why a part ended; valid after done.
func (r *running) cause() error {
	if r.err == nil {
		return errors.New("it ended by itself")
	}
	return r.err
}

// stopAll stops the parts one after the other. When the time is over, all that are left stop at once and have a moment
// more.
func stopAll(logger *slog.Logger, active []*running) error {
	over, cancel := context.WithTimeout(context.Background(), StopLimit)
	defer cancel()
	defer context.AfterFunc(over, func() {
		for _, r := range active {
			r.cancel()
		}
	})()
	end, cancel := context.WithTimeout(context.Background(), StopLimit+lastMoment)
	defer cancel()
	var failed error
	for _, r := range slices.Backward(active) {
		r.cancel()
		select {
		case <-r.done:
		case <-end.Done():
		}
		select {
		case <-r.done:
			if r.err != nil && !errors.Is(r.err, context.Canceled) {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", r.name, r.err))
			}
			logger.Info("stopped", "part", r.name)
		default:
			failed = errors.Join(failed, fmt.Errorf("%s did not stop within %s", r.name, StopLimit+lastMoment))
		}
	}
	return failed
}

package feed

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	firstPause = 25 * time.Millisecond
	longPause  = 2 * time.Second
	// quiet is how long an outage may last before it is told: start order and reconnects are nobody's concern.
	quiet = time.Second
)

// patience spaces attempts out and tells an outage once.
type patience struct {
	logger *slog.Logger
	pause  time.Duration
	since  time.Time
	told   bool
}

// failed waits before the next attempt, longer each time, with jitter; it returns at once when ctx ends.
func (p *patience) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // what ends is no outage
	}
	now := time.Now()
	if p.pause == 0 {
		p.pause, p.since = firstPause, now
	}
	if !p.told && now.Sub(p.since) >= quiet {
		p.told = true
		p.logger.Warn("feed interrupted, trying on", "since", p.since, "error", plain(err))
	}
	wait := time.NewTimer(p.pause/2 + rand.N(p.pause/2)) //nolint:gosec // spreading attempts needs no secrecy
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	p.pause = min(2*p.pause, longPause)
}

// errAway is why nothing is sent while there is no connection.
var errAway = errors.New("NATS is away; it is tried again until it answers")

// plain is an error as whoever reads the log understands it: without a connection, and without a buffer for messages that wait
// for one, the library speaks of its buffer.
func plain(err error) error {
	for _, disconnected := range []error{nats.ErrReconnectBufExceeded, nats.ErrDisconnected, nats.ErrNoServers} {
		if errors.Is(err, disconnected) {
			return errAway
		}
	}
	return err
}

// fine ends an outage.
func (p *patience) fine() {
	if p.told {
		p.logger.Info("feed goes on", "after", time.Since(p.since).Round(time.Millisecond))
	}
	p.pause, p.told = 0, false
}

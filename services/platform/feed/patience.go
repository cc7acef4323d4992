package feed

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
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
		p.logger.Warn("feed interrupted, trying on", "since", p.since, "error", err)
	}
	wait := time.NewTimer(p.pause/2 + rand.N(p.pause/2)) //nolint:gosec // spreading attempts needs no secrecy
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	p.pause = min(2*p.pause, longPause)
}

// fine ends an outage.
func (p *patience) fine() {
	if p.told {
		p.logger.Info("feed goes on", "after", time.Since(p.since).Round(time.Millisecond))
	}
	p.pause, p.told = 0, false
}

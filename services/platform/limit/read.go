package limit

import (
	"context"
	"time"

	"coso/services/platform/wait"
)

// rowsPerCost is how many rows are read for what a look-up costs.
const rowsPerCost = 20

// CostOfRows is what it costs to read so many rows, and how many of them are too few to cost anything.
func CostOfRows(rows int) (cost, rest int) { return rows / rowsPerCost, rows % rowsPerCost }

// Charge takes from a caller what a call has cost beyond what it entered with: its next call waits (INV-LIMIT-READ).
func (l *Limiter) Charge(who Who, cost int) {
	if cost <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of(who).owe(l.now(), cost)
}

// Pace takes from a caller what a stream has read, and returns when it is paid, or with the context's error. All streams of
// a caller share one store, which is not that of its calls.
func (l *Limiter) Pace(ctx context.Context, who Who, cost int) error {
	if cost <= 0 {
		return nil
	}
	if until := l.reserve(who, cost); until > 0 {
		return wait.For(ctx, until)
	}
	return nil
}

func (l *Limiter) reserve(who Who, cost int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, now := l.of(who), l.now()
	if a.reads == nil {
		a.reads = l.store(who)
	}
	return a.reads.ReserveN(now, min(cost, a.reads.Burst())).DelayFrom(now)
}

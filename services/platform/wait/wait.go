// Package wait is how work that goes on in the background rests: for a time, or until it is to end.
package wait

import (
	"context"
	"time"
)

// For waits; nil: the time is over. Else ctx has ended before, and the error is its.
func For(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

//go:build system

package e2e

import (
	"math/rand/v2"
	"testing"
	"time"
)

// The same for minutes instead of seconds.
func TestKilledAtRandomForLong(t *testing.T) {
	for range 1 {
		killedAtRandom(t, time.Minute, rand.Uint64())
	}
}

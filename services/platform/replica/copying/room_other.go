//go:build !linux && !darwin && !freebsd

package copying

import "math"

// freeIn does not know where the system is not asked: the disk says when it is full.
func freeIn(string) (uint64, error) { return math.MaxUint64, nil }

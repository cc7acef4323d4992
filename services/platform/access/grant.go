package access

import (
	"time"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// InForce reports whether a grant holds at a moment: from its start to before its end.
func InForce(g *registrypb.Grant, now time.Time) bool {
	return !now.Before(g.GetStartTime().AsTime()) && !Ended(g, now)
}

// Ended reports whether a grant holds no more at a moment, nor at any later one.
func Ended(g *registrypb.Grant, now time.Time) bool {
	return g.GetEndTime() != nil && !now.Before(g.GetEndTime().AsTime())
}

package access

import (
	"time"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// InForce reports whether a grant holds at a moment: from its start to before its end.
func InForce(g *registrypb.Grant, now time.Time) bool {
	return !now.Before(g.GetStartTime().AsTime()) && (g.GetEndTime() == nil || now.Before(g.GetEndTime().AsTime()))
}

// Package unit says which tree counts, and until when a unit does, as registry announced it. It has no rules of its own; registry
// keeps the trees whole.
package unit

import (
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
)

// PartyTree is the tree in which targets are judged, and the one meant when a request names none.
const PartyTree = "party"

// LastDay is the given day, or the last day of a unit that is closed by then. An error means a stored unit without
// proper dates.
func LastDay(u *registrypb.Unit, day civil.Date) (civil.Date, error) {
	if u.GetClosedOn() == "" {
		return day, nil
	}
	closed, err := civil.Parse(u.GetClosedOn())
	if err != nil || day.Before(closed) {
		return day, err
	}
	return closed.AddDays(-1), nil
}

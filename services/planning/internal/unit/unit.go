// Package unit reads the life and the place of a unit as registry announced them: whether it exists on a day, and what
// it hangs under. It has no rules of its own; registry keeps the trees whole.
package unit

import (
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
)

// PartyTree is the tree in which targets are judged, and the one meant when a request names none.
const PartyTree = "party"

// InForce says whether a unit exists on a day: from its first day to the one before it is closed.
func InForce(u *registrypb.Unit, day civil.Date) bool {
	on := day.String() // dates compare as their strings do
	return u.GetValidFrom() <= on && (u.GetClosedOn() == "" || on < u.GetClosedOn())
}

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

// Parent is the unit above in a tree on a day: that of the placement which began last. "" is the top of the tree; ok is
// false where the unit has no place in the tree on that day.
func Parent(u *registrypb.Unit, tree string, day civil.Date) (parent string, ok bool) {
	on, began := day.String(), ""
	for _, p := range u.GetPlacements() {
		if p.GetTree() == tree && p.GetFromDate() <= on && p.GetFromDate() > began {
			parent, began, ok = p.GetParent(), p.GetFromDate(), true
		}
	}
	return parent, ok
}

// Package dated reads what the registry's dated records say of a day: what exists on it, and what a unit hangs under. Days are texts
// that were checked when they came in: they compare as the days do (INV-DATE-ORDER). An end of "" is never. It keeps no rule: that
// placements lie within their unit's life, one a day and tree, is the registry's to keep.
package dated

import registrypb "coso/proto/gen/coso/registry/v1"

// Holds reports whether what begins on one day and ends on another, that day excluded, holds on a third.
func Holds(from, end, day string) bool { return from <= day && !Ended(end, day) }

// Ended reports whether what ends on a day, that day excluded, holds no more on another.
func Ended(end, day string) bool { return end != "" && end <= day }

// InForce reports whether a unit exists on a day: from its first day to the one before it is closed.
func InForce(u *registrypb.Unit, day string) bool {
	return Holds(u.GetValidFrom(), u.GetClosedOn(), day)
}

// Placed is the placement of a unit in a tree that began last by a day, of a closed unit that of its last day: so a unit that is
// closed by then hangs where it was. Nil: none had begun.
func Placed(u *registrypb.Unit, tree, day string) (last *registrypb.Placement) {
	for _, p := range u.GetPlacements() {
		if p.GetTree() == tree && p.GetFromDate() <= day && !Ended(u.GetClosedOn(), p.GetFromDate()) && p.GetFromDate() > last.GetFromDate() {
			last = p
		}
	}
	return last
}

// PlacedOrComing are the placements of a unit in all trees, one each: the one that began last by a day, or, where none has begun, the
// first that will, so that somebody is above a unit before its first day already. Whether the unit is closed is not looked at.
func PlacedOrComing(u *registrypb.Unit, day string) []*registrypb.Placement {
	var out []*registrypb.Placement
next:
	for _, p := range u.GetPlacements() {
		for i, cur := range out {
			if cur.GetTree() == p.GetTree() {
				if nearer(p.GetFromDate(), cur.GetFromDate(), day) {
					out[i] = p
				}
				continue next
			}
		}
		out = append(out, p)
	}
	return out
}

// nearer reports whether what begins on a day is to be taken before what begins on another: the later of those that have begun, the
// earlier of those that have not.
func nearer(from, other, day string) bool {
	begun := from <= day
	switch {
	case begun != (other <= day):
		return begun
	case begun:
		return from > other
	}
	return from < other
}

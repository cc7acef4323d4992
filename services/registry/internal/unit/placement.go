package unit

import (
	"cmp"
	"slices"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/dated"
	"coso/services/platform/fault"
)

// Days here are texts: checked when they came in, they compare as the days do (INV-DATE-ORDER). An end of "" is never.

func before(day, end string) bool { return !dated.Ended(end, day) }

// earlier is the earlier of two ends.
func earlier(a, b string) string {
	if before(a, b) && a != "" {
		return a
	}
	return b
}

func sortPlacements(u *registrypb.Unit) {
	slices.SortFunc(u.GetPlacements(), func(a, b *registrypb.Placement) int {
		return cmp.Or(cmp.Compare(a.GetTree(), b.GetTree()), cmp.Compare(a.GetFromDate(), b.GetFromDate()))
	})
}

// misplaced says whether p, a placement of u, begins before u or with another of its tree.
func misplaced(u *registrypb.Unit, p *registrypb.Placement) bool {
	return p.GetFromDate() < u.GetValidFrom() || slices.ContainsFunc(u.GetPlacements(), func(q *registrypb.Placement) bool {
		return q != p && q.GetTree() == p.GetTree() && q.GetFromDate() == p.GetFromDate()
	})
}

// until is the first day on which p, a placement of u, holds no more.
func until(u *registrypb.Unit, p *registrypb.Placement) string {
	return nextChange(u, p.GetTree(), p.GetFromDate())
}

// nextChange is the first day after day on which the place of u in the tree changes.
func nextChange(u *registrypb.Unit, tree, day string) string {
	end := ""
	if day < u.GetClosedOn() {
		end = u.GetClosedOn()
	}
	for _, p := range u.GetPlacements() {
		if p.GetTree() == tree && p.GetFromDate() > day {
			end = earlier(end, p.GetFromDate())
		}
	}
	return end
}

// placedAt is the placement of u that holds in the tree on a day; nil if there is none.
func placedAt(u *registrypb.Unit, tree, day string) *registrypb.Placement {
	if !dated.InForce(u, day) {
		return nil
	}
	return dated.Placed(u, tree, day)
}

// hangsBelowFrom says whether u is placed below parent on some day from day on, in any tree.
func hangsBelowFrom(u *registrypb.Unit, parent, day string) bool {
	return slices.ContainsFunc(u.GetPlacements(), func(p *registrypb.Placement) bool {
		return p.GetParent() == parent && before(day, until(u, p))
	})
}

// hang checks the new placement p of u: its parent exists as long as it holds, and it closes no circle. Placements of u
// other than p, and those of every other unit, are sound already. A refusal names field.
func hang(u *registrypb.Unit, p *registrypb.Placement, field string, lookup Lookup) error {
	if p.GetParent() == "" {
		return nil
	}
	day, err := circle(u, p, lookup)
	if err != nil {
		return err
	}
	if day != "" {
		return fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_CYCLE, field,
			"name", u.GetName(), "parent", p.GetParent(), "date", day)
	}
	parent, known, err := lookup(p.GetParent())
	if err != nil {
		return err
	}
	var missing string
	switch end := parent.GetClosedOn(); {
	case !known || !dated.InForce(parent, p.GetFromDate()):
		missing = p.GetFromDate()
	case end != "" && before(end, until(u, p)):
		missing = end
	default:
		return nil
	}
	return fault.FailedPrecondition(faultpb.Reason_REASON_PARENT_NOT_IN_FORCE, field, "name", p.GetParent(), "date", missing)
}

// circle is the first day on which p makes u its own ancestor; "" if it never does. It climbs the tree as it is on the
// first day of p, then again on every day on which something above changes, until p holds no more.
func circle(u *registrypb.Unit, p *registrypb.Placement, lookup Lookup) (string, error) {
	end := until(u, p)
	for day := p.GetFromDate(); day != "" && before(day, end); {
		change := ""
		seen := map[string]bool{u.GetName(): true}
		for name := p.GetParent(); name != ""; {
			if seen[name] {
				return day, nil
			}
			seen[name] = true
			above, _, err := lookup(name)
			if err != nil {
				return "", err
			}
			change = earlier(change, nextChange(above, p.GetTree(), day))
			name = placedAt(above, p.GetTree(), day).GetParent()
		}
		day = change
	}
	return "", nil
}

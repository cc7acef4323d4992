package records

import (
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/unit"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// Placed is a unit in a subtree.
type Placed struct {
	Unit *registrypb.Unit
	// Parent is the place in the subtree of the unit above it; of the first it means nothing.
	Parent int
	// Closed says that the unit is no more on the day: what it reached still counts, what it was to reach does not.
	Closed bool
}

// Subtree is a unit and all units below it in a tree on a day: the unit first, each other one after the one above it.
// A unit that is closed by then stays where it was on its last day: what it founded was founded under the unit above it,
// and closing the districts of a province must not take a year's results away. Units that do not exist yet are left out;
// the first is taken as it is.
func Subtree(r store.Reader, root *registrypb.Unit, tree string, day civil.Date) ([]Placed, error) {
	out := []Placed{{Unit: root}}
	seen := map[string]bool{root.GetName(): true} // registry allows no circles; a walk must end whatever it is told
	for i := 0; i < len(out); i++ {
		above := out[i].Unit.GetName()
		for u, err := range Units.By(r, UnitsByParent, store.Text(tree).Text(above)) {
			if err != nil {
				return nil, err
			}
			last, err := unit.LastDay(u, day)
			if err != nil {
				return nil, fault.Internal(err)
			}
			parent, ok := unit.Parent(u, tree, last)
			if !ok || parent != above || !unit.InForce(u, last) || seen[u.GetName()] {
				continue
			}
			seen[u.GetName()] = true
			out = append(out, Placed{Unit: u, Parent: i, Closed: last != day})
		}
	}
	return out, nil
}

// everAbove is a unit and all units that are, were or will be above it in a tree on any day, by name: whoever's subtree
// it may be in.
func everAbove(r store.Reader, name, tree string) ([]string, error) {
	out := []string{name}
	seen := map[string]bool{name: true}
	for i := 0; i < len(out); i++ {
		u, ok, err := Units.Find(r, out[i])
		if err != nil {
			return nil, err
		}
		if !ok {
			continue // announced later; its facts are kept until then
		}
		for _, p := range u.GetPlacements() {
			if p.GetTree() == tree && p.GetParent() != "" && !seen[p.GetParent()] {
				seen[p.GetParent()] = true
				out = append(out, p.GetParent())
			}
		}
	}
	return out, nil
}

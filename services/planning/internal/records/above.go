package records

import "coso/services/platform/store"

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

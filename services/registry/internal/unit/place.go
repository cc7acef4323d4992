package unit

import (
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
)

// Superiors are the units that u is placed right below in a tree, "" for all trees, on a day or later; "" among them is the
// top of a tree. The zero day is the beginning. Without a placement it is at the top.
func Superiors(u *registrypb.Unit, tree string, day civil.Date) []string {
	from := ""
	if !day.IsZero() {
		from = day.String()
	}
	var out []string
	for _, p := range u.GetPlacements() {
		next := nextChange(u, p.GetTree(), p.GetFromDate())
		if (tree == "" || p.GetTree() == tree) && (next == "" || next > from) {
			out = append(out, p.GetParent())
		}
	}
	if len(out) == 0 {
		out = append(out, "")
	}
	return out
}

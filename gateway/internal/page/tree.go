package page

import (
	"context"
	"slices"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/dated"
	"coso/services/platform/fault"
)

const (
	// partyTree is the tree that planning counts on.
	partyTree = "party"
	// pageSize is what a page asks of a list at once: the most there is.
	pageSize = 500
	// maxPages bounds the pages of one list, and maxDepth the way up to the top of the tree.
	maxPages = 20
	maxDepth = 64
)

// tree is the Party tree of one day, read as far as a page leads up and down it: no figure and no record rests on it. It
// belongs to one goroutine.
//
// INV-PAGE-SAME-RULE: a unit hangs where planning counts it: under the placement that began last by the day, a closed unit
// where it was on its last day; one that has not begun hangs nowhere.
type tree struct {
	*asker

	day   string
	known map[string]*registrypb.Unit
	below map[string][]*registrypb.Unit
}

func newTree(a *asker, day string) *tree {
	return &tree{asker: a, day: day, known: map[string]*registrypb.Unit{}, below: map[string][]*registrypb.Unit{}}
}

// unit is the unit of a name.
func (t *tree) unit(ctx context.Context, name string) (*registrypb.Unit, error) {
	if u, ok := t.known[name]; ok {
		return u, nil
	}
	u, err := call(ctx, t.asker, t.units.GetUnit, &registrypb.GetUnitRequest{Name: name})
	if err == nil {
		t.known[name] = u
	}
	return u, err
}

// children are the units directly below one, closed ones too, in order of their names.
func (t *tree) children(ctx context.Context, name string) ([]*registrypb.Unit, error) {
	if units, ok := t.below[name]; ok {
		return units, nil
	}
	units, err := t.list(ctx, &registrypb.ListUnitsRequest{Parent: name, AnyDay: true, PageSize: pageSize}, maxPages)
	if err != nil {
		return nil, err
	}
	units = slices.DeleteFunc(units, func(u *registrypb.Unit) bool {
		placed := dated.Placed(u, partyTree, t.day)
		return placed == nil || placed.GetParent() != name
	})
	sortByName(units)
	for _, u := range units {
		t.known[u.GetName()] = u
	}
	t.below[name] = units
	return units, nil
}

// list walks the pages of a list of units.
func (t *tree) list(ctx context.Context, req *registrypb.ListUnitsRequest, pages int) ([]*registrypb.Unit, error) {
	var out []*registrypb.Unit
	for range pages {
		page, err := call(ctx, t.asker, t.units.ListUnits, req)
		if err != nil {
			return nil, err
		}
		out = append(out, page.GetUnits()...)
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	return out, nil
}

// path is the way from the top of the tree to a unit, the unit itself last; it begins below what the reader may not see.
func (t *tree) path(ctx context.Context, name string) ([]*registrypb.Unit, error) {
	var out []*registrypb.Unit
	for name != "" && len(out) < maxDepth {
		u, err := t.unit(ctx, name)
		if len(out) > 0 && fault.KindOf(err) == fault.KindPermissionDenied {
			break
		}
		if err != nil {
			return nil, err
		}
		out = append(out, u)
		name = dated.Placed(u, partyTree, t.day).GetParent()
	}
	slices.Reverse(out)
	return out, nil
}

// top is a unit at the top of the tree, nil if there are no units. Of several, it is the first by name among the units that
// one call answers; where none of those is a top, it is what stands above one of them.
func (t *tree) top(ctx context.Context) (*registrypb.Unit, error) {
	units, err := t.list(ctx, &registrypb.ListUnitsRequest{AnyDay: true, PageSize: pageSize}, 1)
	if err != nil {
		return nil, err
	}
	units = slices.DeleteFunc(units, func(u *registrypb.Unit) bool { return !dated.InForce(u, t.day) })
	sortByName(units)
	var placed *registrypb.Unit
	for _, u := range units {
		at := dated.Placed(u, partyTree, t.day)
		if at != nil && at.GetParent() == "" {
			return u, nil
		}
		if at != nil && placed == nil {
			placed = u
		}
	}
	if placed != nil {
		way, err := t.path(ctx, placed.GetName())
		if err != nil {
			return nil, err
		}
		return way[0], nil
	}
	if len(units) > 0 {
		return units[0], nil
	}
	return nil, nil //nolint:nilnil // no unit is an answer, not an error
}

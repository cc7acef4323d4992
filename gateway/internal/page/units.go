package page

import (
	"context"
	"slices"
	"strconv"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/platform/text"
)

// unitsShown is how many units a page of the list holds.
const unitsShown = 50

// unitList is what the page of units shows.
type unitList struct {
	Query string
	Units []listedUnit
	// Next is the address of the next page; empty on the last. Left: there are units that no page of the list holds, beside All.
	Next string
	Left bool
	All  int
}

type listedUnit struct {
	*registrypb.Unit

	Address string
}

// listUnits builds the page on which a unit is looked for: all of them, closed ones too, in the order of their names. Pages are
// numbered by the first of their units.
func (s *Site) listUnits(ctx context.Context, a *asker, q *question) (view string, data any, err error) {
	first, err := q.number(tokenKey)
	if err != nil {
		return "", nil, err
	}
	req := &registrypb.ListUnitsRequest{Query: q.given[queryKey], PageSize: pageSize, AnyDay: true}
	units, err := newTree(a, today()).list(ctx, req, maxPages)
	if err != nil {
		return "", nil, err
	}
	sortByName(units)
	out := &unitList{Query: q.given[queryKey], Left: req.GetPageToken() != "", All: len(units)}
	last := min(len(units), first+unitsShown)
	for _, u := range units[min(first, last):last] {
		out.Units = append(out.Units, listedUnit{u, q.link(overviewPath, unitKey, id(u.GetName()))})
	}
	if last < len(units) {
		out.Next = q.link(unitsPath, queryKey, out.Query, tokenKey, strconv.Itoa(last))
	}
	return "units", out, nil
}

// sortByName puts units in the order in which people read their names.
func sortByName(units []*registrypb.Unit) {
	slices.SortStableFunc(units, func(a, b *registrypb.Unit) int { return text.Compare(a.GetDisplayName(), b.GetDisplayName()) })
}

// number is a parameter that counts; 0 if it is not given. InvalidArgument for what is no number.
func (q *question) number(key string) (int, error) {
	if q.given[key] == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(q.given[key], 10, 31)
	if err != nil {
		return 0, fault.InvalidArgument(faultpb.Reason_REASON_PAGE_TOKEN_INVALID, key, "value", q.given[key])
	}
	return int(n), nil
}

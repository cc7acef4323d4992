package page

import (
	"context"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// unitsShown is how many units a page of the list holds.
const unitsShown = 50

// unitList is what the page of units shows.
type unitList struct {
	Query string
	Units []listedUnit
	// Next is the address of the next page; empty on the last.
	Next string
}

type listedUnit struct {
	*registrypb.Unit

	Address string
}

// listUnits builds the page on which a unit is looked for: all of them, closed ones too.
func (s *Site) listUnits(ctx context.Context, a *asker, q *question) (view string, data any, err error) {
	page, err := call(ctx, a, a.units.ListUnits, &registrypb.ListUnitsRequest{
		Query: q.given[queryKey], PageToken: q.given[tokenKey], PageSize: unitsShown, AnyDay: true,
	})
	out := &unitList{Query: q.given[queryKey]}
	for _, u := range page.GetUnits() {
		out.Units = append(out.Units, listedUnit{u, q.link(overviewPath, unitKey, id(u.GetName()))})
	}
	if token := page.GetNextPageToken(); token != "" {
		out.Next = q.link(unitsPath, queryKey, out.Query, tokenKey, token)
	}
	return "units", out, err
}

package page

import (
	"context"

	awardpb "coso/proto/gen/coso/award/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
)

// nominationView is a nomination as a table shows it.
type nominationView struct {
	*awardpb.Nomination

	UnitName string
	// Evidence is the figure at the crossing; Since is the day on which the nomination was opened.
	Evidence figureView
	Since    string
	// Withdrawn says that the target is not exceeded any more; Instead is what is true then.
	Withdrawn bool
	Instead   *planningpb.Figure
}

// nominations is what the page of all nominations of a unit shows.
type nominations struct {
	*Place

	Nominations []nominationView
	Left        int
	Back        string
}

// allNominations builds the page of the nominations of a unit and those directly below it.
func (s *Site) allNominations(ctx context.Context, a *asker, q *question) (view string, data any, err error) {
	at, err := locate(ctx, a, q)
	if err != nil {
		return "", nil, err
	}
	if at.Unit == nil || at.Period == nil {
		return "empty", at, nil
	}
	children, err := at.tree.children(ctx, at.Unit.GetName())
	if err != nil {
		return "", nil, err
	}
	left := max(0, len(children)-maxChildren)
	list, err := a.nominationsOf(ctx, at.Period, append([]*registrypb.Unit{at.Unit}, children[:len(children)-left]...))
	return "nominations", &nominations{Place: at, Nominations: list, Left: left, Back: q.link(overviewPath)}, err
}

// nominationsOf are the nominations of units in a period, in the order of the units.
func (a *asker) nominationsOf(ctx context.Context, p *planningpb.Period, units []*registrypb.Unit) ([]nominationView, error) {
	found := make([][]*awardpb.Nomination, len(units))
	err := each(ctx, len(units), func(ctx context.Context, i int) error {
		page, err := call(ctx, a, a.nominations.ListNominations, &awardpb.ListNominationsRequest{
			Unit: units[i].GetName(), Period: p.GetName(), PageSize: pageSize,
		})
		found[i] = page.GetNominations()
		return err
	})
	var out []nominationView
	for i, list := range found {
		for _, n := range list {
			out = append(out, nominationView{
				Nomination: n, UnitName: units[i].GetDisplayName(), Since: civil.Today(n.GetCreateTime().AsTime()).String(),
				Evidence:  figureView{Figure: n.GetEvidence().GetFigure()},
				Withdrawn: n.GetState() == awardpb.NominationState_NOMINATION_STATE_EXCESS_WITHDRAWN,
				Instead:   n.GetWithdrawal().GetFigure(),
			})
		}
	}
	return out, err
}

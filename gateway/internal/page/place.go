package page

import (
	"context"
	"slices"
	"strings"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
)

// Place is what the pages about a unit have in common: which unit, in which period, as of which day.
type Place struct {
	Unit     *registrypb.Unit
	Period   *planningpb.Period
	Periods  []*planningpb.Period
	Progress *planningpb.Progress
	// Above is the way down to the unit.
	Above []link
	// AsOf is the day that was asked for; empty: today.
	AsOf string

	tree *tree
}

// locate finds out where a page is: the unit and period asked for, else a top of the tree and the present period. Unit or
// Period is nil if there are none yet; Progress is set if both are there. The error is a tooEarlyError for a day before the period.
func locate(ctx context.Context, a *asker, q *question) (*Place, error) {
	at := &Place{AsOf: q.given[asOfKey]}
	var err error
	if at.Periods, err = a.allPeriods(ctx); err != nil {
		return nil, err
	}
	if at.Period, err = a.period(ctx, q.name(periodKey, "periods"), at.Periods); err != nil {
		return nil, err
	}
	at.tree = newTree(a, lastDay(at.Period, at.AsOf))
	if name := q.name(unitKey, "units"); name != "" {
		at.Unit, err = at.tree.unit(ctx, name)
	} else {
		at.Unit, err = at.tree.top(ctx)
	}
	if err != nil || at.Unit == nil || at.Period == nil {
		return at, err
	}
	at.Progress, err = call(ctx, a, a.progress.GetProgress, &planningpb.GetProgressRequest{
		Unit: at.Unit.GetName(), Period: at.Period.GetName(), AsOf: at.AsOf,
	})
	if fault.ReasonOf(err) == faultpb.Reason_REASON_PERIOD_NOT_BEGUN {
		return nil, &tooEarlyError{Place: at, err: err}
	}
	if err != nil {
		return nil, err
	}
	if day := at.Progress.GetCountedTo(); day != at.tree.day { // planning's word counts, not this machine's calendar
		at.tree = newTree(a, day)
	}
	way, err := at.tree.path(ctx, at.Unit.GetName())
	if err != nil {
		return nil, err
	}
	for _, u := range way[:len(way)-1] {
		at.Above = append(at.Above, link{Text: u.GetDisplayName(), Address: q.link(overviewPath, unitKey, id(u.GetName()))})
	}
	return at, nil
}

// Shown is the day that the form shows: the one asked for, else the last that is counted.
func (p *Place) Shown() string {
	if p.AsOf != "" {
		return p.AsOf
	}
	return p.Progress.GetCountedTo()
}

// Closes reports whether the period's cut-off and not the day asked for ends the count.
func (p *Place) Closes() bool { return p.Progress.GetCountedTo() == p.Period.GetCutOffDate() }

// lastDay is the last day counted in a period, as of a day; today if none is given.
func lastDay(p *planningpb.Period, asOf string) string {
	day := asOf
	if day == "" {
		day = today()
	}
	if p != nil && p.GetCutOffDate() < day {
		day = p.GetCutOffDate()
	}
	return day
}

// allPeriods are the periods, the latest first.
func (a *asker) allPeriods(ctx context.Context) ([]*planningpb.Period, error) {
	page, err := call(ctx, a, a.periods.ListPeriods, &planningpb.ListPeriodsRequest{PageSize: pageSize})
	periods := page.GetPeriods()
	slices.SortStableFunc(periods, func(a, b *planningpb.Period) int { return strings.Compare(b.GetStartDate(), a.GetStartDate()) })
	return periods, err
}

// period is the one of a name; without a name the present one: the last that has begun, else the first to come.
func (a *asker) period(ctx context.Context, name string, all []*planningpb.Period) (*planningpb.Period, error) {
	if name != "" {
		return call(ctx, a, a.periods.GetPeriod, &planningpb.GetPeriodRequest{Name: name})
	}
	if len(all) == 0 {
		return nil, nil //nolint:nilnil // no period is an answer, not an error
	}
	now := today()
	for _, p := range all {
		if p.GetStartDate() <= now {
			return p, nil
		}
	}
	return all[len(all)-1], nil
}

package page

import (
	"cmp"
	"context"
	"slices"
	"time"

	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
	"coso/services/platform/dated"
	"coso/services/platform/text"
)

// maxChildren bounds how many of a unit's children a page asks about.
const maxChildren = 500

// The orders of the units below.
const (
	byPercent     = "percent"
	byPercentDown = "-percent"
	byName        = "name"
)

// overview is what the first page shows of a unit.
type overview struct {
	*Place

	Indicators []indicatorView
	// Below are the indicators of which units are below plan.
	Below []indicatorView
	// Planned: a unit further down has a plan. Itself is how many of the unit's own targets it has not reached.
	Planned bool
	Itself  int
	// Chosen is the indicator by which the units below are shown; nil if there is none.
	Chosen   *indicatorView
	Tabs     []link
	Sort     string
	ByName   string
	ByRate   string
	Children []unitView
	// Left is how many children are not shown; Closed are those that are no more.
	Left   int
	Closed []*registrypb.Unit

	Nominations []nominationView
	// More is the address of all nominations, with their number.
	More      string
	MoreCount int
}

// link is an address with its text.
type link struct {
	Text, Address string
	Current       bool
}

// indicatorView is one line of a progress.
type indicatorView struct {
	*planningpb.IndicatorProgress

	ID     string
	Figure figureView
	// Proposed is what is proposed for the unit and waits for somebody else to approve it; nil: nothing.
	Proposed *planningpb.TargetProposal
	Below    []unitView
}

// unitView is a unit with one figure.
type unitView struct {
	Name, Address string
	Figure        figureView
}

// overview builds the first page.
func (s *Site) overview(ctx context.Context, a *asker, q *question) (view string, data any, err error) {
	at, err := locate(ctx, a, q)
	if err != nil {
		return "", nil, err
	}
	if at.Unit == nil || at.Period == nil {
		return "empty", at, nil
	}
	o := &overview{Place: at}
	o.lines(q)
	if err := o.propose(ctx, a); err != nil {
		return "", nil, err
	}
	children, err := at.tree.children(ctx, at.Unit.GetName())
	if err != nil {
		return "", nil, err
	}
	for _, u := range children {
		if dated.Ended(u.GetClosedOn(), at.tree.day) {
			o.Closed = append(o.Closed, u)
		}
	}
	children = slices.DeleteFunc(slices.Clone(children), func(u *registrypb.Unit) bool { return dated.Ended(u.GetClosedOn(), at.tree.day) })
	o.Left = max(0, len(children)-maxChildren)
	children = children[:len(children)-o.Left]
	progress, err := a.progressOf(ctx, q, at.Period, children)
	if err != nil {
		return "", nil, err
	}
	o.choose(q)
	o.compare(q, progress)
	o.Nominations, err = a.nominationsOf(ctx, at.Period, append([]*registrypb.Unit{at.Unit}, children...))
	o.MoreCount, o.More = len(o.Nominations), q.link(nominationsPath, unitKey, id(at.Unit.GetName()))
	const shown = 10
	o.Nominations = o.Nominations[:min(shown, len(o.Nominations))]
	return "overview", o, err
}

// lines shows every indicator, those with a plan first, and the units below plan of each.
func (o *overview) lines(q *question) {
	all := slices.Clone(o.Progress.GetIndicators())
	slices.SortStableFunc(all, func(a, b *planningpb.IndicatorProgress) int { return cmp.Compare(unplanned(a), unplanned(b)) })
	var figures []*planningpb.Figure
	for _, i := range all {
		figures = append(figures, i.GetFigure())
	}
	wide := scaleOf(figures...)
	for _, i := range all {
		v := indicatorView{IndicatorProgress: i, ID: id(i.GetIndicator())}
		v.Figure = wide.view(i.GetFigure(), factsOf(q, o.Progress.GetUnit(), v.ID, i.GetFigure()))
		for _, u := range i.GetBelowPlan() {
			v.Below = append(v.Below, unitView{
				Name: u.GetDisplayName(), Address: q.link(overviewPath, unitKey, id(u.GetUnit())),
				Figure: scale(scaleMin).view(u.GetFigure(), factsOf(q, u.GetUnit(), v.ID, u.GetFigure())),
			})
		}
		o.Indicators = append(o.Indicators, v)
		if len(v.Below) > 0 {
			o.Below = append(o.Below, v)
		}
		o.Planned = o.Planned || i.GetPlannedUnitCount() > 0
		if i.GetFigure().GetStanding() == planningpb.Standing_STANDING_MISSED {
			o.Itself++
		}
	}
}

// propose shows beside the unit's plan what is proposed for it. A unit has at most one target for each indicator.
func (o *overview) propose(ctx context.Context, a *asker) error {
	var token string
	for {
		page, err := call(ctx, a, a.targets.ListTargets, &planningpb.ListTargetsRequest{
			Unit: o.Unit.GetName(), Period: o.Period.GetName(), Undecided: true, PageToken: token,
		})
		if err != nil {
			return err
		}
		for _, t := range page.GetTargets() {
			for i := range o.Indicators {
				if o.Indicators[i].GetIndicator() == t.GetIndicator() {
					o.Indicators[i].Proposed = t.GetProposal()
				}
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			return nil
		}
	}
}

// unplanned is 1 for an indicator that nobody here has a plan for.
func unplanned(i *planningpb.IndicatorProgress) int {
	if i.GetFigure().AssignedValue == nil && i.GetPlannedUnitCount() == 0 {
		return 1
	}
	return 0
}

// factsOf is the address of what was counted for a figure; empty where nothing was.
func factsOf(q *question, unit, indicator string, f *planningpb.Figure) string {
	if f.GetActualValue() == 0 {
		return ""
	}
	return q.link(factsPath, unitKey, id(unit), indicatorKey, indicator)
}

// choose picks the indicator by which the units below are shown: the one asked for, else the first.
func (o *overview) choose(q *question) {
	for i := range o.Indicators {
		v := &o.Indicators[i]
		if o.Chosen == nil || v.ID == q.given[indicatorKey] {
			o.Chosen = v
		}
	}
	for _, v := range o.Indicators {
		o.Tabs = append(o.Tabs, link{
			Text: v.GetDisplayName(), Address: q.link(overviewPath, indicatorKey, v.ID) + "#units", Current: v.ID == o.Chosen.ID,
		})
	}
	o.Sort = q.given[sortKey]
	rate := byPercentDown
	switch o.Sort {
	case byName, byPercentDown:
		rate = byPercent
	default:
		o.Sort = byPercent
	}
	o.ByName, o.ByRate = q.link(overviewPath, sortKey, byName)+"#units", q.link(overviewPath, sortKey, rate)+"#units"
}

// compare shows the chosen indicator of every unit below, in the order asked for.
func (o *overview) compare(q *question, all []*planningpb.Progress) {
	if o.Chosen == nil {
		return
	}
	var figures []*planningpb.Figure
	for _, p := range all {
		figures = append(figures, figureIn(p, o.Chosen.GetIndicator()))
	}
	wide := scaleOf(figures...)
	for i, p := range all {
		o.Children = append(o.Children, unitView{
			Name: p.GetUnitDisplayName(), Address: q.link(overviewPath, unitKey, id(p.GetUnit())),
			Figure: wide.view(figures[i], factsOf(q, p.GetUnit(), o.Chosen.ID, figures[i])),
		})
	}
	slices.SortStableFunc(o.Children, func(a, b unitView) int {
		if o.Sort == byName {
			return text.Compare(a.Name, b.Name)
		}
		return cmp.Or(inOrder(a, b, o.Sort == byPercentDown), text.Compare(a.Name, b.Name))
	})
}

// inOrder compares by percentage; units without one come last either way.
func inOrder(a, b unitView, down bool) int {
	p, planned := percentage(a.Figure.Figure)
	other, otherPlanned := percentage(b.Figure.Figure)
	switch {
	case planned != otherPlanned && planned:
		return -1
	case planned != otherPlanned:
		return 1
	case down:
		return cmp.Compare(other, p)
	}
	return cmp.Compare(p, other)
}

// figureIn is one indicator's figure in a progress.
func figureIn(p *planningpb.Progress, indicator string) *planningpb.Figure {
	for _, i := range p.GetIndicators() {
		if i.GetIndicator() == indicator {
			return i.GetFigure()
		}
	}
	return &planningpb.Figure{}
}

// progressOf asks how far units are, in their order.
func (a *asker) progressOf(ctx context.Context, q *question, p *planningpb.Period, units []*registrypb.Unit) ([]*planningpb.Progress, error) {
	out := make([]*planningpb.Progress, len(units))
	err := each(ctx, len(units), func(ctx context.Context, i int) (err error) {
		out[i], err = call(ctx, a, a.progress.GetProgress, &planningpb.GetProgressRequest{
			Unit: units[i].GetName(), Period: p.GetName(), AsOf: q.given[asOfKey],
		})
		return err
	})
	return out, err
}

// today is the civil date, as a string.
func today() string { return civil.Today(time.Now()).String() }

package page

import (
	"context"
	"slices"

	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/dated"
)

// factsShown is how many facts a page holds.
const factsShown = 50

// factsView is what the page of a number's facts shows.
type factsView struct {
	*Place

	Indicator *planningpb.Indicator
	Figure    figureView
	// Own is what the unit itself reached, with the units that are no more; Parts is the rest of the number.
	Own   int64
	Parts []unitView

	Rows []fact
	// Sum is what the rows of this page add up to.
	Sum int64
	// Persons says that persons are counted and not organisations.
	Persons bool
	// Back leads to the unit, First to the first page and Next to the next, where there is one.
	Back, First, Next string
}

// fact is one record that was counted, with what its service says of it.
type fact struct {
	// Source is the record's resource name, Name what it is called.
	Source, Name, Kind, Date string
	Unit                     link
	Decision, Organisation   string
	Amount, Members          int64
}

// facts builds the page of what was counted for one figure.
func (s *Site) facts(ctx context.Context, a *asker, q *question) (view string, data any, err error) {
	if q.given[indicatorKey] == "" {
		return s.chooseIndicator(ctx, a, q)
	}
	in, err := call(ctx, a, a.indicators.GetIndicator, &planningpb.GetIndicatorRequest{Name: q.name(indicatorKey, "indicators")})
	if err != nil {
		return "", nil, err
	}
	at, err := locate(ctx, a, q)
	if err != nil {
		return "", nil, err
	}
	if at.Unit == nil || at.Period == nil {
		return "empty", at, nil
	}
	figure := figureIn(at.Progress, in.GetName())
	f := &factsView{
		Place: at, Indicator: in, Figure: scaleOf(figure).view(figure, ""),
		Persons: in.GetMeasure() != planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED,
		Back:    q.link(overviewPath, unitKey, id(at.Unit.GetName())),
	}
	if q.given[tokenKey] != "" {
		f.First = q.link(factsPath)
	}
	if err := f.split(ctx, a, q); err != nil {
		return "", nil, err
	}
	if err := f.gather(ctx, a, q); err != nil {
		return "", nil, err
	}
	return "facts", f, nil
}

// choice is what the page shows on which an indicator is chosen.
type choice struct {
	*Place

	Choices []link
	Back    string
}

// chooseIndicator builds the page on which a reader says of which indicator to show the facts.
func (s *Site) chooseIndicator(ctx context.Context, a *asker, q *question) (view string, data any, err error) {
	at, err := locate(ctx, a, q)
	if err != nil {
		return "", nil, err
	}
	if at.Unit == nil || at.Period == nil {
		return "empty", at, nil
	}
	c := &choice{Place: at, Back: q.link(overviewPath)}
	for _, in := range at.Progress.GetIndicators() {
		c.Choices = append(c.Choices, link{Text: in.GetDisplayName(), Address: q.link(factsPath, indicatorKey, id(in.GetIndicator()))})
	}
	return "choose", c, nil
}

// split says of which units' numbers the number is made.
func (f *factsView) split(ctx context.Context, a *asker, q *question) error {
	children, err := f.tree.children(ctx, f.Unit.GetName())
	if err != nil {
		return err
	}
	children = slices.DeleteFunc(slices.Clone(children), func(u *registrypb.Unit) bool { return dated.Ended(u.GetClosedOn(), f.tree.day) })
	if len(children) > maxChildren {
		return nil // the facts below name their units
	}
	progress, err := a.progressOf(ctx, q, f.Period, children)
	f.Own = f.Figure.GetActualValue()
	for _, p := range progress {
		figure := figureIn(p, f.Indicator.GetName())
		f.Own -= figure.GetActualValue()
		f.Parts = append(f.Parts, unitView{
			Name: p.GetUnitDisplayName(), Address: factsOf(q, p.GetUnit(), id(f.Indicator.GetName()), figure), Figure: figureView{Figure: figure},
		})
	}
	return err
}

// gather collects a page of what planning counted.
func (f *factsView) gather(ctx context.Context, a *asker, q *question) error {
	page, err := call(ctx, a, a.progress.ListCountedFacts, &planningpb.ListCountedFactsRequest{
		Unit: f.Unit.GetName(), Period: f.Period.GetName(), Indicator: f.Indicator.GetName(), AsOf: f.AsOf,
		PageSize: factsShown, PageToken: q.given[tokenKey],
	})
	if err != nil {
		return err
	}
	for _, n := range page.GetCountedFacts() {
		f.Sum += n.GetAmount()
		f.Rows = append(f.Rows, fact{
			Source: n.GetSource(), Name: n.GetSource(), Kind: n.GetKind(), Date: n.GetLegalDate(), Amount: n.GetAmount(),
			Unit: link{Text: n.GetUnitDisplayName(), Address: q.link(overviewPath, unitKey, id(n.GetUnit()))},
		})
	}
	if token := page.GetNextPageToken(); token != "" {
		f.Next = q.link(factsPath, tokenKey, token)
	}
	if f.Persons {
		return f.describeIntakes(ctx, a)
	}
	return each(ctx, len(f.Rows), func(ctx context.Context, i int) error {
		o, err := call(ctx, a, a.organisations.GetOrganisation, &registrypb.GetOrganisationRequest{Name: f.Rows[i].Source})
		f.Rows[i].Name, f.Rows[i].Decision = o.GetDisplayName(), o.GetFoundingDecision()
		return err
	})
}

// describeIntakes says of each row how many were admitted together, and into which organisation.
func (f *factsView) describeIntakes(ctx context.Context, a *asker) error {
	err := each(ctx, len(f.Rows), func(ctx context.Context, i int) error {
		n, err := call(ctx, a, a.intakes.GetIntake, &membershippb.GetIntakeRequest{Name: f.Rows[i].Source})
		f.Rows[i].Organisation, f.Rows[i].Members = n.GetOrganisation(), n.GetMemberCount()
		return err
	})
	if err != nil {
		return err
	}
	var asked []string
	for _, row := range f.Rows {
		if row.Organisation != "" && !slices.Contains(asked, row.Organisation) {
			asked = append(asked, row.Organisation)
		}
	}
	names := make([]string, len(asked))
	err = each(ctx, len(asked), func(ctx context.Context, i int) error {
		o, err := call(ctx, a, a.organisations.GetOrganisation, &registrypb.GetOrganisationRequest{Name: asked[i]})
		names[i] = o.GetDisplayName()
		return err
	})
	for i, row := range f.Rows {
		if at := slices.Index(asked, row.Organisation); at >= 0 {
			f.Rows[i].Organisation = names[at]
		}
	}
	return err
}

package page

import (
	"context"
	"slices"

	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

const (
	// factsShown is how many facts a page holds, and maxLists how many lists it looks into for them: a page of units with
	// nothing to show ends too, and says where to go on.
	factsShown = 50
	maxLists   = 150
)

// The prefixes of the enums whose bare words an indicator's kinds are.
const (
	organisationKind = "ORGANISATION_KIND_"
	intakeKind       = "INTAKE_KIND_"
)

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

// fact is one record that was counted.
type fact struct {
	Name, Kind, Date, Decision string
	Unit                       link
	Organisation               string
	Amount, Members            int64
}

// facts builds the page of what was counted for one figure.
func (s *Site) facts(ctx context.Context, a *asker, q *question) (view string, data any, err error) {
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
	if q.given[atKey] != "" || q.given[tokenKey] != "" {
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

// split says of which units' numbers the number is made.
func (f *factsView) split(ctx context.Context, a *asker, q *question) error {
	children, err := f.tree.children(ctx, f.Unit.GetName())
	if err != nil {
		return err
	}
	children = slices.DeleteFunc(slices.Clone(children), func(u *registrypb.Unit) bool { return closedBy(u, f.tree.day) })
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

// gather collects a page of facts, unit by unit.
func (f *factsView) gather(ctx context.Context, a *asker, q *question) error {
	w, ok, err := walkFrom(ctx, f.tree, f.Unit.GetName(), q.name(atKey, "units"))
	if err != nil {
		return err
	}
	if !ok {
		return invalid(atKey, q.given[atKey])
	}
	token := q.given[tokenKey]
	for lists := 0; w.at != "" && len(f.Rows) < factsShown && lists < maxLists; lists++ {
		u, err := w.unit(ctx, w.at)
		if err != nil {
			return err
		}
		rows, next, err := f.list(ctx, a, w.at, token, factsShown-len(f.Rows))
		if err != nil {
			return err
		}
		for _, row := range rows {
			row.Unit = link{Text: u.GetDisplayName(), Address: q.link(overviewPath, unitKey, id(u.GetName()))}
			f.Sum += row.Amount
			f.Rows = append(f.Rows, row)
		}
		if token = next; token == "" {
			if err := w.next(ctx); err != nil {
				return err
			}
		}
	}
	if w.at != "" {
		f.Next = q.link(factsPath, atKey, id(w.at), tokenKey, token)
	}
	return f.nameOrganisations(ctx, a)
}

// list is a page of what one unit itself contributed, with the token of the next page.
func (f *factsView) list(ctx context.Context, a *asker, unit, token string, size int) ([]fact, string, error) {
	if f.Persons {
		return f.admitted(ctx, a, unit, token, size)
	}
	req := &registrypb.ListOrganisationsRequest{Unit: unit, PageToken: token, PageSize: int32(size)} //nolint:gosec // at most factsShown
	for _, kind := range f.Indicator.GetKinds() {
		if k, ok := registrypb.OrganisationKind_value[organisationKind+kind]; ok {
			req.Kinds = append(req.Kinds, registrypb.OrganisationKind(k))
		}
	}
	page, err := call(ctx, a, a.organisations.ListOrganisations, req)
	var rows []fact
	for _, o := range page.GetOrganisations() {
		if on := o.GetFoundedOn(); f.Progress.GetCountedFrom() <= on && on <= f.Progress.GetCountedTo() {
			rows = append(rows, fact{
				Name: o.GetDisplayName(), Kind: o.GetKind().String()[len(organisationKind):], Date: on, Decision: o.GetFoundingDecision(), Amount: 1,
			})
		}
	}
	return rows, page.GetNextPageToken(), err
}

// admitted is list where persons are counted.
func (f *factsView) admitted(ctx context.Context, a *asker, unit, token string, size int) ([]fact, string, error) {
	req := &membershippb.ListIntakesRequest{
		Unit: unit, PageToken: token, PageSize: int32(size), //nolint:gosec // at most factsShown
		FromDate: f.Progress.GetCountedFrom(), ToDate: f.Progress.GetCountedTo(),
	}
	for _, kind := range f.Indicator.GetKinds() {
		if k, ok := membershippb.IntakeKind_value[intakeKind+kind]; ok {
			req.Kinds = append(req.Kinds, membershippb.IntakeKind(k))
		}
	}
	page, err := call(ctx, a, a.intakes.ListIntakes, req)
	var rows []fact
	for _, n := range page.GetIntakes() {
		row := fact{
			Name: n.GetName(), Kind: n.GetKind().String()[len(intakeKind):], Date: n.GetAdmittedOn(), Organisation: n.GetOrganisation(),
			Amount: n.GetMemberCount(), Members: n.GetMemberCount(),
		}
		if f.Indicator.GetMeasure() == planningpb.Measure_MEASURE_OWNERS_ADMITTED {
			row.Amount = n.GetOwnerCount()
		}
		if row.Amount > 0 {
			rows = append(rows, row)
		}
	}
	return rows, page.GetNextPageToken(), err
}

// nameOrganisations puts the names of the organisations in the place of their resource names.
func (f *factsView) nameOrganisations(ctx context.Context, a *asker) error {
	var asked []string
	for _, row := range f.Rows {
		if row.Organisation != "" && !slices.Contains(asked, row.Organisation) {
			asked = append(asked, row.Organisation)
		}
	}
	names := make([]string, len(asked))
	err := each(ctx, len(asked), func(ctx context.Context, i int) error {
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

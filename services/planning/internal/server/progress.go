package server

import (
	"cmp"
	"context"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/indicator"
	"coso/services/planning/internal/period"
	"coso/services/planning/internal/progress"
	"coso/services/planning/internal/records"
	"coso/services/planning/internal/unit"
	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/dated"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// GetProgress answers how far a unit is with everything below it.
func (s *Server) GetProgress(ctx context.Context, req *planningpb.GetProgressRequest) (*planningpb.Progress, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*planningpb.Progress, error) {
		p, day, err := countedIn(tx, req)
		if err != nil {
			return nil, err
		}
		q, err := s.atlas.Question(tx, req.GetUnit(), p, cmp.Or(req.GetTree(), unit.PartyTree), day)
		if err != nil {
			return nil, err
		}
		return progress.Of(q), nil
	})
}

// figureRequest is a question about figures.
type figureRequest interface {
	GetUnit() string
	GetPeriod() string
	GetAsOf() string
}

// countedIn is the period and the day that a question about figures is about. Refused as such a question is.
func countedIn(tx *store.ReadTx, req figureRequest) (*planningpb.Period, civil.Date, error) {
	if err := tx.Require(access.PlansRead, req.GetUnit()); err != nil {
		return nil, civil.Date{}, err
	}
	day, err := pastDay(req.GetAsOf(), tx.Today())
	if err != nil {
		return nil, day, err
	}
	p, ok, err := records.Periods.Find(tx, req.GetPeriod())
	if err == nil && !ok {
		err = fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "period", "name", req.GetPeriod())
	}
	if period.Withdrawn(p) {
		err = fault.FailedPrecondition(faultpb.Reason_REASON_PERIOD_WITHDRAWN, "period", "name", req.GetPeriod())
	}
	if err != nil {
		return nil, day, err
	}
	first, last, err := period.Window(p, day)
	if err != nil {
		return nil, day, err
	}
	if req.GetAsOf() != "" && day.Before(first) { // today before a period to come shows its plan
		return nil, day, fault.FailedPrecondition(faultpb.Reason_REASON_PERIOD_NOT_BEGUN, "asOf",
			"name", req.GetPeriod(), "value", day.String(), "from", first.String())
	}
	return p, day, unitOn(tx, req.GetUnit(), last)
}

// ListCountedFacts answers the facts of one figure, page by page.
func (s *Server) ListCountedFacts(ctx context.Context, req *planningpb.ListCountedFactsRequest) (*planningpb.ListCountedFactsResponse, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*planningpb.ListCountedFactsResponse, error) {
		p, day, err := countedIn(tx, req)
		if err != nil {
			return nil, err
		}
		in, err := countingIndicator(tx, req.GetIndicator())
		if err != nil {
			return nil, err
		}
		page, err := store.OpenPage(tx, req, "counted-facts")
		if err != nil {
			return nil, err
		}
		f := records.Figure{Unit: req.GetUnit(), Tree: cmp.Or(req.GetTree(), unit.PartyTree), Indicator: in}
		if f.First, f.Last, err = period.Window(p, day); err != nil {
			return nil, err
		}
		facts, next, err := s.atlas.Counted(tx, f, page.From(), page.Size())
		answer := &planningpb.ListCountedFactsResponse{CountedFacts: facts}
		if next != nil {
			answer.NextPageToken = page.Token(next)
		}
		return answer, err
	})
}

// countingIndicator is an indicator of which there are figures: NotFound, or FailedPrecondition once withdrawn.
func countingIndicator(tx *store.ReadTx, name string) (*planningpb.Indicator, error) {
	in, ok, err := records.Indicators.Find(tx, name)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "indicator", "name", name)
	case indicator.Withdrawn(in):
		return nil, fault.FailedPrecondition(faultpb.Reason_REASON_INDICATOR_WITHDRAWN, "indicator", "name", name)
	}
	return in, nil
}

// pastDay is the day a question is about, today where none is given. InvalidArgument for one that is none or lies ahead.
func pastDay(asOf string, today civil.Date) (civil.Date, error) {
	if asOf == "" {
		return today, nil
	}
	day, err := civil.Field("asOf", asOf)
	if err == nil && day.After(today) {
		err = fault.InvalidArgument(faultpb.Reason_REASON_DATE_IN_FUTURE, "asOf", "value", asOf, "today", today.String())
	}
	return day, err
}

// unitOn refuses a unit that does not exist on a day: NotFound.
func unitOn(r store.Reader, name string, day civil.Date) error {
	u, ok, err := records.Units.Find(r, name)
	switch {
	case err != nil:
		return err
	case !ok:
		return fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "unit", "name", name)
	case !dated.InForce(u, day.String()):
		return fault.NotFound(faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "unit", "name", name, "date", day.String())
	}
	return nil
}

package server

import (
	"cmp"
	"context"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/period"
	"coso/services/planning/internal/progress"
	"coso/services/planning/internal/records"
	"coso/services/planning/internal/unit"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// GetProgress answers how far a unit is with everything below it.
func (s *Server) GetProgress(ctx context.Context, req *planningpb.GetProgressRequest) (*planningpb.Progress, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*planningpb.Progress, error) {
		day, err := pastDay(req.GetAsOf(), tx.Today())
		if err != nil {
			return nil, err
		}
		p, ok, err := records.Periods.Find(tx, req.GetPeriod())
		if err == nil && !ok {
			err = fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "period", "name", req.GetPeriod())
		}
		if period.Withdrawn(p) {
			err = fault.FailedPrecondition(faultpb.Reason_REASON_PERIOD_WITHDRAWN, "period", "name", req.GetPeriod())
		}
		if err != nil {
			return nil, err
		}
		_, last, err := period.Window(p, day)
		if err != nil {
			return nil, err
		}
		if err := unitOn(tx, req.GetUnit(), last); err != nil {
			return nil, err
		}
		q, err := s.atlas.Question(tx, req.GetUnit(), p, cmp.Or(req.GetTree(), unit.PartyTree), day)
		if err != nil {
			return nil, err
		}
		return progress.Of(q), nil
	})
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
	case !unit.InForce(u, day):
		return fault.NotFound(faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "unit", "name", name, "date", day.String())
	}
	return nil
}

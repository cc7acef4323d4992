package server

import (
	"context"

	historypb "coso/proto/gen/coso/history/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/period"
	"coso/services/planning/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
)

const periods = "periods/"

// CreatePeriod adds a reporting period.
func (s *Server) CreatePeriod(ctx context.Context, req *planningpb.CreatePeriodRequest) (*planningpb.Period, error) {
	name := periods + rpc.NewID(req.GetPeriodId())
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*planningpb.Period, error) {
		if err := tx.Require(access.PlansManage, ""); err != nil {
			return nil, err
		}
		next, event, err := period.Create(req.GetPeriod(), name)
		if err != nil {
			return nil, fault.In("period", err)
		}
		next, err = records.Periods.Create(tx, next, event)
		return next, fault.In("period", err)
	})
}

// GetPeriod answers one period.
func (s *Server) GetPeriod(ctx context.Context, req *planningpb.GetPeriodRequest) (*planningpb.Period, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*planningpb.Period, error) {
		if _, err := tx.Within(access.PlansRead, ""); err != nil {
			return nil, err
		}
		return records.Periods.Get(tx, req.GetName())
	})
}

// ListPeriods answers a page of periods.
func (s *Server) ListPeriods(ctx context.Context, req *planningpb.ListPeriodsRequest) (*planningpb.ListPeriodsResponse, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*planningpb.ListPeriodsResponse, error) {
		if _, err := tx.Within(access.PlansRead, ""); err != nil {
			return nil, err
		}
		found, next, err := records.Periods.List(tx, req, store.Every[*planningpb.Period](), func(p *planningpb.Period) bool {
			return p.GetState() == req.GetState()
		})
		return &planningpb.ListPeriodsResponse{Periods: found, NextPageToken: next}, err
	})
}

// UpdatePeriod changes a period and, with the days it counts, judges all its targets anew.
func (s *Server) UpdatePeriod(ctx context.Context, req *planningpb.UpdatePeriodRequest) (*planningpb.Period, error) {
	asked := req.GetPeriod()
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*planningpb.Period, error) {
		cur, err := records.Periods.CurrentFor(tx, access.PlansManage, asked.GetName(), asked.GetEtag())
		if err != nil {
			return nil, fault.In("period", err)
		}
		merged, err := rpc.Merge(cur, asked, req.GetUpdateMask())
		if err != nil {
			return nil, err
		}
		next, event, err := period.Update(cur, merged)
		if err != nil || event == nil {
			return next, fault.In("period", err)
		}
		if next, err = records.Periods.Put(tx, next, event); err != nil {
			return nil, fault.In("period", err)
		}
		if period.SameWindow(cur, next) {
			return next, nil
		}
		return next, s.atlas.JudgePeriod(tx, next)
	})
}

// WithdrawPeriod takes back a period that was entered in error.
func (s *Server) WithdrawPeriod(ctx context.Context, req *planningpb.WithdrawPeriodRequest) (*planningpb.Period, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*planningpb.Period, error) {
		cur, err := records.Periods.CurrentFor(tx, access.PlansManage, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		rests, err := records.Resting(tx, records.TargetsByPeriod, req.GetName())
		if err != nil {
			return nil, err
		}
		next, event, err := period.Withdraw(cur, req, rests)
		if err != nil {
			return nil, err
		}
		return records.Periods.Put(tx, next, event)
	})
}

// ListPeriodHistory answers who changed a period, when and what.
func (s *Server) ListPeriodHistory(ctx context.Context, req *planningpb.ListPeriodHistoryRequest) (*historypb.History, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*historypb.History, error) {
		if _, err := tx.Within(access.PlansRead, ""); err != nil {
			return nil, err
		}
		return records.Periods.History(tx, req)
	})
}

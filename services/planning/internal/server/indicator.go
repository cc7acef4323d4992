package server

import (
	"context"

	historypb "coso/proto/gen/coso/history/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/indicator"
	"coso/services/planning/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
)

const indicators = "indicators/"

// CreateIndicator adds an indicator to the catalogue.
func (s *Server) CreateIndicator(ctx context.Context, req *planningpb.CreateIndicatorRequest) (*planningpb.Indicator, error) {
	name := indicators + rpc.NewID(req.GetIndicatorId())
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*planningpb.Indicator, error) {
		if err := tx.Require(access.PlansManage, ""); err != nil {
			return nil, err
		}
		next, event, err := indicator.Create(req.GetIndicator(), name)
		if err != nil {
			return nil, fault.In("indicator", err)
		}
		next, err = records.Indicators.Create(tx, next, event)
		return next, fault.In("indicator", err)
	})
}

// GetIndicator answers one indicator.
func (s *Server) GetIndicator(ctx context.Context, req *planningpb.GetIndicatorRequest) (*planningpb.Indicator, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*planningpb.Indicator, error) {
		if _, err := tx.Within(access.PlansRead, ""); err != nil {
			return nil, err
		}
		return records.Indicators.Get(tx, req.GetName())
	})
}

// ListIndicators answers a page of the catalogue.
func (s *Server) ListIndicators(
	ctx context.Context, req *planningpb.ListIndicatorsRequest,
) (*planningpb.ListIndicatorsResponse, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*planningpb.ListIndicatorsResponse, error) {
		if _, err := tx.Within(access.PlansRead, ""); err != nil {
			return nil, err
		}
		found, next, err := records.Indicators.List(tx, req, store.Every[*planningpb.Indicator](), func(i *planningpb.Indicator) bool {
			return i.GetState() == req.GetState()
		})
		return &planningpb.ListIndicatorsResponse{Indicators: found, NextPageToken: next}, err
	})
}

// UpdateIndicator changes how an indicator is called.
func (s *Server) UpdateIndicator(ctx context.Context, req *planningpb.UpdateIndicatorRequest) (*planningpb.Indicator, error) {
	asked := req.GetIndicator()
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*planningpb.Indicator, error) {
		cur, err := records.Indicators.CurrentFor(tx, access.PlansManage, asked.GetName(), asked.GetEtag())
		if err != nil {
			return nil, fault.In("indicator", err)
		}
		merged, err := rpc.Merge(cur, asked, req.GetUpdateMask())
		if err != nil {
			return nil, err
		}
		next, event, err := indicator.Update(cur, merged)
		if err != nil || event == nil {
			return next, fault.In("indicator", err)
		}
		next, err = records.Indicators.Put(tx, next, event)
		return next, fault.In("indicator", err)
	})
}

// WithdrawIndicator takes back an indicator that was entered in error.
func (s *Server) WithdrawIndicator(ctx context.Context, req *planningpb.WithdrawIndicatorRequest) (*planningpb.Indicator, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*planningpb.Indicator, error) {
		cur, err := records.Indicators.CurrentFor(tx, access.PlansManage, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		rests, err := records.Resting(tx, records.TargetsByIndicator, req.GetName())
		if err != nil {
			return nil, err
		}
		next, event, err := indicator.Withdraw(cur, req, rests)
		if err != nil {
			return nil, err
		}
		return records.Indicators.Put(tx, next, event)
	})
}

// ListIndicatorHistory answers who changed an indicator, when and what.
func (s *Server) ListIndicatorHistory(
	ctx context.Context, req *planningpb.ListIndicatorHistoryRequest,
) (*historypb.History, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*historypb.History, error) {
		if _, err := tx.Within(access.PlansRead, ""); err != nil {
			return nil, err
		}
		return records.Indicators.History(tx, req)
	})
}

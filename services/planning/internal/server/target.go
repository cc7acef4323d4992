package server

import (
	"context"
	"errors"

	historypb "coso/proto/gen/coso/history/v1"
	operationpb "coso/proto/gen/coso/operation/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/records"
	"coso/services/planning/internal/target"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/operation"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
)

const targets = "targets/"

// CreateTarget registers a target.
func (s *Server) CreateTarget(ctx context.Context, req *planningpb.CreateTargetRequest) (*planningpb.Target, error) {
	name := targets + rpc.NewID(req.GetTargetId())
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*planningpb.Target, error) {
		return registerTarget(tx, req, name)
	})
}

// BatchCreateTargets registers targets, all or none, now or with an operation.
func (s *Server) BatchCreateTargets(
	ctx context.Context, req *planningpb.BatchCreateTargetsRequest,
) (*planningpb.BatchCreateTargetsResponse, error) {
	names := rpc.NewNames(targets, req.GetRequests(), (*planningpb.CreateTargetRequest).GetTargetId)
	return operation.Batch(ctx, s.store, req, func(tx *store.Tx) (*planningpb.BatchCreateTargetsResponse, error) {
		made, err := rpc.Each(req.GetRequests(), func(i int, r *planningpb.CreateTargetRequest) (*planningpb.Target, error) {
			return registerTarget(tx, r, names[i])
		})
		return &planningpb.BatchCreateTargetsResponse{Targets: made}, err
	}, func(op *operationpb.Operation) *planningpb.BatchCreateTargetsResponse {
		return &planningpb.BatchCreateTargetsResponse{Operation: op}
	})
}

func registerTarget(tx *store.Tx, req *planningpb.CreateTargetRequest, name string) (*planningpb.Target, error) {
	if err := tx.Require(access.TargetsRegister, req.GetTarget().GetUnit()); err != nil {
		return nil, err
	}
	refs, err := records.TargetRefs(tx)(req.GetTarget())
	if err != nil {
		return nil, err
	}
	next, event, err := target.Register(req.GetTarget(), name, refs)
	if err != nil {
		return nil, fault.In("target", err)
	}
	next, err = records.Targets.Create(tx, next, event)
	return next, fault.In("target", err)
}

// GetTarget answers one target.
func (s *Server) GetTarget(ctx context.Context, req *planningpb.GetTargetRequest) (*planningpb.Target, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*planningpb.Target, error) {
		return records.Targets.GetFor(tx, access.PlansRead, req.GetName())
	})
}

// ListTargets answers a page of targets.
func (s *Server) ListTargets(ctx context.Context, req *planningpb.ListTargetsRequest) (*planningpb.ListTargetsResponse, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*planningpb.ListTargetsResponse, error) {
		scope, err := tx.Within(access.PlansRead, req.GetUnit())
		if err != nil {
			return nil, err
		}
		if err := records.Book.KnownUnit(tx, "unit", req.GetUnit()); err != nil {
			return nil, err
		}
		decides, err := deciding(tx, req)
		if err != nil {
			return nil, err
		}
		found, next, err := records.Targets.List(tx, req, targetRange(req, scope), func(t *planningpb.Target) bool {
			return scope.Has(t.GetUnit()) && t.GetState() == req.GetState() && (req.GetUnit() == "" || t.GetUnit() == req.GetUnit()) &&
				(req.GetIndicator() == "" || t.GetIndicator() == req.GetIndicator()) &&
				(req.GetPeriod() == "" || t.GetPeriod() == req.GetPeriod()) &&
				(!req.GetUndecided() || t.GetProposal() != nil) && decides.may(t)
		})
		return &planningpb.ListTargetsResponse{Targets: found, NextPageToken: next}, errors.Join(err, decides.err)
	})
}

func targetRange(req *planningpb.ListTargetsRequest, scope store.Scope) store.Range[*planningpb.Target] {
	switch {
	case req.GetUnit() != "":
		return store.Having(records.TargetsByUnit, store.Text(req.GetUnit()))
	case req.GetPeriod() != "":
		return store.Having(records.TargetsByPeriod, store.Text(req.GetPeriod()))
	}
	return store.Among(records.TargetsByUnit, scope)
}

// UpdateTarget changes what the unit registered. Results are not judged against it, but a figure shows it.
func (s *Server) UpdateTarget(ctx context.Context, req *planningpb.UpdateTargetRequest) (*planningpb.Target, error) {
	asked := req.GetTarget()
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*planningpb.Target, error) {
		cur, err := records.Targets.CurrentFor(tx, access.TargetsRegister, asked.GetName(), asked.GetEtag())
		if err != nil {
			return nil, fault.In("target", err)
		}
		merged, err := rpc.Merge(cur, asked, req.GetUpdateMask())
		if err != nil {
			return nil, err
		}
		next, event, err := target.Update(cur, merged)
		if err != nil || event == nil {
			return next, fault.In("target", err)
		}
		if next, err = records.Targets.Put(tx, next, event); err != nil {
			return nil, fault.In("target", err)
		}
		return next, s.atlas.Judge(tx, next)
	})
}

// WithdrawTarget takes back a target that was entered in error, with what was announced of its crossings.
func (s *Server) WithdrawTarget(ctx context.Context, req *planningpb.WithdrawTargetRequest) (*planningpb.Target, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*planningpb.Target, error) {
		cur, err := records.Targets.CurrentFor(tx, access.TargetsApprove, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		next, event, err := target.Withdraw(cur, req)
		if err != nil {
			return nil, err
		}
		if next, err = records.Targets.Put(tx, next, event); err != nil {
			return nil, err
		}
		return next, s.atlas.Judge(tx, next)
	})
}

// ListTargetHistory answers who changed a target, when and what.
func (s *Server) ListTargetHistory(ctx context.Context, req *planningpb.ListTargetHistoryRequest) (*historypb.History, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*historypb.History, error) {
		return records.Targets.HistoryFor(tx, access.PlansRead, req)
	})
}

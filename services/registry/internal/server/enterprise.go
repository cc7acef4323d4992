package server

import (
	"context"

	historypb "coso/proto/gen/coso/history/v1"
	operationpb "coso/proto/gen/coso/operation/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/operation"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/registry/internal/enterprise"
	"coso/services/registry/internal/records"
)

const enterprises = "enterprises/"

// CreateEnterprise records an enterprise.
func (s *Server) CreateEnterprise(
	ctx context.Context, req *registrypb.CreateEnterpriseRequest,
) (*registrypb.Enterprise, error) {
	name := enterprises + rpc.NewID(req.GetEnterpriseId())
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Enterprise, error) {
		return createEnterprise(tx, req, name)
	})
}

// BatchCreateEnterprises records enterprises, all or none, now or with an operation.
func (s *Server) BatchCreateEnterprises(
	ctx context.Context, req *registrypb.BatchCreateEnterprisesRequest,
) (*registrypb.BatchCreateEnterprisesResponse, error) {
	names := rpc.NewNames(enterprises, req.GetRequests(), (*registrypb.CreateEnterpriseRequest).GetEnterpriseId)
	return operation.Batch(ctx, s.store, req, func(tx *store.Tx) (*registrypb.BatchCreateEnterprisesResponse, error) {
		made, err := rpc.Each(req.GetRequests(), func(i int, r *registrypb.CreateEnterpriseRequest) (*registrypb.Enterprise, error) {
			return createEnterprise(tx, r, names[i])
		})
		return &registrypb.BatchCreateEnterprisesResponse{Enterprises: made}, err
	}, func(op *operationpb.Operation) *registrypb.BatchCreateEnterprisesResponse {
		return &registrypb.BatchCreateEnterprisesResponse{Operation: op}
	})
}

func createEnterprise(
	tx *store.Tx, req *registrypb.CreateEnterpriseRequest, name string,
) (*registrypb.Enterprise, error) {
	if err := tx.Require(access.EnterprisesRecord, req.GetEnterprise().GetUnit()); err != nil {
		return nil, err
	}
	unit, _, err := records.Units.Find(tx, req.GetEnterprise().GetUnit())
	if err != nil {
		return nil, err
	}
	next, event, err := enterprise.Create(req.GetEnterprise(), name, unit)
	if err != nil {
		return nil, fault.In("enterprise", err)
	}
	next, err = records.Enterprises.Create(tx, next, event)
	return next, fault.In("enterprise", err)
}

// GetEnterprise answers one enterprise.
func (s *Server) GetEnterprise(
	ctx context.Context, req *registrypb.GetEnterpriseRequest,
) (*registrypb.Enterprise, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*registrypb.Enterprise, error) {
		return records.Enterprises.GetFor(tx, access.EnterprisesRead, req.GetName())
	})
}

// ListEnterprises answers a page of enterprises.
func (s *Server) ListEnterprises(
	ctx context.Context, req *registrypb.ListEnterprisesRequest,
) (*registrypb.ListEnterprisesResponse, error) {
	named := containing(req.GetQuery())
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*registrypb.ListEnterprisesResponse, error) {
		scope, err := tx.Within(access.EnterprisesRead, req.GetUnit())
		if err != nil {
			return nil, err
		}
		if err := records.Book.KnownUnit(tx, "unit", req.GetUnit()); err != nil {
			return nil, err
		}
		found, next, err := records.Enterprises.List(tx, req, enterpriseRange(req, scope), func(e *registrypb.Enterprise) bool {
			return scope.Has(e.GetUnit()) && (req.GetUnit() == "" || e.GetUnit() == req.GetUnit()) && named(e.GetDisplayName())
		})
		return &registrypb.ListEnterprisesResponse{Enterprises: found, NextPageToken: next}, err
	})
}

func enterpriseRange(req *registrypb.ListEnterprisesRequest, scope store.Scope) store.Range[*registrypb.Enterprise] {
	switch {
	case req.GetTaxCode() != "":
		return store.Having(records.EnterprisesByTaxCode, store.Text(req.GetTaxCode()))
	case req.GetUnit() != "":
		return store.Having(records.EnterprisesByUnit, store.Text(req.GetUnit()))
	}
	return store.Among(records.EnterprisesByUnit, scope)
}

// UpdateEnterprise corrects or updates an enterprise.
func (s *Server) UpdateEnterprise(
	ctx context.Context, req *registrypb.UpdateEnterpriseRequest,
) (*registrypb.Enterprise, error) {
	asked := req.GetEnterprise()
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Enterprise, error) {
		cur, err := records.Enterprises.CurrentFor(tx, access.EnterprisesRecord, asked.GetName(), asked.GetEtag())
		if err != nil {
			return nil, fault.In("enterprise", err)
		}
		merged, err := rpc.Merge(cur, asked, req.GetUpdateMask())
		if err != nil {
			return nil, err
		}
		if err := tx.Require(access.EnterprisesRecord, merged.GetUnit()); err != nil {
			return nil, err
		}
		unit, _, err := records.Units.Find(tx, merged.GetUnit())
		if err != nil {
			return nil, err
		}
		next, event, err := enterprise.Update(cur, merged, unit)
		if err != nil || event == nil {
			return next, fault.In("enterprise", err)
		}
		next, err = records.Enterprises.Put(tx, next, event)
		return next, fault.In("enterprise", err)
	})
}

// ListEnterpriseHistory answers who changed an enterprise, when and what.
func (s *Server) ListEnterpriseHistory(
	ctx context.Context, req *registrypb.ListEnterpriseHistoryRequest,
) (*historypb.History, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*historypb.History, error) {
		return records.Enterprises.HistoryFor(tx, access.EnterprisesRead, req)
	})
}

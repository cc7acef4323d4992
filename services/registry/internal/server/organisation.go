package server

import (
	"context"
	"slices"

	historypb "coso/proto/gen/coso/history/v1"
	operationpb "coso/proto/gen/coso/operation/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
	"coso/services/platform/operation"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/registry/internal/organisation"
	"coso/services/registry/internal/records"
)

const organisations = "organisations/"

// CreateOrganisation records a founding.
func (s *Server) CreateOrganisation(
	ctx context.Context, req *registrypb.CreateOrganisationRequest,
) (*registrypb.Organisation, error) {
	name := organisations + rpc.NewID(req.GetOrganisationId())
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Organisation, error) {
		return foundOrganisation(tx, req, name)
	})
}

// BatchCreateOrganisations records foundings, all or none, now or with an operation.
func (s *Server) BatchCreateOrganisations(
	ctx context.Context, req *registrypb.BatchCreateOrganisationsRequest,
) (*registrypb.BatchCreateOrganisationsResponse, error) {
	names := rpc.NewNames(organisations, req.GetRequests(), (*registrypb.CreateOrganisationRequest).GetOrganisationId)
	return operation.Batch(ctx, s.store, req, func(tx *store.Tx) (*registrypb.BatchCreateOrganisationsResponse, error) {
		founded, err := rpc.Each(req.GetRequests(), func(i int, r *registrypb.CreateOrganisationRequest) (*registrypb.Organisation, error) {
			return foundOrganisation(tx, r, names[i])
		})
		return &registrypb.BatchCreateOrganisationsResponse{Organisations: founded}, err
	}, func(op *operationpb.Operation) *registrypb.BatchCreateOrganisationsResponse {
		return &registrypb.BatchCreateOrganisationsResponse{Operation: op}
	})
}

func foundOrganisation(
	tx *store.Tx, req *registrypb.CreateOrganisationRequest, name string,
) (*registrypb.Organisation, error) {
	if err := tx.Require(access.OrganisationsRecord, req.GetOrganisation().GetUnit()); err != nil {
		return nil, err
	}
	refs, err := records.OrganisationRefs(tx)(req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	next, event, err := organisation.Found(req.GetOrganisation(), name, refs, tx.Today())
	if err != nil {
		return nil, fault.In("organisation", err)
	}
	next, err = records.Organisations.Create(tx, next, event)
	return next, fault.In("organisation", err)
}

// GetOrganisation answers one organisation.
func (s *Server) GetOrganisation(
	ctx context.Context, req *registrypb.GetOrganisationRequest,
) (*registrypb.Organisation, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*registrypb.Organisation, error) {
		return records.Organisations.GetFor(tx, access.OrganisationsRead, req.GetName())
	})
}

// ListOrganisations answers a page of organisations.
func (s *Server) ListOrganisations(
	ctx context.Context, req *registrypb.ListOrganisationsRequest,
) (*registrypb.ListOrganisationsResponse, error) {
	day, err := asOf(req.GetAsOf(), civil.Date{})
	if err != nil {
		return nil, err
	}
	named := containing(req.GetQuery())
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*registrypb.ListOrganisationsResponse, error) {
		scope, err := tx.Within(access.OrganisationsRead, req.GetUnit())
		if err != nil {
			return nil, err
		}
		if err := records.Book.KnownUnit(tx, "unit", req.GetUnit()); err != nil {
			return nil, err
		}
		found, next, err := records.Organisations.List(tx, req, organisationRange(req, scope), func(o *registrypb.Organisation) bool {
			return scope.Has(o.GetUnit()) && organisationAsked(req, o) && (day.IsZero() || organisation.Existed(o, day)) && named(o.GetDisplayName())
		})
		return &registrypb.ListOrganisationsResponse{Organisations: found, NextPageToken: next}, err
	})
}

func organisationRange(req *registrypb.ListOrganisationsRequest, scope store.Scope) store.Range[*registrypb.Organisation] {
	switch {
	case req.GetEnterprise() != "":
		return store.Having(records.OrganisationsByEnterprise, store.Text(req.GetEnterprise()))
	case req.GetUnit() != "":
		return store.Having(records.OrganisationsByUnit, store.Text(req.GetUnit()))
	}
	return store.Among(records.OrganisationsByUnit, scope)
}

func organisationAsked(req *registrypb.ListOrganisationsRequest, o *registrypb.Organisation) bool {
	state := o.GetState() == req.GetState()
	if req.GetState() == registrypb.OrganisationState_ORGANISATION_STATE_UNSPECIFIED {
		state = o.GetState() != registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN
	}
	return state &&
		(req.GetUnit() == "" || o.GetUnit() == req.GetUnit()) &&
		(len(req.GetKinds()) == 0 || slices.Contains(req.GetKinds(), o.GetKind()))
}

// UpdateOrganisation corrects what was recorded.
func (s *Server) UpdateOrganisation(
	ctx context.Context, req *registrypb.UpdateOrganisationRequest,
) (*registrypb.Organisation, error) {
	asked := req.GetOrganisation()
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Organisation, error) {
		cur, err := records.Organisations.CurrentFor(tx, access.OrganisationsRecord, asked.GetName(), asked.GetEtag())
		if err != nil {
			return nil, fault.In("organisation", err)
		}
		merged, err := rpc.Merge(cur, asked, req.GetUpdateMask())
		if err != nil {
			return nil, err
		}
		if err := tx.Require(access.OrganisationsRecord, merged.GetUnit()); err != nil {
			return nil, err
		}
		refs, err := records.OrganisationRefs(tx)(merged)
		if err != nil {
			return nil, err
		}
		next, event, err := organisation.Update(cur, merged, refs, tx.Today())
		if err != nil || event == nil {
			return next, fault.In("organisation", err)
		}
		next, err = records.Organisations.Put(tx, next, event)
		return next, fault.In("organisation", err)
	})
}

// DissolveOrganisation ends an organisation.
func (s *Server) DissolveOrganisation(
	ctx context.Context, req *registrypb.DissolveOrganisationRequest,
) (*registrypb.Organisation, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Organisation, error) {
		cur, err := records.Organisations.CurrentFor(tx, access.OrganisationsRecord, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		next, event, err := organisation.Dissolve(cur, req, tx.Today())
		if err != nil {
			return nil, err
		}
		return records.Organisations.Put(tx, next, event)
	})
}

// CorrectOrganisationDissolution gives a dissolved organisation another end, or none.
func (s *Server) CorrectOrganisationDissolution(
	ctx context.Context, req *registrypb.CorrectOrganisationDissolutionRequest,
) (*registrypb.Organisation, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Organisation, error) {
		cur, err := records.Organisations.CurrentFor(tx, access.OrganisationsCorrect, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		next, event, err := organisation.CorrectDissolution(cur, req, tx.Today())
		if err != nil || event == nil {
			return next, err
		}
		return records.Organisations.Put(tx, next, event)
	})
}

// WithdrawOrganisation takes back an organisation that was entered in error.
func (s *Server) WithdrawOrganisation(
	ctx context.Context, req *registrypb.WithdrawOrganisationRequest,
) (*registrypb.Organisation, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Organisation, error) {
		cur, err := records.Organisations.CurrentFor(tx, access.OrganisationsCorrect, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		next, event, err := organisation.Withdraw(cur, req)
		if err != nil {
			return nil, err
		}
		return records.Organisations.Put(tx, next, event)
	})
}

// ListOrganisationHistory answers who changed an organisation, when and what.
func (s *Server) ListOrganisationHistory(
	ctx context.Context, req *registrypb.ListOrganisationHistoryRequest,
) (*historypb.History, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*historypb.History, error) {
		return records.Organisations.HistoryFor(tx, access.OrganisationsRead, req)
	})
}

package server

import (
	"context"

	awardpb "coso/proto/gen/coso/award/v1"
	historypb "coso/proto/gen/coso/history/v1"
	"coso/services/award/internal/nomination"
	"coso/services/award/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/store"
)

// GetNomination answers one nomination.
func (s *Server) GetNomination(
	ctx context.Context, req *awardpb.GetNominationRequest,
) (*awardpb.Nomination, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*awardpb.Nomination, error) {
		n, err := records.Nominations.GetFor(tx, access.NominationsRead, req.GetName())
		if err != nil {
			return nil, err
		}
		return shown(tx, n)
	})
}

// shown puts the current figure beside the evidence.
func shown(tx *store.ReadTx, n *awardpb.Nomination) (*awardpb.Nomination, error) {
	f, _, err := records.Figures.Find(tx, n.GetTarget())
	if err != nil {
		return nil, err
	}
	return nomination.Beside(n, f), nil
}

// ListNominations answers a page of nominations.
func (s *Server) ListNominations(
	ctx context.Context, req *awardpb.ListNominationsRequest,
) (*awardpb.ListNominationsResponse, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*awardpb.ListNominationsResponse, error) {
		scope, err := tx.Within(access.NominationsRead, req.GetUnit())
		if err != nil {
			return nil, err
		}
		if err := records.Book.KnownUnit(tx, "unit", req.GetUnit()); err != nil {
			return nil, err
		}
		found, next, err := records.Nominations.List(tx, req, nominationRange(req, scope), func(n *awardpb.Nomination) bool {
			return scope.Has(n.GetUnit()) && nominationAsked(req, n)
		})
		for i := range found {
			if err == nil {
				found[i], err = shown(tx, found[i])
			}
		}
		return &awardpb.ListNominationsResponse{Nominations: found, NextPageToken: next}, err
	})
}

func nominationRange(req *awardpb.ListNominationsRequest, scope store.Scope) store.Range[*awardpb.Nomination] {
	switch {
	case req.GetUnit() != "":
		return store.Having(records.NominationsByUnit, store.Text(req.GetUnit()))
	case req.GetPeriod() != "":
		return store.Having(records.NominationsByPeriod, store.Text(req.GetPeriod()))
	}
	return store.Among(records.NominationsByUnit, scope)
}

func nominationAsked(req *awardpb.ListNominationsRequest, n *awardpb.Nomination) bool {
	anyState := req.GetState() == awardpb.NominationState_NOMINATION_STATE_UNSPECIFIED
	return (anyState || n.GetState() == req.GetState()) &&
		(req.GetIndicator() == "" || n.GetIndicator() == req.GetIndicator()) &&
		(req.GetPeriod() == "" || n.GetPeriod() == req.GetPeriod())
}

// ListNominationHistory answers how a nomination came to be what it is.
func (s *Server) ListNominationHistory(
	ctx context.Context, req *awardpb.ListNominationHistoryRequest,
) (*historypb.History, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*historypb.History, error) {
		return records.Nominations.HistoryFor(tx, access.NominationsRead, req)
	})
}

package server

import (
	"context"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	historypb "coso/proto/gen/coso/history/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/registry/internal/grant"
	"coso/services/registry/internal/records"
)

const grants = "grants/"

// CreateGrant gives a grant.
func (s *Server) CreateGrant(ctx context.Context, req *registrypb.CreateGrantRequest) (*registrypb.Grant, error) {
	name := grants + rpc.NewID(req.GetGrantId())
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Grant, error) {
		asked := req.GetGrant()
		if err := tx.Require(access.GrantsManage, asked.GetUnit()); err != nil {
			return nil, err
		}
		if err := holdsAll(tx, asked.GetRole(), asked.GetUnit()); err != nil {
			return nil, err
		}
		unit, _, err := records.Units.Find(tx, asked.GetUnit())
		if err != nil {
			return nil, err
		}
		next, event, err := grant.Give(asked, name, unit, tx.At())
		if err != nil {
			return nil, fault.In("grant", err)
		}
		next, err = records.Grants.Create(tx, next, event)
		return next, fault.In("grant", err)
	})
}

// holdsAll refuses a role with a permission that the caller does not hold in the unit by a grant of his own.
func holdsAll(tx *store.Tx, role accesspb.Role, unit string) error {
	power, err := tx.Power()
	if err != nil {
		return err
	}
	for _, what := range access.Permissions(role) {
		instead, ok, err := power.At(what, unit, "")
		if err != nil {
			return err
		}
		if !ok || instead != "" {
			return fault.PermissionDenied(faultpb.Reason_REASON_GRANT_EXCEEDS, "grant.role", "value", access.Word(what))
		}
	}
	return nil
}

// DelegateGrant names a substitute.
func (s *Server) DelegateGrant(ctx context.Context, req *registrypb.DelegateGrantRequest) (*registrypb.Grant, error) {
	name := grants + rpc.NewID(req.GetGrantId())
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Grant, error) {
		cur, there, err := records.Grants.Find(tx, req.GetName())
		if err != nil {
			return nil, err
		}
		if !there || cur.GetPrincipal() != tx.Principal().Name {
			return nil, fault.PermissionDenied(faultpb.Reason_REASON_GRANT_NOT_ONES_OWN, "name", "name", req.GetName())
		}
		next, event, err := grant.Delegate(cur, req, name, tx.At())
		if err != nil {
			return nil, err
		}
		return records.Grants.Create(tx, next, event)
	})
}

// GetGrant answers one grant.
func (s *Server) GetGrant(ctx context.Context, req *registrypb.GetGrantRequest) (*registrypb.Grant, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*registrypb.Grant, error) {
		g, there, err := records.Grants.Find(tx, req.GetName())
		if err != nil {
			return nil, err
		}
		ok := there && g.GetPrincipal() == tx.Principal().Name
		if there && !ok {
			if ok, err = holds(tx, access.GrantsRead, g.GetUnit()); err != nil {
				return nil, err
			}
		}
		if !ok { // whether there is one is nobody else's business
			return nil, fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name", "name", req.GetName())
		}
		return g, nil
	})
}

// powerful is a transaction that knows what its caller may do.
type powerful interface {
	Power() (store.Power, error)
}

func holds(tx powerful, what accesspb.Permission, unit string) (bool, error) {
	power, err := tx.Power()
	if err != nil {
		return false, err
	}
	_, ok, err := power.At(what, unit, "")
	return ok, err
}

// ListGrants answers a page of grants.
func (s *Server) ListGrants(ctx context.Context, req *registrypb.ListGrantsRequest) (*registrypb.ListGrantsResponse, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*registrypb.ListGrantsResponse, error) {
		power, err := tx.Power()
		if err != nil {
			return nil, err
		}
		var seen store.Scope
		if power.Anywhere(access.GrantsRead) {
			if seen, err = power.Units(access.GrantsRead); err != nil {
				return nil, err
			}
		}
		self, now := tx.Principal().Name, tx.At()
		found, next, err := records.Grants.List(tx, req, grantRange(req, seen, self), func(g *registrypb.Grant) bool {
			ended := g.GetEndTime() != nil && !now.Before(g.GetEndTime().AsTime())
			return (g.GetPrincipal() == self || seen.Has(g.GetUnit())) && (req.GetShowEnded() || !ended) &&
				(req.GetPrincipal() == "" || g.GetPrincipal() == req.GetPrincipal()) && (req.GetUnit() == "" || g.GetUnit() == req.GetUnit())
		})
		return &registrypb.ListGrantsResponse{Grants: found, NextPageToken: next}, err
	})
}

// grantRange is where the grants lie that may be answered: those of one principal or unit; the caller's own, if he may read no
// others; else, since his own lie anywhere, all.
func grantRange(req *registrypb.ListGrantsRequest, seen store.Scope, self string) store.Range[*registrypb.Grant] {
	switch {
	case req.GetPrincipal() != "":
		return store.Having(records.GrantsByPrincipal, store.Text(req.GetPrincipal()))
	case req.GetUnit() != "":
		return store.Having(records.GrantsByUnit, store.Text(req.GetUnit()))
	case seen.Empty():
		return store.Having(records.GrantsByPrincipal, store.Text(self))
	}
	return store.Every[*registrypb.Grant]()
}

// EndGrant ends a grant and those of its substitutes.
func (s *Server) EndGrant(ctx context.Context, req *registrypb.EndGrantRequest) (*registrypb.Grant, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Grant, error) {
		cur, there, err := records.Grants.Find(tx, req.GetName())
		if err != nil {
			return nil, err
		}
		own := there && cur.GetPrincipal() == tx.Principal().Name
		ok := own
		if there && !own {
			if ok, err = holds(tx, access.GrantsManage, cur.GetUnit()); err != nil {
				return nil, err
			}
		}
		if !ok { // whether there is one is nobody else's business
			return nil, fault.PermissionDenied(faultpb.Reason_REASON_GRANT_NOT_ONES_OWN, "name", "name", req.GetName())
		}
		if !own { // in whose stead is to be seen
			if err := tx.Require(access.GrantsManage, cur.GetUnit()); err != nil {
				return nil, err
			}
		}
		if cur, err = records.Grants.Current(tx, req.GetName(), req.GetEtag()); err != nil {
			return nil, err
		}
		next, err := endGrant(tx, cur, req.GetReason())
		if err != nil {
			return nil, err
		}
		return next, endSubstitutes(tx, next)
	})
}

func endGrant(tx *store.Tx, cur *registrypb.Grant, reason string) (*registrypb.Grant, error) {
	everywhere := records.Grants.By(tx, records.GrantsByUnit, store.Text(""))
	next, event, err := grant.End(cur, reason, everywhere, tx.At())
	if err != nil {
		return nil, err
	}
	return records.Grants.Put(tx, next, event)
}

// endSubstitutes ends what others hold of a grant: INV-GRANT-ENDS.
func endSubstitutes(tx *store.Tx, ended *registrypb.Grant) error {
	var held []*registrypb.Grant
	for g, err := range records.Grants.By(tx, records.GrantsBySubstituted, store.Text(ended.GetName())) {
		if err != nil {
			return err
		}
		if g.GetEndTime() == nil || tx.At().Before(g.GetEndTime().AsTime()) {
			held = append(held, g)
		}
	}
	for _, g := range held {
		if _, err := endGrant(tx, g, ended.GetEndReason()); err != nil {
			return err
		}
	}
	return nil
}

// ListGrantHistory answers who changed a grant, when and what.
func (s *Server) ListGrantHistory(ctx context.Context, req *registrypb.ListGrantHistoryRequest) (*historypb.History, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*historypb.History, error) {
		return records.Grants.HistoryFor(tx, access.GrantsRead, req)
	})
}

// FirstAdministrator gives a principal the grant by which all others are given, to a registry in which there never was one;
// otherwise it does nothing. It acts as the registry itself.
func FirstAdministrator(ctx context.Context, s *store.Store, principal string) error {
	ctx = access.WithMethod(access.With(ctx, access.Service(s.Service())), "begin/first-administrator")
	// A start must not need a command that changes nothing: with a clock that went back none is taken.
	given, err := store.View(ctx, s, func(tx *store.ReadTx) (bool, error) { return anyGrant(tx) })
	if err != nil || given {
		return err
	}
	_, err = store.Update(ctx, s, nil, func(tx *store.Tx) (*registrypb.Grant, error) {
		if given, err := anyGrant(tx); err != nil || given {
			return &registrypb.Grant{}, err
		}
		asked := &registrypb.Grant{
			Principal: principal, Role: accesspb.Role_ROLE_ADMINISTRATOR,
			Reason: "Quản trị viên đầu tiên của hệ thống / the first administrator of the installation",
		}
		next, event, err := grant.Give(asked, grants+"first-administrator", nil, tx.At())
		if err != nil {
			return nil, err
		}
		return records.Grants.Create(tx, next, event)
	})
	return err
}

// anyGrant reports whether a grant was ever given.
func anyGrant(r store.Reader) (bool, error) {
	for _, err := range records.Grants.All(r) {
		return err == nil, err
	}
	return false, nil
}

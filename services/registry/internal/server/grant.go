package server

import (
	"cmp"
	"context"
	"iter"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	historypb "coso/proto/gen/coso/history/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/scope"
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
		if err := mayGive(tx, asked); err != nil {
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

// mayGive refuses a grant to whoever gives it, and one of a permission that the caller does not hold in the unit, by a grant of his
// own, for as long: INV-GRANT-LASTING.
func mayGive(tx *store.Tx, asked *registrypb.Grant) error {
	if by := tx.Actor(); asked.GetPrincipal() == by.Name || asked.GetPrincipal() == by.OnBehalfOf {
		return fault.PermissionDenied(faultpb.Reason_REASON_GRANT_GIVEN_TO_ONESELF, "grant.principal", "value", asked.GetPrincipal())
	}
	for _, what := range access.Permissions(asked.GetRole()) {
		until, held, err := records.Book.Lasting(tx, tx.Principal(), tx.At(), what, asked.GetUnit())
		switch {
		case err != nil:
			return err
		case !held:
			return fault.PermissionDenied(faultpb.Reason_REASON_GRANT_EXCEEDS, "grant.role", "value", access.Word(what))
		case !until.IsZero() && (asked.GetEndTime() == nil || asked.GetEndTime().AsTime().After(until)):
			return fault.PermissionDenied(faultpb.Reason_REASON_GRANT_OUTLASTS, "grant.endTime",
				"value", access.Word(what), "limit", civil.Moment(until))
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
		next, event, err := grant.Delegate(cur, req, name, grant.Substitutes{
			Of: scope.Unended(tx, records.Grants, records.GrantsSubstituted, cur.GetName(), tx.At()),
			By: substitutions(tx, req.GetPrincipal()),
		}, tx.At())
		if err != nil {
			return nil, err
		}
		return records.Grants.Create(tx, next, event)
	})
}

// substitutions walks what somebody holds as a substitute, as it holds, that has not ended.
func substitutions(tx *store.Tx, principal string) iter.Seq2[*registrypb.Grant, error] {
	return func(yield func(*registrypb.Grant, error) bool) {
		for g, err := range scope.Unended(tx, records.Grants, records.GrantsHeld, principal, tx.At()) {
			if err == nil {
				g, err = asItHolds(tx, g)
			}
			if err == nil && (g.GetSubstituteFor() == "" || access.Ended(g, tx.At())) {
				continue
			}
			if !yield(g, err) {
				return
			}
		}
	}
}

// asItHolds is a grant as it is shown: a substitute's ends with the one it rests on, which is not written in it.
func asItHolds(r store.Reader, g *registrypb.Grant) (*registrypb.Grant, error) {
	if g.GetSubstituteFor() == "" {
		return g, nil
	}
	on, err := records.Grants.Get(r, g.GetSubstituteFor())
	if err != nil {
		return nil, err
	}
	return grant.Resting(g, on), nil
}

// GetGrant answers one grant.
func (s *Server) GetGrant(ctx context.Context, req *registrypb.GetGrantRequest) (*registrypb.Grant, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*registrypb.Grant, error) {
		g, there, err := records.Grants.Find(tx, req.GetName())
		if err != nil {
			return nil, err
		}
		ok := there && concerns(g, tx.Principal().Name)
		if there && !ok {
			if ok, err = holds(tx, access.GrantsRead, g.GetUnit()); err != nil {
				return nil, err
			}
		}
		if !ok { // whether there is one is nobody else's business
			return nil, fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name", "name", req.GetName())
		}
		return asItHolds(tx, g)
	})
}

// concerns reports whether a grant is somebody's own, or was given by it to a substitute: who may see and end it without any
// permission.
func concerns(g *registrypb.Grant, principal string) bool {
	return g.GetPrincipal() == principal || g.GetOnBehalfOf() == principal
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
	basis, err := power.At(what, unit)
	return basis.Held(), err
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
		var unread error
		found, next, err := records.Grants.List(tx, req, grantRange(req, seen, self), func(g *registrypb.Grant) bool {
			as, err := asItHolds(tx, g)
			unread = cmp.Or(unread, err)
			return (concerns(g, self) || seen.Has(g.GetUnit())) && (req.GetShowEnded() || !access.Ended(as, now)) &&
				(req.GetPrincipal() == "" || g.GetPrincipal() == req.GetPrincipal()) && (req.GetUnit() == "" || g.GetUnit() == req.GetUnit())
		})
		err = cmp.Or(err, unread)
		for i := 0; i < len(found) && err == nil; i++ {
			found[i], err = asItHolds(tx, found[i])
		}
		return &registrypb.ListGrantsResponse{Grants: found, NextPageToken: next}, err
	})
}

// grantRange is where the grants lie that may be answered: those of one principal or unit; the caller's own and his substitutes', if
// he may read no others; else, since these lie anywhere, all.
func grantRange(req *registrypb.ListGrantsRequest, seen store.Scope, self string) store.Range[*registrypb.Grant] {
	switch {
	case req.GetPrincipal() != "":
		return store.Having(records.GrantsConcerning, store.Text(req.GetPrincipal()))
	case req.GetUnit() != "":
		return store.Having(records.GrantsByUnit, store.Text(req.GetUnit()))
	case seen.Empty():
		return store.Having(records.GrantsConcerning, store.Text(self))
	}
	return store.Every[*registrypb.Grant]()
}

// EndGrant ends a grant; those of its substitutes end with it. Which services go by it is asked when it has ended, whatever they
// answer.
func (s *Server) EndGrant(ctx context.Context, req *registrypb.EndGrantRequest) (*registrypb.EndGrantResponse, error) {
	ended, err := s.endGrant(ctx, req)
	if err != nil {
		return nil, err
	}
	out := &registrypb.EndGrantResponse{Grant: ended}
	if !req.GetValidateOnly() {
		out.Spread = s.spreadNow(ctx, ended)
	}
	return out, nil
}

func (s *Server) endGrant(ctx context.Context, req *registrypb.EndGrantRequest) (*registrypb.Grant, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Grant, error) {
		cur, there, err := records.Grants.Find(tx, req.GetName())
		if err != nil {
			return nil, err
		}
		own := there && concerns(cur, tx.Principal().Name)
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
		if cur, err = asItHolds(tx, cur); err != nil { // where that is not as it is stored, it has ended
			return nil, err
		}
		everywhere := records.Grants.By(tx, records.GrantsByUnit, store.Text(""))
		next, event, err := grant.End(cur, req.GetReason(), everywhere, tx.At())
		if err != nil {
			return nil, err
		}
		return records.Grants.Put(tx, next, event)
	})
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

package server

import (
	"context"
	"strings"

	"coso/gateway/identity/internal/account"
	"coso/gateway/identity/internal/records"
	"coso/gateway/identity/internal/session"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/platform/token"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

// BeginSession begins a session of another issuer's user. The gateway brings what the issuer has said to it, and the token is
// verified here: neither the gateway nor anybody else can name whom they like (INV-SESSION-FOREIGN).
func (s *Server) BeginSession(ctx context.Context, req *identitypb.BeginSessionRequest) (*identitypb.SessionTokens, error) {
	if p, _ := access.From(ctx); p != access.Service(mtls.Gateway) {
		return nil, fault.PermissionDenied(faultpb.Reason_REASON_SERVICES_ONLY, "")
	}
	if s.Foreign == nil {
		return nil, fault.Unimplemented(faultpb.Reason_REASON_METHOD_UNKNOWN, "", "value", identitypb.SignInService_BeginSession_FullMethodName)
	}
	said, displayName, err := s.Foreign.Verify(ctx, req.GetIdToken(), req.GetNonce())
	if err != nil {
		return nil, err
	}
	id := rpc.NewID("")
	refresh := session.NewSecret(id)
	signed, claims, err := s.Signer.Sign(ctx, strings.TrimPrefix(said.Principal, account.Principals), s.Limits.Token, "")
	if err != nil {
		return nil, err
	}
	issued := &identitypb.IssuedToken{Id: claims.ID, ExpireTime: moment(claims.Expires)}
	source := sourceOf(ctx)
	begun, err := store.Update(as(ctx, claims.Principal), s.store, nil, func(tx *store.Tx) (*identitypb.Session, error) {
		if err := makeRoom(tx, claims.Principal); err != nil {
			return nil, err
		}
		begun, proof := session.Begin(session.Collection+id, claims.Principal, source, refresh, issued, s.Limits, tx.At())
		proof.DisplayName = displayName
		return begun, keepSession(tx, begun, proof)
	})
	if err != nil {
		return nil, err
	}
	return tokensOf(begun, signed, refresh, claims), nil
}

// EndSessions ends the sessions of somebody.
func (s *Server) EndSessions(ctx context.Context, req *identitypb.EndSessionsRequest) (*identitypb.EndSessionsResponse, error) {
	return store.Update(ctx, s.store, nil, func(tx *store.Tx) (*identitypb.EndSessionsResponse, error) {
		if err := tx.Require(manages, everywhere); err != nil {
			return nil, err
		}
		owner := req.GetPrincipal()
		if id := strings.TrimPrefix(owner, account.Principals); !token.ForeignID(id) {
			owner = account.Collection + id
			if _, there, err := records.Accounts.Find(tx, owner); err != nil || !there {
				return nil, orNone(err, req.GetPrincipal())
			}
		}
		gone, err := forgetAll(tx, owner, "")
		if err != nil {
			return nil, err
		}
		return &identitypb.EndSessionsResponse{Ended: int32(gone)}, noteEnded(tx, owner, ending(tx, gone)) //nolint:gosec // session.Most at most
	})
}

func orNone(err error, principal string) error {
	if err != nil {
		return err
	}
	return fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "principal", "name", principal)
}

// holder is for whom a session goes on: an account by its credentials, or another issuer's user.
type holder struct {
	credentials

	principal string
}

// holderOf reads for whom a session goes on. Unauthenticated (SESSION_ENDED) if it was begun by an issuer that the operator
// does not name any more.
func (s *Server) holderOf(r store.Reader, of *identitypb.Session) (holder, error) {
	principal := of.GetPrincipal()
	if principal == "" {
		c, err := readCredentials(r, of.GetAccount())
		return holder{credentials: c}, err
	}
	if s.Foreign == nil || !s.Foreign.Names(principal) {
		return holder{}, ended()
	}
	return holder{principal: principal}, nil
}

// id is what a token calls the holder.
func (h holder) id() string {
	if h.principal != "" {
		return strings.TrimPrefix(h.principal, account.Principals)
	}
	return account.ID(h.record.GetName())
}

// unchanged refuses an account that was changed meanwhile; of another issuer's user nothing is kept.
func (h holder) unchanged(tx *store.Tx) error {
	if h.principal != "" {
		return nil
	}
	return h.credentials.unchanged(tx)
}

// foreignCaller answers who calls that signed in by another issuer.
func (s *Server) foreignCaller(ctx context.Context, c caller, out *identitypb.Caller) (*identitypb.Caller, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*identitypb.Caller, error) {
		in, err := c.sessionIn(tx)
		if err != nil {
			return nil, err
		}
		proof, _, err := records.SessionProofs.Find(tx, in)
		out.Session, out.DisplayName = in, proof.GetDisplayName()
		return out, err
	})
}

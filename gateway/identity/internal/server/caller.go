package server

import (
	"cmp"
	"context"
	"strings"

	"google.golang.org/grpc/metadata"

	"coso/gateway/identity/internal/account"
	"coso/gateway/identity/internal/records"
	"coso/gateway/internal/source"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/token"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

// sourceOf is the address from which a call comes; "" for one from the server itself.
func sourceOf(ctx context.Context) string {
	return strings.Join(metadata.ValueFromIncomingContext(ctx, source.Header), ",")
}

// caller is who calls: by the chain, and by the own token that came with the call, if one did.
type caller struct {
	principal string
	claims    token.Claims
	own       bool
}

// callerOf reads who calls. The chain has verified the token; it is looked at again for what a principal does not say. A
// token of another issuer is the chain's business alone.
func (s *Server) callerOf(ctx context.Context) (caller, error) {
	p, _ := access.From(ctx)
	c := caller{principal: p.Name}
	for _, header := range metadata.ValueFromIncomingContext(ctx, token.Header) {
		compact, ok := token.Bearer(header)
		if !ok {
			continue
		}
		claims, err := s.Verifier.Verify(ctx, compact)
		if err != nil {
			return caller{}, err
		}
		c = caller{principal: claims.Principal, claims: claims, own: claims.Issuer == s.Issuer}
	}
	return c, nil
}

// account is the name of the caller's account; "" if there is none.
func (c caller) account() string {
	if !c.own || token.ForeignID(c.claims.Subject) {
		return ""
	}
	return account.Collection + c.claims.Subject
}

// owner is whose the caller's sessions are: the account, or the principal who signed in here by another issuer.
func (c caller) owner() string { return cmp.Or(c.account(), c.principal) }

// sessionIn finds the session of the caller's token. Unauthenticated (SESSION_ENDED) for one that has ended;
// PermissionDenied (SESSION_NEEDED) for a caller who did not sign in here.
func (c caller) sessionIn(r store.Reader) (string, error) {
	if !c.own || c.claims.Scope.Has(access.ScopeAPI) {
		return "", fault.PermissionDenied(faultpb.Reason_REASON_SESSION_NEEDED, "")
	}
	for proof, err := range records.SessionProofs.By(r, records.SessionByToken, store.Text(c.claims.ID)) {
		return proof.GetName(), err
	}
	return "", fault.Unauthenticated(faultpb.Reason_REASON_SESSION_ENDED, "")
}

// accountIn is sessionIn for what only an account has: a password, API tokens. PermissionDenied (ACCOUNT_NEEDED) for who signed
// in by another issuer.
func (c caller) accountIn(r store.Reader) (string, error) {
	in, err := c.sessionIn(r)
	if err == nil && c.account() == "" {
		err = fault.PermissionDenied(faultpb.Reason_REASON_ACCOUNT_NEEDED, "")
	}
	return in, err
}

// GetCaller answers who calls.
func (s *Server) GetCaller(ctx context.Context, _ *identitypb.GetCallerRequest) (*identitypb.Caller, error) {
	c, err := s.callerOf(ctx)
	if err != nil {
		return nil, err
	}
	out := &identitypb.Caller{Principal: c.principal, Account: c.account()}
	if !c.own {
		return out, nil
	}
	out.ExpireTime = moment(c.claims.Expires)
	if c.claims.Scope != "" {
		out.Scope = strings.Fields(string(c.claims.Scope))
	}
	if out.GetAccount() == "" {
		return s.foreignCaller(ctx, c, out)
	}
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*identitypb.Caller, error) {
		whole, err := wholeAccount(tx, out.GetAccount())
		if err != nil {
			return nil, err
		}
		if whole.GetDisabled() {
			return nil, fault.Unauthenticated(faultpb.Reason_REASON_ACCOUNT_DISABLED, "")
		}
		out.DisplayName, out.MustChangePassword = whole.GetDisplayName(), whole.GetMustChangePassword()
		if !c.claims.Scope.Has(access.ScopeAPI) {
			out.Session, err = c.sessionIn(tx)
		}
		return out, err
	})
}

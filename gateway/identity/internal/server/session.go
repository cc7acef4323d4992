package server

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	"coso/gateway/identity/internal/account"
	"coso/gateway/identity/internal/password"
	"coso/gateway/identity/internal/records"
	"coso/gateway/identity/internal/session"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

func ended() error { return fault.Unauthenticated(faultpb.Reason_REASON_SESSION_ENDED, "") }

// presented finds the session that a refresh token is of, and says what it is to it. Unauthenticated if there is no such
// session any more, or the token was never its.
func presented(r store.Reader, name string, token session.Secret) (*identitypb.Session, *identitypb.SessionPrivate, session.Use, error) {
	of, there, err := records.Sessions.Find(r, name)
	if err != nil {
		return nil, nil, session.Foreign, err
	}
	if !there {
		return nil, nil, session.Foreign, ended()
	}
	proof, _, err := records.SessionProofs.Find(r, name)
	if err != nil {
		return nil, nil, session.Foreign, err
	}
	use := session.Judge(proof, token)
	if use == session.Foreign {
		err = fault.Unauthenticated(faultpb.Reason_REASON_REFRESH_TOKEN_INVALID, "")
	}
	return of, proof, use, err
}

// RefreshSession gives new tokens for a refresh token.
func (s *Server) RefreshSession(ctx context.Context, req *identitypb.RefreshSessionRequest) (*identitypb.SessionTokens, error) {
	name, refresh, ok := session.Read(req.GetRefreshToken())
	if !ok {
		return nil, fault.Unauthenticated(faultpb.Reason_REASON_REFRESH_TOKEN_INVALID, "")
	}
	h, err := store.View(ctx, s.store, func(tx *store.ReadTx) (holder, error) {
		of, _, _, err := presented(tx, name, refresh)
		if err != nil {
			return holder{}, err
		}
		return s.holderOf(tx, of)
	})
	if err != nil {
		return nil, err
	}
	signed, claims, err := s.Signer.Sign(ctx, h.id(), s.Limits.Token, h.scope())
	if err != nil {
		return nil, err
	}
	next := refresh.Next()
	issued := &identitypb.IssuedToken{Id: claims.ID, ExpireTime: moment(claims.Expires)}
	source := sourceOf(ctx)
	// A session without a name: it was ended, which must take effect, and the caller refused.
	of, err := store.Update(as(ctx, claims.Principal), s.store, nil, func(tx *store.Tx) (*identitypb.Session, error) {
		if err := h.unchanged(tx); err != nil {
			return nil, ended() // what the token would say is not true any more
		}
		of, proof, use, err := presented(tx, name, refresh)
		switch {
		case err != nil:
			return nil, err
		case session.Ended(of, tx.At()):
			return nil, ended()
		case use == session.UsedUp:
			if err := forget(tx, name); err != nil {
				return nil, err
			}
			return &identitypb.Session{}, noteEnded(tx, of.GetAccount(), ending(tx, 1))
		}
		of, proof = session.Refresh(of, proof, next, source, issued, s.Limits, tx.At())
		return of, keepSession(tx, of, proof)
	})
	if err != nil {
		return nil, err
	}
	if of.GetName() == "" {
		return nil, fault.Unauthenticated(faultpb.Reason_REASON_REFRESH_TOKEN_REUSED, "")
	}
	return tokensOf(of, signed, next, claims), nil
}

// EndSession signs out.
func (s *Server) EndSession(ctx context.Context, req *identitypb.EndSessionRequest) (*identitypb.EndSessionResponse, error) {
	find, principal := byRefreshToken(req.GetRefreshToken()), access.Service(Name).Name
	if req.GetRefreshToken() == "" {
		c, err := s.callerOf(ctx)
		if err != nil {
			return nil, err
		}
		if c.claims.Issuer == "" {
			return nil, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_MISSING, "")
		}
		find, principal = c.ownSession(req.GetName()), c.principal
	}
	_, err := store.Update(as(ctx, principal), s.store, nil, func(tx *store.Tx) (*emptypb.Empty, error) {
		name, err := find(tx)
		if fault.ReasonOf(err) == faultpb.Reason_REASON_SESSION_ENDED {
			return &emptypb.Empty{}, nil
		}
		if err != nil {
			return nil, err
		}
		return &emptypb.Empty{}, forget(tx, name)
	})
	return &identitypb.EndSessionResponse{}, err
}

// byRefreshToken finds the session of a refresh token, used up or not.
func byRefreshToken(refreshToken string) func(store.Reader) (string, error) {
	return func(r store.Reader) (string, error) {
		name, refresh, ok := session.Read(refreshToken)
		if !ok {
			return "", fault.Unauthenticated(faultpb.Reason_REASON_REFRESH_TOKEN_INVALID, "")
		}
		of, _, _, err := presented(r, name, refresh)
		return of.GetName(), err
	}
}

// ownSession finds one of the caller's sessions; the one that calls if no name is given.
func (c caller) ownSession(name string) func(store.Reader) (string, error) {
	return func(r store.Reader) (string, error) {
		current, err := c.sessionIn(r)
		if err != nil || name == "" {
			return current, err
		}
		of, there, err := records.Sessions.Find(r, name)
		if err == nil && (!there || session.Owner(of) != c.owner()) {
			err = fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name", "name", name)
		}
		return name, err
	}
}

// ListSessions answers the caller's sessions.
func (s *Server) ListSessions(ctx context.Context, _ *identitypb.ListSessionsRequest) (*identitypb.ListSessionsResponse, error) {
	c, err := s.callerOf(ctx)
	if err != nil {
		return nil, err
	}
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*identitypb.ListSessionsResponse, error) {
		current, err := c.sessionIn(tx)
		if err != nil {
			return nil, err
		}
		has, err := all(records.Sessions.By(tx, records.SessionsByOwner, store.Text(c.owner())))
		if err != nil {
			return nil, err
		}
		open := session.Open(has, s.Now())
		for _, one := range open {
			one.Current = one.GetName() == current
		}
		return &identitypb.ListSessionsResponse{Sessions: open}, nil
	})
}

// ChangePassword changes the caller's password. The present one is asked for, since a session may have been left open; it
// can be guessed as slowly here as at sign-in.
func (s *Server) ChangePassword(ctx context.Context, req *identitypb.ChangePasswordRequest) (*identitypb.ChangePasswordResponse, error) {
	c, err := s.callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := store.View(ctx, s.store, func(tx *store.ReadTx) (string, error) { return c.accountIn(tx) }); err != nil {
		return nil, err
	}
	user := account.ID(c.account())
	if err := password.Check("newPassword", req.GetNewPassword(), user); err != nil {
		return nil, err
	}
	if req.GetNewPassword() == req.GetOldPassword() {
		return nil, fault.InvalidArgument(faultpb.Reason_REASON_PASSWORD_UNCHANGED, "newPassword")
	}
	try, err := s.book.Begin(user, networkOf(ctx))
	if err != nil {
		return nil, err
	}
	was, err := s.credentialsOf(ctx, c.account())
	if err != nil {
		try.Undecided()
		return nil, err
	}
	matches, err := s.Hasher.Matches(ctx, was.private.GetPassword(), req.GetOldPassword())
	if err != nil {
		try.Undecided()
		return nil, err
	}
	if !matches {
		return nil, fault.InvalidArgument(faultpb.Reason_REASON_PASSWORD_WRONG, "oldPassword").With(s.keepFailures(ctx))
	}
	forgiven := try.Succeeded()
	hash, err := s.Hasher.Hash(ctx, req.GetNewPassword())
	if err != nil {
		return nil, err
	}
	done, err := store.Update(as(ctx, c.principal), s.store, nil, func(tx *store.Tx) (*identitypb.Account, error) {
		for _, key := range forgiven {
			if err := records.Failures.Delete(tx, key); err != nil {
				return nil, err
			}
		}
		if err := was.unchanged(tx); err != nil {
			return nil, err
		}
		current, err := c.sessionIn(tx)
		if err != nil {
			return nil, err
		}
		gone, err := shutOut(tx, c.account(), current)
		if err != nil {
			return nil, err
		}
		return choosePassword(tx, c.account(), hash, gone)
	})
	if err != nil {
		return nil, err
	}
	return &identitypb.ChangePasswordResponse{RevokedApiTokens: revokedWith(done)}, nil
}

// revokedWith is how many API tokens were revoked when an account's password was last set.
func revokedWith(a *identitypb.Account) int32 {
	gone := a.GetEnded()
	if !gone.GetTime().AsTime().Equal(a.GetPasswordTime().AsTime()) {
		return 0
	}
	return int32(len(gone.GetApiTokens())) //nolint:gosec // apitoken.Most at most
}

// choosePassword gives an account a password that its owner chose; gone is what was ended with the one before.
func choosePassword(tx *store.Tx, name string, hash *identitypb.PasswordHash, gone *identitypb.AccountEnding) (*identitypb.Account, error) {
	c, err := readCredentials(tx, name)
	if err != nil {
		return nil, err
	}
	if err := records.Passwords.Put(tx, account.Own(c.private, name, hash)); err != nil {
		return nil, err
	}
	next, event := account.Set(c.record, false, tx.At())
	return records.Accounts.Put(tx, account.Ended(next, gone), event)
}

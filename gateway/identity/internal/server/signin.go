package server

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"coso/gateway/identity/internal/account"
	"coso/gateway/identity/internal/lockout"
	"coso/gateway/identity/internal/records"
	"coso/gateway/identity/internal/session"
	"coso/gateway/internal/source"
	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/platform/token"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

// networkOf is what counts as one source of failures.
func networkOf(ctx context.Context) string { return source.Network(sourceOf(ctx)) }

// credentials are an account and how it signs in.
type credentials struct {
	record  *identitypb.Account
	private *identitypb.AccountPrivate
}

// credentialsOf reads the credentials of an account; empty ones if there is none.
func (s *Server) credentialsOf(ctx context.Context, name string) (credentials, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (credentials, error) { return readCredentials(tx, name) })
}

func readCredentials(r store.Reader, name string) (c credentials, err error) {
	var there bool
	if c.record, there, err = records.Accounts.Find(r, name); err != nil || !there {
		return credentials{}, err
	}
	c.private, _, err = records.Passwords.Find(r, name)
	return c, err
}

// good refuses who knows the password and still must not sign in: Unauthenticated.
func (c credentials) good(s *Server) error {
	if c.record.GetDisabled() {
		return fault.Unauthenticated(faultpb.Reason_REASON_ACCOUNT_DISABLED, "")
	}
	if end := c.private.GetExpireTime(); end != nil && !s.Now().Before(end.AsTime()) {
		return fault.Unauthenticated(faultpb.Reason_REASON_ONE_TIME_PASSWORD_EXPIRED, "", "value", civil.Moment(end.AsTime()))
	}
	return nil
}

// scope is what tokens are narrowed to that are given to who signs in so.
func (c credentials) scope() token.Scope {
	if c.private.GetOneTime() {
		return access.ScopePassword
	}
	return ""
}

// CreateSession signs in. An unknown user name costs what a known one does, and is refused in the same words.
func (s *Server) CreateSession(ctx context.Context, req *identitypb.CreateSessionRequest) (*identitypb.SessionTokens, error) {
	user := strings.ToLower(strings.TrimSpace(req.GetUsername()))
	try, err := s.book.Begin(user, networkOf(ctx))
	if err != nil {
		return nil, err
	}
	c, err := s.credentialsOf(ctx, account.Collection+user)
	if err != nil {
		try.Undecided()
		return nil, err
	}
	matches, err := s.Hasher.Matches(ctx, c.private.GetPassword(), req.GetPassword())
	if err != nil {
		try.Undecided()
		return nil, err
	}
	if !matches {
		return nil, fault.Unauthenticated(faultpb.Reason_REASON_SIGN_IN_FAILED, "").With(s.keepFailures(ctx))
	}
	forgiven := try.Succeeded()
	if err := c.good(s); err != nil {
		return nil, err
	}
	return s.begin(ctx, c, req.GetPassword(), forgiven)
}

// keepFailures stores what a restart must not forget.
func (s *Server) keepFailures(ctx context.Context) error {
	taken := s.book.Take()
	if taken == nil {
		return nil
	}
	_, err := store.Update(itself(ctx), s.store, nil, func(tx *store.Tx) (*emptypb.Empty, error) {
		kept, err := all(records.Failures.All(tx))
		if err != nil {
			return nil, err
		}
		for _, k := range kept {
			if lockout.Old(k, tx.At()) {
				if err := records.Failures.Delete(tx, k.GetKey()); err != nil {
					return nil, err
				}
			}
		}
		room := maxFailures - len(kept)
		for _, k := range taken {
			_, there, err := records.Failures.Find(tx, k.GetKey())
			if err != nil {
				return nil, err
			}
			if !there {
				room--
			}
			if !there && room < 0 {
				continue
			}
			if err := records.Failures.Put(tx, k); err != nil {
				return nil, err
			}
		}
		return &emptypb.Empty{}, nil
	})
	return err
}

// maxFailures bounds how many failures are stored at once; see package lockout.
const maxFailures = 1000

// begin begins a session of who has proved the password.
func (s *Server) begin(ctx context.Context, c credentials, secret string, forgiven []string) (*identitypb.SessionTokens, error) {
	name := c.record.GetName()
	id := rpc.NewID("")
	refresh := session.NewSecret(id)
	signed, claims, err := s.Signer.Sign(ctx, account.ID(name), s.Limits.Token, c.scope())
	if err != nil {
		return nil, err
	}
	var grown *identitypb.PasswordHash
	if s.Hasher.Outgrown(c.private.GetPassword()) {
		if grown, err = s.Hasher.Hash(ctx, secret); err != nil {
			return nil, err
		}
	}
	issued := &identitypb.IssuedToken{Id: claims.ID, ExpireTime: moment(claims.Expires)}
	source := sourceOf(ctx)
	begun, err := store.Update(as(ctx, claims.Principal), s.store, nil, func(tx *store.Tx) (*identitypb.Session, error) {
		if err := c.unchanged(tx); err != nil {
			return nil, err
		}
		for _, key := range forgiven {
			if err := records.Failures.Delete(tx, key); err != nil {
				return nil, err
			}
		}
		if grown != nil {
			next := proto.CloneOf(c.private)
			next.Password = grown
			if err := records.Passwords.Put(tx, next); err != nil {
				return nil, err
			}
		}
		if err := makeRoom(tx, name); err != nil {
			return nil, err
		}
		begun, proof := session.Begin(session.Collection+id, name, source, refresh, issued, s.Limits, tx.At())
		return begun, keepSession(tx, begun, proof)
	})
	if err != nil {
		return nil, err
	}
	return tokensOf(begun, signed, refresh, claims), nil
}

// unchanged refuses who signs in with what was changed while it was checked.
func (c credentials) unchanged(tx *store.Tx) error {
	now, err := readCredentials(tx, c.record.GetName())
	if err != nil {
		return err
	}
	if now.record.GetDisabled() || !proto.Equal(now.private, c.private) {
		return fault.Unauthenticated(faultpb.Reason_REASON_SIGN_IN_FAILED, "")
	}
	return nil
}

// makeRoom ends the sessions that an owner has too many, if another one begins.
func makeRoom(tx *store.Tx, owner string) error {
	has, err := all(records.Sessions.By(tx, records.SessionsByOwner, store.Text(owner)))
	if err != nil {
		return err
	}
	for _, one := range session.Surplus(has, tx.At()) {
		if err := forget(tx, one.GetName()); err != nil {
			return err
		}
	}
	return nil
}

func keepSession(tx *store.Tx, begun *identitypb.Session, proof *identitypb.SessionPrivate) error {
	if err := records.Sessions.Put(tx, begun); err != nil {
		return err
	}
	if err := records.SessionProofs.Put(tx, proof); err != nil {
		return err
	}
	return store.SetTimer(tx, begun.GetName(), begun.GetExpireTime().AsTime(), nil)
}

func tokensOf(of *identitypb.Session, signed string, refresh session.Secret, claims token.Claims) *identitypb.SessionTokens {
	of.Current = true
	return &identitypb.SessionTokens{
		Token: signed, ExpireTime: moment(claims.Expires), RefreshToken: refresh.Text, MustChangePassword: claims.Scope.Has(access.ScopePassword),
		Principal: claims.Principal, Session: of,
	}
}

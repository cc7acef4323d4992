package server

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"coso/gateway/identity/internal/account"
	"coso/gateway/identity/internal/apitoken"
	"coso/gateway/identity/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/platform/token"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

// exchangedLife is how long a token holds that was given for an API token.
const exchangedLife = 5 * time.Minute

// CreateApiToken makes an API token for the caller.
func (s *Server) CreateApiToken(ctx context.Context, req *identitypb.CreateApiTokenRequest) (*identitypb.CreateApiTokenResponse, error) { //nolint:revive,staticcheck // named by the contract
	c, err := s.callerOf(ctx)
	if err != nil {
		return nil, err
	}
	name := apitoken.Collection + rpc.NewID("")
	secret, hash := apitoken.NewSecret()
	made, err := store.Update(as(ctx, c.principal), s.store, req, func(tx *store.Tx) (*identitypb.ApiToken, error) {
		if _, err := c.accountIn(tx); err != nil {
			return nil, err
		}
		others, err := all(records.APITokens.By(tx, records.APITokensByAccount, store.Text(c.account())))
		if err != nil {
			return nil, err
		}
		made, err := apitoken.Create(req.GetApiToken(), name, c.account(), others, tx.At())
		if err != nil {
			return nil, fault.In("apiToken", err)
		}
		if err := forgetTokens(tx, apitoken.Surplus(others, tx.At())); err != nil {
			return nil, err
		}
		if err := records.APIProofs.Put(tx, &identitypb.ApiTokenPrivate{Hash: hash, Name: name}); err != nil {
			return nil, err
		}
		return made, records.APITokens.Put(tx, made)
	})
	if err != nil {
		return nil, err
	}
	return &identitypb.CreateApiTokenResponse{ApiToken: made, Secret: secret}, nil
}

// forgetTokens removes API tokens that have ended.
func forgetTokens(tx *store.Tx, gone []*identitypb.ApiToken) error {
	for _, t := range gone {
		if err := records.APITokens.Delete(tx, t.GetName()); err != nil {
			return err
		}
		for p, err := range records.APIProofs.By(tx, records.APIProofsByName, store.Text(t.GetName())) {
			if err != nil {
				return err
			}
			if err := records.APIProofs.Delete(tx, p.GetHash()); err != nil {
				return err
			}
			break
		}
	}
	return nil
}

// ListApiTokens answers the caller's API tokens.
func (s *Server) ListApiTokens(ctx context.Context, req *identitypb.ListApiTokensRequest) (*identitypb.ListApiTokensResponse, error) { //nolint:revive,staticcheck // named by the contract
	c, err := s.callerOf(ctx)
	if err != nil {
		return nil, err
	}
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*identitypb.ListApiTokensResponse, error) {
		if _, err := c.accountIn(tx); err != nil {
			return nil, err
		}
		of := store.Having(records.APITokensByAccount, store.Text(c.account()))
		found, next, err := records.APITokens.List(tx, req, of, func(t *identitypb.ApiToken) bool { return !apitoken.Over(t, s.Now()) })
		return &identitypb.ListApiTokensResponse{ApiTokens: found, NextPageToken: next}, err
	})
}

// RevokeApiToken revokes one of the caller's API tokens.
func (s *Server) RevokeApiToken(ctx context.Context, req *identitypb.RevokeApiTokenRequest) (*identitypb.ApiToken, error) { //nolint:revive,staticcheck // named by the contract
	c, err := s.callerOf(ctx)
	if err != nil {
		return nil, err
	}
	return store.Update(as(ctx, c.principal), s.store, req, func(tx *store.Tx) (*identitypb.ApiToken, error) {
		if _, err := c.accountIn(tx); err != nil {
			return nil, err
		}
		cur, there, err := records.APITokens.Find(tx, req.GetName())
		if err != nil {
			return nil, err
		}
		if !there || cur.GetAccount() != c.account() {
			return nil, fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name", "name", req.GetName())
		}
		next := apitoken.Revoke(cur, tx.At())
		if proto.Equal(next, cur) {
			return cur, nil
		}
		if err := records.APITokens.Put(tx, next); err != nil {
			return nil, err
		}
		return next, noteEnded(tx, c.account(), ending(tx, 0, next.GetName()))
	})
}

// ExchangeApiToken gives a token for an API token. No failures are counted: nobody guesses 256 bits.
func (s *Server) ExchangeApiToken(ctx context.Context, req *identitypb.ExchangeApiTokenRequest) (*identitypb.ExchangeApiTokenResponse, error) { //nolint:revive,staticcheck // named by the contract
	hash, ok := apitoken.Hash(req.GetSecret())
	if !ok {
		return nil, unknownAPIToken()
	}
	t, err := store.View(ctx, s.store, func(tx *store.ReadTx) (*identitypb.ApiToken, error) { return s.goodAPIToken(tx, hash) })
	if err != nil {
		return nil, err
	}
	scope := token.Scope(access.ScopeAPI)
	if t.GetScope() != identitypb.ApiTokenScope_API_TOKEN_SCOPE_ALL {
		scope += " " + access.ScopeRead
	}
	signed, claims, err := s.Signer.Sign(ctx, account.ID(t.GetAccount()), exchangedLife, scope)
	if err != nil {
		return nil, err
	}
	if apitoken.Used(t, s.Now()) != nil {
		_, err = store.Update(as(ctx, claims.Principal), s.store, nil, func(tx *store.Tx) (*emptypb.Empty, error) {
			cur, err := s.goodAPIToken(tx, hash)
			if err != nil {
				return nil, err
			}
			if next := apitoken.Used(cur, tx.At()); next != nil {
				err = records.APITokens.Put(tx, next)
			}
			return &emptypb.Empty{}, err
		})
	}
	if err != nil {
		return nil, err
	}
	return &identitypb.ExchangeApiTokenResponse{Token: signed, ExpireTime: moment(claims.Expires), Principal: claims.Principal}, nil
}

func unknownAPIToken() error {
	return fault.Unauthenticated(faultpb.Reason_REASON_API_TOKEN_INVALID, "")
}

// goodAPIToken finds the API token with this hash, if it is good and its account open.
func (s *Server) goodAPIToken(r store.Reader, hash string) (*identitypb.ApiToken, error) {
	proof, there, err := records.APIProofs.Find(r, hash)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, unknownAPIToken()
	}
	t, err := records.APITokens.Get(r, proof.GetName())
	if err != nil {
		return nil, err
	}
	if err := apitoken.Good(t, s.Now()); err != nil {
		return nil, err
	}
	of, err := records.Accounts.Get(r, t.GetAccount())
	if err == nil && of.GetDisabled() {
		err = fault.Unauthenticated(faultpb.Reason_REASON_ACCOUNT_DISABLED, "")
	}
	return t, err
}

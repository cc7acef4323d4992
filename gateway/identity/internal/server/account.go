package server

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"coso/gateway/identity/internal/account"
	"coso/gateway/identity/internal/password"
	"coso/gateway/identity/internal/records"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/platform/token"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	historypb "coso/proto/gen/coso/history/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

// everywhere is the unit of what belongs to none: accounts are the whole installation's.
const everywhere = ""

const (
	reads   = accesspb.Permission_PERMISSION_ACCOUNTS_READ
	manages = accesspb.Permission_PERMISSION_ACCOUNTS_MANAGE
)

// wholeAccount reads an account with its profile.
func wholeAccount(r store.Reader, name string) (*identitypb.Account, error) {
	record, err := records.Accounts.Get(r, name)
	if err != nil {
		return nil, err
	}
	profile, _, err := records.Profiles.Find(r, name)
	return account.Whole(record, profile), err
}

// putAccount stores an account that was read in this transaction, and answers it as it is then.
func putAccount(tx *store.Tx, whole *identitypb.Account, event proto.Message) (*identitypb.Account, error) {
	record, err := records.Accounts.Put(tx, account.Record(whole), event)
	if err != nil {
		return nil, err
	}
	return settled(tx, whole, record)
}

// settled stores the profile of an account whose record has been.
func settled(tx *store.Tx, whole, record *identitypb.Account) (*identitypb.Account, error) {
	cur, _, err := records.Profiles.Find(tx, record.GetName())
	if err != nil {
		return nil, err
	}
	profile := account.Profile(cur, whole)
	if cur == nil || !proto.Equal(cur, profile) {
		err = records.Profiles.Put(tx, profile)
	}
	return account.Whole(record, profile), err
}

// CreateAccount opens an account.
func (s *Server) CreateAccount(ctx context.Context, req *identitypb.CreateAccountRequest) (*identitypb.CreateAccountResponse, error) {
	id := req.GetAccountId()
	if !token.AccountID(id) {
		return nil, fault.InvalidArgument(faultpb.Reason_REASON_ACCOUNT_ID_RESERVED, "accountId", "value", id)
	}
	// Asked before a password is hashed: who may not do this must not make the server work.
	if _, err := store.View(ctx, s.store, func(tx *store.ReadTx) (*emptypb.Empty, error) {
		return &emptypb.Empty{}, tx.Require(manages, everywhere)
	}); err != nil {
		return nil, err
	}
	secret := password.OneTime()
	hash, err := s.Hasher.Hash(ctx, secret)
	if err != nil {
		return nil, err
	}
	made, err := store.Update(ctx, s.store, req, func(tx *store.Tx) (*identitypb.Account, error) {
		if err := tx.Require(manages, everywhere); err != nil {
			return nil, err
		}
		return openAccount(tx, req.GetAccount(), id, hash)
	})
	if err != nil {
		return nil, err
	}
	return &identitypb.CreateAccountResponse{Account: made, OneTimePassword: secret}, nil
}

// openAccount creates an account with a one-time password.
func openAccount(tx *store.Tx, asked *identitypb.Account, id string, hash *identitypb.PasswordHash) (*identitypb.Account, error) {
	whole, event, err := account.Create(asked, id, tx.At())
	if err != nil {
		return nil, fault.In("account", err)
	}
	record, err := records.Accounts.Create(tx, account.Record(whole), event)
	if err != nil {
		return nil, err
	}
	if err := records.Passwords.Put(tx, account.OneTime(nil, record.GetName(), hash, tx.At())); err != nil {
		return nil, err
	}
	return settled(tx, whole, record)
}

// GetAccount answers one account.
func (s *Server) GetAccount(ctx context.Context, req *identitypb.GetAccountRequest) (*identitypb.Account, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*identitypb.Account, error) {
		if err := tx.Require(reads, everywhere); err != nil {
			return nil, err
		}
		return wholeAccount(tx, req.GetName())
	})
}

// ListAccounts answers a page of accounts.
func (s *Server) ListAccounts(ctx context.Context, req *identitypb.ListAccountsRequest) (*identitypb.ListAccountsResponse, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*identitypb.ListAccountsResponse, error) {
		if err := tx.Require(reads, everywhere); err != nil {
			return nil, err
		}
		found, next, err := records.Accounts.List(tx, req, store.Every[*identitypb.Account](), nil)
		if err != nil {
			return nil, err
		}
		for i, record := range found {
			profile, _, err := records.Profiles.Find(tx, record.GetName())
			if err != nil {
				return nil, err
			}
			found[i] = account.Whole(record, profile)
		}
		return &identitypb.ListAccountsResponse{Accounts: found, NextPageToken: next}, nil
	})
}

// UpdateAccount names an account otherwise, closes it or opens it again.
func (s *Server) UpdateAccount(ctx context.Context, req *identitypb.UpdateAccountRequest) (*identitypb.Account, error) {
	c, err := s.callerOf(ctx)
	if err != nil {
		return nil, err
	}
	asked := req.GetAccount()
	done, err := store.Update(ctx, s.store, req, func(tx *store.Tx) (*identitypb.Account, error) {
		if err := byOneself(tx); err != nil {
			return nil, err
		}
		if _, err := records.Accounts.Current(tx, asked.GetName(), asked.GetEtag()); err != nil {
			return nil, fault.In("account", err)
		}
		cur, err := wholeAccount(tx, asked.GetName())
		if err != nil {
			return nil, err
		}
		merged, err := rpc.Merge(cur, asked, req.GetUpdateMask())
		if err != nil {
			return nil, err
		}
		next, event, err := account.Update(cur, merged, c.principal, tx.At())
		if err != nil || event == nil {
			return next, fault.In("account", err)
		}
		if next.GetDisabled() {
			gone, err := shutOut(tx, next.GetName(), "")
			if err != nil {
				return nil, err
			}
			next = account.Ended(next, gone)
		}
		return putAccount(tx, next, event)
	})
	if err != nil || done.GetDisplayName() != "" {
		return done, err
	}
	// A request that took effect before is answered from the record, which has no profile.
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*identitypb.Account, error) {
		if err := tx.Require(manages, everywhere); err != nil {
			return nil, err
		}
		return wholeAccount(tx, done.GetName())
	})
}

// byOneself asks for the permission to manage accounts, held by a grant of one's own: a substitute who resets the password of
// whom he stands in for would act as that one for ever (INV-GRANT-ENDS).
func byOneself(tx *store.Tx) error {
	if err := tx.Require(manages, everywhere); err != nil {
		return err
	}
	if whose := tx.Actor().OnBehalfOf; whose != "" {
		return fault.PermissionDenied(faultpb.Reason_REASON_NOT_AS_SUBSTITUTE, "", "name", whose)
	}
	return nil
}

// ResetPassword gives an account a new one-time password.
func (s *Server) ResetPassword(ctx context.Context, req *identitypb.ResetPasswordRequest) (*identitypb.ResetPasswordResponse, error) {
	c, err := s.callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := store.View(ctx, s.store, func(tx *store.ReadTx) (*identitypb.Account, error) {
		if err := tx.Require(manages, everywhere); err != nil {
			return nil, err
		}
		return records.Accounts.Get(tx, req.GetName())
	}); err != nil {
		return nil, err
	}
	secret := password.OneTime()
	hash, err := s.Hasher.Hash(ctx, secret)
	if err != nil {
		return nil, err
	}
	_, err = store.Update(ctx, s.store, req, func(tx *store.Tx) (*identitypb.Account, error) {
		if err := byOneself(tx); err != nil {
			return nil, err
		}
		return resetPassword(tx, req.GetName(), c.principal, hash)
	})
	if err != nil {
		return nil, err
	}
	return &identitypb.ResetPasswordResponse{OneTimePassword: secret}, nil
}

func resetPassword(tx *store.Tx, name, caller string, hash *identitypb.PasswordHash) (*identitypb.Account, error) {
	cur, err := wholeAccount(tx, name)
	if err != nil {
		return nil, err
	}
	next, event, err := account.Reset(cur, caller, tx.At())
	if err != nil {
		return nil, err
	}
	was, _, err := records.Passwords.Find(tx, name)
	if err != nil {
		return nil, err
	}
	if err := records.Passwords.Put(tx, account.OneTime(was, name, hash, tx.At())); err != nil {
		return nil, err
	}
	gone, err := shutOut(tx, name, "")
	if err != nil {
		return nil, err
	}
	return putAccount(tx, account.Ended(next, gone), event)
}

// ListAccountHistory answers who changed an account, when and what.
func (s *Server) ListAccountHistory(ctx context.Context, req *identitypb.ListAccountHistoryRequest) (*historypb.History, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*historypb.History, error) {
		if err := tx.Require(reads, everywhere); err != nil {
			return nil, err
		}
		found, err := records.Accounts.History(tx, req)
		return account.Changed(found), err
	})
}

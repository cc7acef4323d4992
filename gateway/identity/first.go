package identity

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/emptypb"

	"coso/gateway/identity/internal/account"
	"coso/gateway/identity/internal/password"
	"coso/gateway/identity/internal/records"
	"coso/gateway/identity/internal/server"
	"coso/services/platform/fault"
	"coso/services/platform/store"

	identitypb "coso/proto/gen/coso/identity/v1"
)

// First is the first account of an installation, if it still needs its first password.
type First struct {
	// Principal is whose it is, `principals/admin`; empty if there is nothing to tell.
	Principal string
	// OneTimePassword is with what it signs in; empty if the operator has given a password.
	OneTimePassword string
}

// Greeting tells an operator, in lines of their own, how to sign in for the first time; empty if there is nothing to tell.
func (f First) Greeting() string {
	if f.OneTimePassword == "" {
		return ""
	}
	return fmt.Sprintf("First sign-in: user name %s, one-time password %s\n"+
		"Đăng nhập lần đầu: tên đăng nhập %s, mật khẩu dùng một lần %s\n", account.First, f.OneTimePassword, account.First, f.OneTimePassword)
}

// CheckFirst says why a password that is given for the first account cannot be it; nil for an empty one.
func CheckFirst(given string) error {
	if given == "" {
		return nil
	}
	return password.Check("COSO_ADMIN_PASSWORD", given, account.First)
}

// EnsureFirst sees to it that somebody can sign in: in an empty store it opens the account `admin`, with the password given,
// or with a one-time password that it answers. It is called with each start, before anybody is served, and does nothing
// once the one-time password was changed. Until then each call makes a new one: whoever did not see the last one printed,
// or was cut off before, starts again (INV-IDENTITY-WAY-IN). A password that is given later than that is ignored.
//
// Errors: those of CheckFirst and of the store; but a store that takes no commands now (its clock, its disk) is no reason not
// to serve: that is logged, and the next start tries again.
func (s *Service) EnsureFirst(ctx context.Context, given string) (First, error) {
	first, err := s.ensureFirst(itself(ctx, "first"), given)
	if fault.KindOf(err) == fault.KindUnavailable {
		s.logger.WarnContext(ctx, "nobody has signed in yet, and the way in cannot be made now: start again when commands are taken", "error", err)
		return First{}, nil
	}
	return first, err
}

func (s *Service) ensureFirst(ctx context.Context, given string) (First, error) {
	needed, err := store.View(ctx, s.Store(), func(tx *store.ReadTx) (bool, error) { return needsFirst(tx) })
	if err != nil || !needed {
		return First{}, err
	}
	secret, out := given, First{Principal: account.Principals + account.First}
	if given == "" {
		secret = password.OneTime()
		out.OneTimePassword = secret
	} else if err := CheckFirst(given); err != nil {
		return First{}, err
	}
	hash, err := s.hasher.Hash(ctx, secret)
	if err != nil {
		return First{}, err
	}
	_, err = store.Update(ctx, s.Store(), nil, func(tx *store.Tx) (*emptypb.Empty, error) {
		needed, err := needsFirst(tx)
		if err == nil && needed {
			err = server.SetFirst(tx, hash, given == "")
		}
		return &emptypb.Empty{}, err
	})
	if err != nil {
		return First{}, err
	}
	return out, nil
}

// needsFirst reports whether there is no account yet, or only the first one's one-time password, which nobody has changed.
func needsFirst(r store.Reader) (bool, error) {
	for _, err := range records.Accounts.All(r) {
		if err != nil {
			return false, err
		}
		var private *identitypb.AccountPrivate
		private, _, err = records.Passwords.Find(r, account.Collection+account.First)
		return private.GetFirst(), err
	}
	return true, nil
}

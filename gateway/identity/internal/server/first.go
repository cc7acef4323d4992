package server

import (
	"coso/gateway/identity/internal/account"
	"coso/gateway/identity/internal/records"
	"coso/services/platform/store"

	identitypb "coso/proto/gen/coso/identity/v1"
)

// firstName is what the first account is called until somebody says otherwise.
const firstName = "Quản trị viên"

// SetFirst opens the first account of an installation, or gives it another first password. A one-time one marks it, so that
// the next start makes another as long as nobody has changed it.
func SetFirst(tx *store.Tx, hash *identitypb.PasswordHash, oneTime bool) error {
	name := account.Collection + account.First
	_, there, err := records.Accounts.Find(tx, name)
	if err != nil {
		return err
	}
	if !there {
		if _, err := openAccount(tx, &identitypb.Account{DisplayName: firstName}, account.First, hash); err != nil {
			return err
		}
	}
	if _, err := forgetAll(tx, name, ""); err != nil {
		return err
	}
	if !oneTime {
		_, err = choosePassword(tx, name, hash, nil)
		return err
	}
	was, _, err := records.Passwords.Find(tx, name)
	if err != nil {
		return err
	}
	next := account.OneTime(was, name, hash, tx.At())
	next.First = true
	return records.Passwords.Put(tx, next)
}

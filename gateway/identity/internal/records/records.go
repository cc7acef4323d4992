// Package records is what the identity service stores. The golden dump in testdata/schema.txt holds this comment to the
// truth.
//
//	accounts        coso.identity.v1.Account           record: the account without what is personal
//	profiles        coso.identity.v1.AccountProfile    copy: what is personal, by the account's name
//	passwords       coso.identity.v1.AccountPrivate    copy: how the account signs in, by the account's name
//	sessions        coso.identity.v1.Session           copy
//	    account       account, or else principal         the sessions of an account, or of another issuer's user
//	session-proofs  coso.identity.v1.SessionPrivate    copy, by the session's name
//	    token         id of a signed token, unique       the session that a token was given out for
//	api-tokens      coso.identity.v1.ApiToken          copy
//	    account-latest account, moment descending         the API tokens of an account, the last made first
//	api-proofs      coso.identity.v1.ApiTokenPrivate   copy, by the hash of the secret
//	    name          API token                          the proof of an API token
//	failures        coso.identity.v1.FailuresPrivate   copy, by what is counted
//	key-rings       coso.access.v1.KeyRingPrivate      copy: the keys that sign tokens
//	units           coso.registry.v1.Unit              copy of registry's
//	grants          coso.registry.v1.Grant             copy of registry's
//	    principal-end principal, end                     the grants of somebody by their ends
//
// Only accounts are records: announced, and with a history. The rest is journalled without either, since it is personal, or
// secret, or says who was signed in when: INV-IDENTITY-SILENT.
package records

import (
	"coso/gateway/identity/internal/session"
	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/scope"
	"coso/services/platform/store"
)

// Accounts are the accounts without what is personal, by name.
var Accounts = store.NewTable("accounts", (*identitypb.Account).GetName, store.In(everybodys))

// Profiles are what is personal of accounts, by their names.
var Profiles = store.NewCopy("profiles", (*identitypb.AccountProfile).GetName)

// Passwords are how accounts sign in, by their names.
var Passwords = store.NewCopy("passwords", (*identitypb.AccountPrivate).GetName)

// Sessions are the sessions, by name.
var Sessions = store.NewCopy("sessions", (*identitypb.Session).GetName, SessionsByOwner)

// SessionsByOwner finds the sessions of an account, or of a principal who signed in by another issuer.
var SessionsByOwner = store.NewIndex("account", func(s *identitypb.Session) []store.Key { return []store.Key{store.Text(session.Owner(s))} })

// SessionProofs are what sessions are proved by, by their names.
var SessionProofs = store.NewCopy("session-proofs", (*identitypb.SessionPrivate).GetName, SessionByToken)

// SessionByToken finds the session that a signed token was given out for, by the token's id.
var SessionByToken = store.NewUnique("token", faultpb.Reason_REASON_RESOURCE_EXISTS, "token", tokens)

// APITokens are the API tokens, by name.
var APITokens = store.NewCopy("api-tokens", (*identitypb.ApiToken).GetName, APITokensByAccount)

// APITokensByAccount finds the API tokens of an account, the last made first.
var APITokensByAccount = store.NewIndex("account-latest", func(t *identitypb.ApiToken) []store.Key {
	made := uint64(max(0, t.GetCreateTime().AsTime().UnixMicro()))
	return []store.Key{store.Text(t.GetAccount()).Descending(made)}
})

// APIProofs find API tokens by the hashes of their secrets.
var APIProofs = store.NewCopy("api-proofs", (*identitypb.ApiTokenPrivate).GetHash, APIProofsByName)

// APIProofsByName finds the proof of an API token.
var APIProofsByName = store.NewIndex("name", func(p *identitypb.ApiTokenPrivate) []store.Key { return []store.Key{store.Text(p.GetName())} })

// Failures are the failed sign-ins that a restart must not forget.
var Failures = store.NewCopy("failures", (*identitypb.FailuresPrivate).GetKey)

// KeyRings hold the one ring of keys, KeyRing.
var KeyRings = store.NewCopy("key-rings", (*accesspb.KeyRingPrivate).GetName)

// KeyRing is its name.
const KeyRing = "keyRings/tokens"

// Units are copies of registry's units, by name.
var Units = store.NewCopy("units", (*registrypb.Unit).GetName, UnitsStamp)

// UnitsStamp marks the units as they are.
var UnitsStamp = store.NewWholeStamp[*registrypb.Unit]("units-stamp")

// Grants are copies of registry's grants, by name.
var Grants = store.NewCopy("grants", (*registrypb.Grant).GetName, GrantsByPrincipal, GrantsStamp)

// GrantsByPrincipal finds the grants of somebody that have not ended.
var GrantsByPrincipal = scope.NewByPrincipal()

// GrantsStamp marks the grants of somebody as they are.
var GrantsStamp = scope.NewGrantsStamp()

// Book answers what principals may do.
var Book = scope.NewBook(Units, UnitsStamp, Grants, GrantsByPrincipal, GrantsStamp)

// Schema is the whole store.
var Schema = store.NewSchema(Accounts, Profiles, Passwords, Sessions, SessionProofs, APITokens, APIProofs, Failures, KeyRings, Units, Grants)

// everybodys: accounts belong to the whole installation.
func everybodys(*identitypb.Account) string { return "" }

func tokens(p *identitypb.SessionPrivate) []store.Key {
	keys := make([]store.Key, len(p.GetTokens()))
	for i, t := range p.GetTokens() {
		keys[i] = store.Text(t.GetId())
	}
	return keys
}

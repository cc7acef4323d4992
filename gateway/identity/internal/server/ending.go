package server

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"coso/gateway/identity/internal/account"
	"coso/gateway/identity/internal/apitoken"
	"coso/gateway/identity/internal/records"
	"coso/gateway/identity/internal/session"
	"coso/services/platform/store"

	identitypb "coso/proto/gen/coso/identity/v1"
)

// ending is what was ended together; nil: nothing was.
func ending(tx *store.Tx, sessions int, apiTokens ...string) *identitypb.AccountEnding {
	if sessions == 0 && len(apiTokens) == 0 {
		return nil
	}
	return &identitypb.AccountEnding{ApiTokens: apiTokens, Sessions: int32(sessions), Time: moment(tx.At())} //nolint:gosec // session.Most at most
}

// noteEnded lets the history of an owner's account say what was ended of it. Of another issuer's user there is none.
func noteEnded(tx *store.Tx, owner string, what *identitypb.AccountEnding) error {
	cur, there, err := records.Accounts.Find(tx, owner)
	if err != nil || !there || what == nil {
		return err
	}
	_, err = records.Accounts.Put(tx, account.Ended(cur, what), &identitypb.AccountUpdated{})
	return err
}

// shutOut ends the sessions of an account, but one, and revokes its API tokens: whoever has one of them has it no longer. It
// answers what there was to end; nil: nothing.
func shutOut(tx *store.Tx, name, but string) (*identitypb.AccountEnding, error) {
	gone, err := forgetAll(tx, name, but)
	if err != nil {
		return nil, err
	}
	has, err := all(records.APITokens.By(tx, records.APITokensByAccount, store.Text(name)))
	if err != nil {
		return nil, err
	}
	var revoked []string
	for _, t := range has {
		good := apitoken.Good(t, tx.At()) == nil
		next := apitoken.Revoke(t, tx.At())
		if proto.Equal(next, t) {
			continue
		}
		if err := records.APITokens.Put(tx, next); err != nil {
			return nil, err
		}
		if good {
			revoked = append(revoked, t.GetName())
		}
	}
	return ending(tx, gone, revoked...), nil
}

// someAtOnce is how many sessions and API tokens are ended with one command.
const someAtOnce = 200

// EndSome ends some of all sessions and revokes some of all API tokens, whosever, and says whether there may be more.
func EndSome(tx *store.Tx) (more bool, err error) {
	gone := map[string]*identitypb.AccountEnding{}
	of := func(owner string) *identitypb.AccountEnding {
		if gone[owner] == nil {
			gone[owner] = &identitypb.AccountEnding{Time: moment(tx.At())}
		}
		return gone[owner]
	}
	sessions, err := some(records.Sessions.All(tx), func(*identitypb.Session) bool { return true })
	if err != nil {
		return false, err
	}
	for _, s := range sessions {
		if err := forget(tx, s.GetName()); err != nil {
			return false, err
		}
		of(session.Owner(s)).Sessions++
	}
	tokens, err := some(records.APITokens.All(tx), func(t *identitypb.ApiToken) bool { return apitoken.Good(t, tx.At()) == nil })
	if err != nil {
		return false, err
	}
	for _, t := range tokens {
		if err := records.APITokens.Put(tx, apitoken.Revoke(t, tx.At())); err != nil {
			return false, err
		}
		of(t.GetAccount()).ApiTokens = append(of(t.GetAccount()).GetApiTokens(), t.GetName())
	}
	for _, owner := range slices.Sorted(maps.Keys(gone)) {
		if err := noteEnded(tx, owner, gone[owner]); err != nil {
			return false, err
		}
	}
	return len(sessions) == someAtOnce || len(tokens) == someAtOnce, nil
}

// some gathers the first of a walk that are wanted.
func some[T any](walk func(yield func(T, error) bool), wanted func(T) bool) ([]T, error) {
	var out []T
	for rec, err := range walk {
		if err != nil {
			return nil, err
		}
		if wanted(rec) {
			out = append(out, rec)
		}
		if len(out) == someAtOnce {
			break
		}
	}
	return out, nil
}

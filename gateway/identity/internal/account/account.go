// Package account is the rules of accounts. The rules are pure; fields named in refusals are those of the account. That an
// id is free, and kept for nobody else, is asked where accounts are stored.
//
// An account is kept in three parts: the record, whose every state leaves with a change event and stays in history; the
// profile, which says what is personal; the private part, by which it signs in.
//
// INV-ACCOUNT-NO-PERSON: the record holds nothing personal but the account's id.
// INV-ACCOUNT-CLOSED-WHY: who closes an account says why.
// INV-ACCOUNT-NOT-OWN: nobody closes the account with which they are signed in, nor resets its password: an installation
// keeps an administrator who can sign in, and a stolen session does not become a password.
// INV-ACCOUNT-UNKNOWN-FIELDS: what a newer version wrote survives every rule.
package account

import (
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	faultpb "coso/proto/gen/coso/fault/v1"
	historypb "coso/proto/gen/coso/history/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
	"coso/services/platform/fault"
)

// Collection begins the names of accounts, Principals those of whom they are.
const (
	Collection = "accounts/"
	Principals = "principals/"
)

// First is the id of the account that an installation begins with.
const First = "admin"

// OneTimeLife is how long a one-time password may be used.
const OneTimeLife = 7 * 24 * time.Hour

// ID is the user name of an account.
func ID(name string) string { return strings.TrimPrefix(name, Collection) }

// Whole is the account as it is answered: its record with its profile.
func Whole(record *identitypb.Account, p *identitypb.AccountProfile) *identitypb.Account {
	whole := proto.CloneOf(record)
	whole.DisplayName, whole.DisabledReason = p.GetDisplayName(), p.GetDisabledReason()
	return whole
}

// Record is the part of an account that is announced.
func Record(whole *identitypb.Account) *identitypb.Account {
	record := proto.CloneOf(whole)
	record.DisplayName, record.DisabledReason = "", ""
	return record
}

// Profile is the part of an account that is not; cur is the one before, nil for a new account.
func Profile(cur *identitypb.AccountProfile, whole *identitypb.Account) *identitypb.AccountProfile {
	p := proto.CloneOf(cur)
	if p == nil {
		p = &identitypb.AccountProfile{}
	}
	p.Name, p.DisplayName, p.DisabledReason = whole.GetName(), whole.GetDisplayName(), whole.GetDisabledReason()
	return p
}

// Create opens the account asked for under an id, with a one-time password. InvalidArgument without a display name, or for
// one that is closed from the start.
func Create(asked *identitypb.Account, id string, at time.Time) (*identitypb.Account, *identitypb.AccountCreated, error) {
	next := proto.CloneOf(asked)
	next.Name, next.Principal = Collection+id, Principals+id
	next.MustChangePassword, next.PasswordTime = true, timestamppb.New(at)
	if err := check(next); err != nil {
		return nil, nil, err
	}
	return next, &identitypb.AccountCreated{}, nil
}

// Update changes cur to merged, which is cur with what the caller changed; caller is who does, e.g. `principals/lan`. No
// event, and cur itself, if that is nothing. Of what is personal the record says when it was changed. InvalidArgument without a display name, for a closing without a reason or a
// reason without a closing; FailedPrecondition for one's own account. An account that is opened again loses the reason.
func Update(cur, merged *identitypb.Account, caller string, at time.Time) (*identitypb.Account, *identitypb.AccountUpdated, error) {
	next := proto.CloneOf(merged)
	if cur.GetDisabled() && !next.GetDisabled() && next.GetDisabledReason() == cur.GetDisabledReason() {
		next.DisabledReason = ""
	}
	if proto.Equal(cur, next) {
		return cur, nil, nil
	}
	if err := check(next); err != nil {
		return nil, nil, err
	}
	if next.GetDisabled() && !cur.GetDisabled() {
		if err := notOwn(cur, caller); err != nil {
			return nil, nil, err
		}
	}
	if next.GetDisplayName() != cur.GetDisplayName() {
		next.DisplayNameTime = timestamppb.New(at)
	}
	if next.GetDisabledReason() != cur.GetDisabledReason() {
		next.DisabledReasonTime = timestamppb.New(at)
	}
	return next, &identitypb.AccountUpdated{}, nil
}

// Changed names in a history what was changed of what is personal, of which the record says only when it was.
func Changed(h *historypb.History) *historypb.History {
	for _, r := range h.GetRevisions() {
		for i, c := range r.GetChanges() {
			if field, is := strings.CutSuffix(c.GetField(), "Time"); is && (field == "displayName" || field == "disabledReason") {
				r.Changes[i] = &historypb.FieldChange{Field: field}
			}
		}
	}
	return h
}

// Ended notes what was ended of that with which the account is used; nil: nothing was.
func Ended(cur *identitypb.Account, what *identitypb.AccountEnding) *identitypb.Account {
	if what == nil {
		return cur
	}
	next := proto.CloneOf(cur)
	next.Ended = what
	return next
}

// Reset gives an account a one-time password. FailedPrecondition for one's own account.
func Reset(cur *identitypb.Account, caller string, at time.Time) (*identitypb.Account, *identitypb.AccountPasswordSet, error) {
	if err := notOwn(cur, caller); err != nil {
		return nil, nil, err
	}
	next, event := Set(cur, true, at)
	return next, event, nil
}

// Set notes that the password was set: a one-time one, or one that its owner chose.
func Set(cur *identitypb.Account, oneTime bool, at time.Time) (*identitypb.Account, *identitypb.AccountPasswordSet) {
	next := proto.CloneOf(cur)
	next.MustChangePassword, next.PasswordTime = oneTime, timestamppb.New(at)
	return next, &identitypb.AccountPasswordSet{}
}

// OneTime is the private part with a one-time password, from a moment on.
func OneTime(cur *identitypb.AccountPrivate, name string, hash *identitypb.PasswordHash, at time.Time) *identitypb.AccountPrivate {
	next := own(cur, name, hash)
	next.OneTime, next.ExpireTime = true, timestamppb.New(at.Add(OneTimeLife))
	return next
}

// Own is the private part with a password that its owner chose.
func Own(cur *identitypb.AccountPrivate, name string, hash *identitypb.PasswordHash) *identitypb.AccountPrivate {
	next := own(cur, name, hash)
	next.OneTime, next.ExpireTime = false, nil
	return next
}

func own(cur *identitypb.AccountPrivate, name string, hash *identitypb.PasswordHash) *identitypb.AccountPrivate {
	next := proto.CloneOf(cur)
	if next == nil {
		next = &identitypb.AccountPrivate{}
	}
	next.Name, next.Password, next.First = name, hash, false
	return next
}

func check(a *identitypb.Account) error {
	switch {
	case a.GetDisplayName() == "":
		return fault.InvalidArgument(faultpb.Reason_REASON_FIELD_REQUIRED, "displayName")
	case a.GetDisabled() && a.GetDisabledReason() == "":
		return fault.InvalidArgument(faultpb.Reason_REASON_FIELD_REQUIRED, "disabledReason")
	case !a.GetDisabled() && a.GetDisabledReason() != "":
		return fault.InvalidArgument(faultpb.Reason_REASON_FIELD_REQUIRED, "disabled")
	}
	return nil
}

func notOwn(a *identitypb.Account, caller string) error {
	if a.GetPrincipal() == caller {
		return fault.FailedPrecondition(faultpb.Reason_REASON_ACCOUNT_OWN, "name", "name", a.GetName())
	}
	return nil
}

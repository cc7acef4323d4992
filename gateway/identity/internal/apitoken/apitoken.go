// Package apitoken is the rules of API tokens, and how their secrets are written. The rules are pure but for the randomness
// of new secrets.
//
// A secret is `coso_`, 256 random bits in base32, and a checksum over both: whoever finds one in a file knows what it is
// (scanners of repositories search for such forms), and one that was copied in part is told from one that is unknown, without
// a look at any data. Kept is the SHA-256 alone: nobody guesses 256 bits, so a slow hash would protect nothing more.
//
// INV-API-TOKEN-ENDS: every API token expires within 366 days.
// INV-API-TOKEN-BOUNDED: an account has so many API tokens, those that have ended among them.
package apitoken

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
)

// Collection begins the names of API tokens.
const Collection = "apiTokens/"

// Prefix begins every secret.
const Prefix = "coso_"

const (
	// Most is how many API tokens of an account are in use at once.
	Most = 20
	// MostKept is how many of an account there are, those that have ended among them.
	MostKept = 60
	// kept is how long one that has ended is shown.
	kept = 90 * 24 * time.Hour
	// forgottenAtOnce bounds how many are forgotten with one command.
	forgottenAtOnce = 200
	// longest is how long one holds at most.
	longest = 366 * 24 * time.Hour

	secretSize = 32
)

var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewSecret makes a secret, and what is kept of it.
func NewSecret() (secret, hash string) {
	raw := make([]byte, secretSize)
	_, _ = rand.Read(raw) // never fails
	secret = Prefix + letters.EncodeToString(raw)
	secret += checksum(secret)
	return secret, hashOf(secret)
}

// Hash is what is kept of a secret; not ok for a text that is none.
func Hash(secret string) (hash string, ok bool) {
	at := len(Prefix) + letters.EncodedLen(secretSize)
	if !strings.HasPrefix(secret, Prefix) || len(secret) != at+letters.EncodedLen(crc32.Size) || secret[at:] != checksum(secret[:at]) {
		return "", false
	}
	return hashOf(secret), true
}

func checksum(s string) string {
	return letters.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s))))
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Create makes the API token asked for, beside those that the account has. InvalidArgument for an expiry that is not after
// now or too late; ResourceExhausted for too many.
func Create(asked *identitypb.ApiToken, name, account string, others []*identitypb.ApiToken, at time.Time) (*identitypb.ApiToken, error) {
	end, latest := asked.GetExpireTime().AsTime(), at.Add(longest)
	if !end.After(at) || end.After(latest) {
		return nil, fault.InvalidArgument(faultpb.Reason_REASON_API_TOKEN_EXPIRY, "expireTime", "value", civil.Moment(end), "limit", civil.Moment(latest))
	}
	inUse := 0
	for _, t := range others {
		if Good(t, at) == nil {
			inUse++
		}
	}
	if inUse >= Most {
		return nil, fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_API_TOKENS, "", "limit", strconv.Itoa(Most))
	}
	next := proto.CloneOf(asked)
	next.Name, next.Account, next.CreateTime = name, account, timestamppb.New(at)
	return next, nil
}

// Good refuses an API token that was revoked or has expired: Unauthenticated.
func Good(t *identitypb.ApiToken, at time.Time) error {
	switch {
	case t.GetRevokeTime() != nil:
		return fault.Unauthenticated(faultpb.Reason_REASON_API_TOKEN_REVOKED, "", "value", civil.Moment(t.GetRevokeTime().AsTime()))
	case !at.Before(t.GetExpireTime().AsTime()):
		return fault.Unauthenticated(faultpb.Reason_REASON_API_TOKEN_EXPIRED, "", "value", civil.Moment(t.GetExpireTime().AsTime()))
	}
	return nil
}

// Revoke ends an API token; one that was revoked already stays as it is.
func Revoke(cur *identitypb.ApiToken, at time.Time) *identitypb.ApiToken {
	next := proto.CloneOf(cur)
	if next.GetRevokeTime() == nil {
		next.RevokeTime = timestamppb.New(at)
	}
	return next
}

// Used notes that an API token was exchanged, to the day: a program that does so every few minutes must not write each time.
// nil: that is noted already.
func Used(cur *identitypb.ApiToken, at time.Time) *identitypb.ApiToken {
	day := civil.Start(civil.Today(at))
	if cur.GetUseTime() != nil && !cur.GetUseTime().AsTime().Before(day) {
		return nil
	}
	next := proto.CloneOf(cur)
	next.UseTime = timestamppb.New(day)
	return next
}

// Over reports whether an API token ended so long ago that it is forgotten.
func Over(t *identitypb.ApiToken, at time.Time) bool { return at.Sub(end(t)) > kept }

// end is when an API token ends: when it was revoked, or expires.
func end(t *identitypb.ApiToken) time.Time {
	end := t.GetExpireTime().AsTime()
	if revoked := t.GetRevokeTime(); revoked != nil && revoked.AsTime().Before(end) {
		return revoked.AsTime()
	}
	return end
}

// Surplus are those of an account's API tokens to be forgotten when another one is made: those that are over, and those that
// ended first of more than an account may have. Of very many some are left for the next time.
func Surplus(all []*identitypb.ApiToken, at time.Time) []*identitypb.ApiToken {
	byEnd := slices.Clone(all)
	slices.SortFunc(byEnd, func(a, b *identitypb.ApiToken) int { return end(a).Compare(end(b)) })
	var out []*identitypb.ApiToken
	for i, t := range byEnd {
		left := len(byEnd) - i
		if Good(t, at) == nil || !Over(t, at) && left < MostKept || len(out) == forgottenAtOnce {
			break
		}
		out = append(out, t)
	}
	return out
}

// Package session is the rules of sessions: how long they hold, and what they are proved by. The rules are pure but for the
// randomness of new secrets.
//
// A refresh token is the session's id and a secret of 256 random bits. Of the secret only the SHA-256 is kept: nobody
// guesses 256 bits, so a slow hash would cost memory and protect nothing more.
//
// INV-SESSION-ONCE: a refresh token is good once; who comes with one that is used up ends the session, for then two have had it.
// INV-SESSION-ENDS: a session ends when it was not used for some time, and at the latest some time after its beginning.
package session

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	identitypb "coso/proto/gen/coso/identity/v1"
)

// Collection begins the names of sessions.
const Collection = "sessions/"

// Most is how many sessions an account has at once; another one ends the one not used for longest.
const Most = 20

const (
	// maxUsed bounds how many used-up refresh tokens a session remembers; one older than that is merely none.
	maxUsed = 1024
	// maxTokens bounds how many signed tokens of a session are known at once.
	maxTokens = 32

	secretSize = 32
)

// Limits say how long a session holds.
type Limits struct {
	// Token is how long a signed token holds, Idle how long a session that is not used, Longest how long any.
	Token, Idle, Longest time.Duration
}

// Secret is a new refresh token, of the session with this id.
type Secret struct {
	// Text is what its holder gets, Hash what is kept.
	Text string
	Hash []byte
}

// NewSecret makes a refresh token for a session of this id.
func NewSecret(id string) Secret {
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails
	return Secret{Text: id + "." + base64.RawURLEncoding.EncodeToString(secret), Hash: hashOf(secret)}
}

// Read takes a refresh token apart: the session's name, and the hash of the secret.
func Read(refreshToken string) (name string, hash []byte, ok bool) {
	at := len(refreshToken) - base64.RawURLEncoding.EncodedLen(secretSize) - 1
	if at <= 0 || refreshToken[at] != '.' {
		return "", nil, false
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(refreshToken[at+1:])
	if err != nil || len(secret) != secretSize {
		return "", nil, false
	}
	return Collection + refreshToken[:at], hashOf(secret), true
}

func hashOf(secret []byte) []byte {
	sum := sha256.Sum256(secret)
	return sum[:]
}

// Begin begins a session of an account.
func Begin(
	name, account, source string, s Secret, issued *identitypb.IssuedToken, l Limits, at time.Time,
) (*identitypb.Session, *identitypb.SessionPrivate) {
	return &identitypb.Session{
		Name: name, Account: account, Source: source, CreateTime: timestamppb.New(at), UseTime: timestamppb.New(at),
		IdleExpireTime: timestamppb.New(at.Add(min(l.Idle, l.Longest))), ExpireTime: timestamppb.New(at.Add(l.Longest)),
	}, &identitypb.SessionPrivate{Name: name, RefreshHash: s.Hash, Tokens: []*identitypb.IssuedToken{issued}}
}

// Ended reports whether a session has ended by a moment.
func Ended(s *identitypb.Session, at time.Time) bool {
	return !at.Before(s.GetExpireTime().AsTime()) || !at.Before(s.GetIdleExpireTime().AsTime())
}

// Use is what a presented refresh token is to a session.
type Use int

// What a refresh token can be.
const (
	// Foreign: it was never the session's, or so long ago that nobody remembers.
	Foreign Use = iota
	// Good: it is the session's now.
	Good
	// UsedUp: it was the session's before.
	UsedUp
)

// Judge says what the refresh token with this hash is to a session.
func Judge(p *identitypb.SessionPrivate, hash []byte) Use {
	switch {
	case subtle.ConstantTimeCompare(p.GetRefreshHash(), hash) == 1:
		return Good
	case slices.Contains(p.GetUsed(), short(hash)):
		return UsedUp
	}
	return Foreign
}

func short(hash []byte) uint64 { return binary.BigEndian.Uint64(hash) }

// Refresh goes on with a session: its refresh token is used up, and the next one good.
func Refresh(
	s *identitypb.Session, p *identitypb.SessionPrivate, next Secret, source string, issued *identitypb.IssuedToken, l Limits, at time.Time,
) (*identitypb.Session, *identitypb.SessionPrivate) {
	s, p = proto.CloneOf(s), proto.CloneOf(p)
	s.UseTime, s.Source = timestamppb.New(at), source
	s.IdleExpireTime = timestamppb.New(earlier(at.Add(l.Idle), s.GetExpireTime().AsTime()))
	p.Used = append(p.GetUsed(), short(p.GetRefreshHash()))
	p.Used = p.GetUsed()[max(0, len(p.GetUsed())-maxUsed):]
	p.RefreshHash = next.Hash
	p.Tokens = slices.DeleteFunc(p.GetTokens(), func(t *identitypb.IssuedToken) bool { return !at.Before(t.GetExpireTime().AsTime()) })
	p.Tokens = append(p.GetTokens(), issued)
	p.Tokens = p.GetTokens()[max(0, len(p.GetTokens())-maxTokens):]
	return s, p
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Open are the sessions that have not ended, the last begun first.
func Open(all []*identitypb.Session, at time.Time) []*identitypb.Session {
	open := slices.DeleteFunc(slices.Clone(all), func(s *identitypb.Session) bool { return Ended(s, at) })
	slices.SortFunc(open, func(a, b *identitypb.Session) int {
		return cmp.Or(b.GetCreateTime().AsTime().Compare(a.GetCreateTime().AsTime()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return open
}

// Surplus are the sessions to be ended when another one begins: those that have ended, and those not used for longest of
// more than an account may have.
func Surplus(all []*identitypb.Session, at time.Time) []*identitypb.Session {
	byUse := slices.Clone(all)
	slices.SortFunc(byUse, func(a, b *identitypb.Session) int { return b.GetUseTime().AsTime().Compare(a.GetUseTime().AsTime()) })
	var out []*identitypb.Session
	kept := 0
	for _, s := range byUse {
		if Ended(s, at) || kept == Most-1 {
			out = append(out, s)
			continue
		}
		kept++
	}
	return out
}

// Package session is the rules of sessions: how long they hold, and what they are proved by. The rules are pure but for the
// randomness of new secrets.
//
// A refresh token is the session's id and a secret of two halves of 256 random bits: one that all refresh tokens of the session
// have, one of its own. Of each only the SHA-256 is kept: nobody guesses 256 bits, so a slow hash would cost memory and protect
// nothing more. Whoever has the first half without the second that is good now had a refresh token of the session, however
// long ago: nothing of the used-up ones needs to be remembered, and nothing can be made to be forgotten.
//
// INV-SESSION-ONCE: a refresh token is good once; who comes with one that is used up ends the session, for then two have had it.
// INV-SESSION-FOREIGN: the gateway alone begins sessions of another issuer's users, each for an ID token that proves it, and
// none under the name of an account.
// INV-SESSION-ENDS: a session ends when it was not used for some time, and at the latest some time after its beginning.
package session

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	identitypb "coso/proto/gen/coso/identity/v1"
)

// Collection begins the names of sessions, principals those of who signs in by another issuer.
const (
	Collection = "sessions/"
	principals = "principals/"
)

// Most is how many sessions anybody has at once; another one ends the one not used for longest.
const Most = 20

const (
	// maxTokens bounds how many signed tokens of a session are known at once.
	maxTokens = 32

	// halfSize is the size of each half of a secret.
	halfSize = 32
)

// Limits say how long a session holds.
type Limits struct {
	// Token is how long a signed token holds, Idle how long a session that is not used, Longest how long any.
	Token, Idle, Longest time.Duration
}

// Secret is a refresh token.
type Secret struct {
	// Text is what its holder gets; Family and Hash are what is kept, of the half that all of the session have and its own.
	Text         string
	Family, Hash []byte

	id     string
	family []byte
}

// NewSecret makes the first refresh token of a session of this id.
func NewSecret(id string) Secret { return secretOf(id, random(), random()) }

// Next makes the refresh token that takes the place of one.
func (s Secret) Next() Secret { return secretOf(s.id, s.family, random()) }

func random() []byte {
	half := make([]byte, halfSize)
	_, _ = rand.Read(half) // never fails
	return half
}

func secretOf(id string, family, own []byte) Secret {
	return Secret{
		Text:   id + "." + base64.RawURLEncoding.EncodeToString(slices.Concat(family, own)),
		Family: hashOf(family), Hash: hashOf(own), id: id, family: family,
	}
}

// Read takes a refresh token apart, and says of which session it claims to be. Not ok for what is none, or is of an older form.
func Read(refreshToken string) (name string, s Secret, ok bool) {
	at := len(refreshToken) - base64.RawURLEncoding.EncodedLen(2*halfSize) - 1
	if at <= 0 || refreshToken[at] != '.' {
		return "", Secret{}, false
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(refreshToken[at+1:])
	if err != nil || len(secret) != 2*halfSize {
		return "", Secret{}, false
	}
	id := refreshToken[:at]
	return Collection + id, secretOf(id, secret[:halfSize], secret[halfSize:]), true
}

func hashOf(secret []byte) []byte {
	sum := sha256.Sum256(secret)
	return sum[:]
}

// Owner is whose a session is: an account, or a principal who signed in by another issuer.
func Owner(s *identitypb.Session) string { return cmp.Or(s.GetAccount(), s.GetPrincipal()) }

// Begin begins a session of an account, or of a principal who signed in by another issuer.
func Begin(
	name, owner, source string, s Secret, issued *identitypb.IssuedToken, l Limits, at time.Time,
) (*identitypb.Session, *identitypb.SessionPrivate) {
	account, principal := owner, ""
	if strings.HasPrefix(owner, principals) {
		account, principal = "", owner
	}
	return &identitypb.Session{
		Name: name, Account: account, Principal: principal, Source: source, CreateTime: timestamppb.New(at), UseTime: timestamppb.New(at),
		IdleExpireTime: timestamppb.New(at.Add(min(l.Idle, l.Longest))), ExpireTime: timestamppb.New(at.Add(l.Longest)),
	}, &identitypb.SessionPrivate{Name: name, FamilyHash: s.Family, RefreshHash: s.Hash, Tokens: []*identitypb.IssuedToken{issued}}
}

// Ended reports whether a session has ended by a moment.
func Ended(s *identitypb.Session, at time.Time) bool {
	return !at.Before(s.GetExpireTime().AsTime()) || !at.Before(s.GetIdleExpireTime().AsTime())
}

// Use is what a presented refresh token is to a session.
type Use int

// What a refresh token can be.
const (
	// Foreign: it was never the session's.
	Foreign Use = iota
	// Good: it is the session's now.
	Good
	// UsedUp: it was the session's before.
	UsedUp
)

// Judge says what a refresh token is to a session.
func Judge(p *identitypb.SessionPrivate, s Secret) Use {
	switch {
	case subtle.ConstantTimeCompare(p.GetFamilyHash(), s.Family) != 1:
		return Foreign
	case subtle.ConstantTimeCompare(p.GetRefreshHash(), s.Hash) != 1:
		return UsedUp
	}
	return Good
}

// Refresh goes on with a session: its refresh token is used up, and the next one good.
func Refresh(
	s *identitypb.Session, p *identitypb.SessionPrivate, next Secret, source string, issued *identitypb.IssuedToken, l Limits, at time.Time,
) (*identitypb.Session, *identitypb.SessionPrivate) {
	s, p = proto.CloneOf(s), proto.CloneOf(p)
	s.UseTime, s.Source = timestamppb.New(at), source
	s.IdleExpireTime = timestamppb.New(earlier(at.Add(l.Idle), s.GetExpireTime().AsTime()))
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

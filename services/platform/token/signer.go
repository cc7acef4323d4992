package token

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v3/jws/jwsbb"

	"coso/services/platform/fault"

	accesspb "coso/proto/gen/coso/access/v1"
)

// SignerOptions say for whom a Signer signs.
type SignerOptions struct {
	// Issuer is the installation's own URL, `iss` of its tokens.
	Issuer string
	// Audience is `aud` of its tokens.
	Audience string
	// Now is the clock.
	Now func() time.Time
}

// Signer signs the tokens of the installation's own accounts, and is the source of the keys that verify them. Safe for
// concurrent use.
type Signer struct {
	o    SignerOptions
	keys atomic.Pointer[[]*signingKey]
}

// NewSigner returns a signer with a ring that Rotate has made. DataLoss if a key of it is damaged.
func NewSigner(o SignerOptions, ring *accesspb.KeyRingPrivate) (*Signer, error) {
	if o.Issuer == "" || o.Audience == "" || o.Now == nil {
		return nil, errors.New("a signer of tokens needs issuer, audience and clock")
	}
	s := &Signer{o: o}
	if err := s.Use(ring); err != nil {
		return nil, err
	}
	return s, nil
}

// Use takes the ring after it was rotated, and stored: a token signed by a key that is then lost would be refused.
func (s *Signer) Use(ring *accesspb.KeyRingPrivate) error {
	keys, err := openRing(ring)
	if err != nil {
		return err
	}
	s.keys.Store(&keys)
	return nil
}

// head and body are the parts of a token in the order in which they are written.
type (
	head struct {
		Algorithm Algorithm `json:"alg"`
		KeyID     string    `json:"kid"`
		Type      string    `json:"typ"`
	}
	body struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
		IssuedAt int64  `json:"iat"`
		ID       string `json:"jti"`
		Scope    Scope  `json:"scope,omitempty"`
	}
)

// Sign returns a new token for an account, or for another issuer's user by the id that they have here (ForeignID), with what a
// verifier will say of it. The life is rounded down to seconds and
// counts from the present second; it is at least one second and at most MaxLife. The scope narrows the token; empty: it is
// not narrowed. Internal if the account's id, the life or the scope cannot be in a token, which the caller has to check,
// or if no key of the ring signs any more.
func (s *Signer) Sign(account string, life time.Duration, scope Scope) (string, Claims, error) {
	now := s.o.Now().UTC().Truncate(time.Second)
	life = life.Truncate(time.Second)
	switch {
	case !AccountID(account) && !ForeignID(account):
		return "", Claims{}, fault.Internal(fmt.Errorf("sign a token for %q, which is no account", account))
	case life <= 0 || life > MaxLife:
		return "", Claims{}, fault.Internal(fmt.Errorf("sign a token for %s, longer than nothing and at most %s is allowed", life, MaxLife))
	case !scope.valid():
		return "", Claims{}, fault.Internal(fmt.Errorf("sign a token with the scope %q", scope))
	}
	key := s.current(now)
	if key == nil {
		return "", Claims{}, fault.Internal(fmt.Errorf("no key signs at %s: the ring was not rotated", now))
	}
	c := Claims{
		Principal: collection + account, Issuer: s.o.Issuer, Subject: account, ID: rand.Text(),
		IssuedAt: now, Expires: now.Add(life), Scope: scope,
	}
	compact, err := key.sign(head{EdDSA, key.name.id, ownType}, body{
		Issuer: c.Issuer, Subject: account, Audience: s.o.Audience, Expires: c.Expires.Unix(), IssuedAt: now.Unix(), ID: c.ID, Scope: scope,
	})
	if err != nil {
		return "", Claims{}, fault.Internal(err)
	}
	return compact, c, nil
}

// current returns the key that signs now; nil if the last has ended.
func (s *Signer) current(now time.Time) *signingKey {
	for _, k := range *s.keys.Load() {
		if now.Before(k.ends) {
			return k
		}
	}
	return nil
}

func (k *signingKey) sign(h head, b body) (string, error) {
	header, err := json.Marshal(h)
	if err != nil {
		return "", fmt.Errorf("write the header: %w", err)
	}
	claims, err := json.Marshal(b)
	if err != nil {
		return "", fmt.Errorf("write the claims: %w", err)
	}
	signed := base64.RawURLEncoding.AppendEncode(nil, header)
	signed = base64.RawURLEncoding.AppendEncode(append(signed, '.'), claims)
	signature, err := jwsbb.Sign(k.private, string(EdDSA), signed, nil)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return string(base64.RawURLEncoding.AppendEncode(append(signed, '.'), signature)), nil
}

// Key returns the key of this id, if it is published now.
func (s *Signer) Key(id string, algorithm Algorithm) (*Key, bool) {
	now := s.o.Now()
	for _, k := range *s.keys.Load() {
		if k.name == (keyName{id, algorithm}) && now.Before(k.expires) {
			return &k.Key, true
		}
	}
	return nil, false
}

// Refresh returns nil: the signer knows all its keys.
func (*Signer) Refresh(context.Context) error { return nil }

// published is a key as it stands in the JWK set (RFC 8037).
type published struct {
	Type      string    `json:"kty"`
	Curve     string    `json:"crv"`
	X         string    `json:"x"`
	ID        string    `json:"kid"`
	Use       string    `json:"use"`
	Algorithm Algorithm `json:"alg"`
}

// Document returns the JWK set (RFC 7517) of the public keys that are published now, in the order in which they sign; the
// same keys give the same bytes.
func (s *Signer) Document() ([]byte, error) {
	now := s.o.Now()
	keys := []published{}
	for _, k := range *s.keys.Load() {
		if now.Before(k.expires) {
			x := base64.RawURLEncoding.EncodeToString(k.private[ed25519.SeedSize:])
			keys = append(keys, published{Type: "OKP", Curve: "Ed25519", X: x, ID: k.name.id, Use: "sig", Algorithm: EdDSA})
		}
	}
	document, err := json.Marshal(map[string][]published{"keys": keys})
	if err != nil {
		return nil, fault.Internal(err)
	}
	return document, nil
}

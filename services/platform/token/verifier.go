package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"coso/services/platform/civil"
	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// ownType is the `typ` of own tokens (RFC 9068), so that nothing else the installation may once sign passes for one.
const ownType = "at+jwt"

// Issuer is one whose tokens are accepted.
type Issuer struct {
	// URL is what its tokens carry as `iss`, letter for letter.
	URL string
	// Audience is what its tokens must carry as `aud`, or one of a list.
	Audience string
	// Algorithms are those that its tokens may be signed by.
	Algorithms []Algorithm
	// Keys are what it publishes.
	Keys KeySource
	// Prefix begins the ids of its users' principals: a letter and up to 15 more letters (lower case) or digits. It is empty
	// for the installation's own issuer, whose subjects are the ids of accounts.
	Prefix string
}

// own reports whether i is the installation itself.
func (i *Issuer) own() bool { return i.Prefix == "" }

func (i *Issuer) check() error {
	switch {
	case i.URL == "":
		return errors.New("an issuer of tokens has no URL")
	case i.Audience == "":
		return fmt.Errorf("issuer %q: no audience; say what its tokens for this system carry as aud", i.URL)
	case len(i.Algorithms) == 0:
		return fmt.Errorf("issuer %q: no algorithm; name some of EdDSA, ES256, RS256", i.URL)
	case i.Keys == nil:
		return fmt.Errorf("issuer %q: no keys", i.URL)
	case !i.own() && !prefixForm.MatchString(i.Prefix):
		return fmt.Errorf("issuer %q: prefix %q; write up to 16 lower case letters and digits, a letter first", i.URL, i.Prefix)
	}
	for _, a := range i.Algorithms {
		if a != EdDSA && a != ES256 && a != RS256 {
			return fmt.Errorf("issuer %q: algorithm %q; choose among EdDSA, ES256, RS256", i.URL, a)
		}
	}
	return nil
}

// Options are what a Verifier goes by.
type Options struct {
	// Issuers are those whose tokens are accepted: at most one is the installation's own, and no two share URL or prefix.
	Issuers []Issuer
	// Now is the clock.
	Now func() time.Time
	// Remembered bounds how many verified tokens are kept, so that the next request with one costs a look-up; zero means
	// 8,192.
	Remembered int
}

// Verifier verifies tokens. Safe for concurrent use.
type Verifier struct {
	issuers map[string]*Issuer
	now     func() time.Time
	known   *memory
}

// NewVerifier returns a verifier. An error says which issuer cannot be as it is.
func NewVerifier(o Options) (*Verifier, error) {
	if o.Now == nil {
		return nil, errors.New("a verifier of tokens has no clock")
	}
	v := &Verifier{issuers: map[string]*Issuer{}, now: o.Now, known: newMemory(o.Remembered)}
	prefixes := map[string]string{}
	for _, i := range o.Issuers {
		if err := i.check(); err != nil {
			return nil, err
		}
		if v.issuers[i.URL] != nil {
			return nil, fmt.Errorf("issuer %q is named twice", i.URL)
		}
		if other, taken := prefixes[i.Prefix]; taken {
			return nil, fmt.Errorf("issuers %q and %q have the same prefix %q; give each its own", other, i.URL, i.Prefix)
		}
		prefixes[i.Prefix] = i.URL
		i.Algorithms = slices.Clone(i.Algorithms)
		v.issuers[i.URL] = &i
	}
	return v, nil
}

// Verify returns what a token says, if it is proved. Otherwise Unauthenticated says why: TOKEN_MISSING (it is empty),
// TOO_LARGE, MALFORMED (Field names the part), ISSUER_UNKNOWN, ALGORITHM, KEY_UNKNOWN, SIGNATURE, AUDIENCE, EXPIRED,
// NOT_YET_VALID, in this order. Unavailable (TOKEN_KEYS_UNAVAILABLE): the issuer's keys could not be read yet, or for too
// long. ctx bounds the waiting for the issuer when it has to be asked for a key that is not known.
func (v *Verifier) Verify(ctx context.Context, compact string) (Claims, error) {
	if compact == "" {
		return Claims{}, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_MISSING, "")
	}
	if len(compact) > MaxSize {
		return Claims{}, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_TOO_LARGE, "", "limit", fmt.Sprint(MaxSize))
	}
	if claims, ok := v.known.find(compact, v.now()); ok {
		return claims, nil
	}
	p, err := parse(compact)
	if err != nil {
		return Claims{}, err
	}
	issuer := v.issuers[p.issuer]
	if issuer == nil {
		return Claims{}, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_ISSUER_UNKNOWN, "token.claims.iss")
	}
	key, err := issuer.keyOf(ctx, p)
	if err != nil {
		return Claims{}, err
	}
	if !key.fits(p) {
		return Claims{}, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_SIGNATURE, "token.signature")
	}
	claims, err := issuer.judge(p, v.now())
	if err != nil {
		return Claims{}, err
	}
	v.known.keep(strings.Clone(compact), &proof{claims: claims, key: key, keys: issuer.Keys})
	return claims, nil
}

// keyOf returns the key that a token must be signed by.
func (i *Issuer) keyOf(ctx context.Context, p *parts) (*Key, error) {
	if !slices.Contains(i.Algorithms, p.algorithm) {
		return nil, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_ALGORITHM, "token.header.alg", "limit", i.algorithms())
	}
	if key, ok := i.Keys.Key(p.keyID, p.algorithm); ok {
		return key, nil
	}
	if err := i.Keys.Refresh(ctx); err != nil {
		return nil, err
	}
	key, ok := i.Keys.Key(p.keyID, p.algorithm)
	if !ok {
		return nil, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_KEY_UNKNOWN, "token.header.kid", "name", i.URL)
	}
	return key, nil
}

func (i *Issuer) algorithms() string {
	names := make([]string, len(i.Algorithms))
	for n, a := range i.Algorithms {
		names[n] = string(a)
	}
	return fault.List(names)
}

// judge reads the claims of a token whose signature fits: form first, then whom it is for, then its moments.
func (i *Issuer) judge(p *parts, now time.Time) (Claims, error) {
	if !i.takes(p.typ) {
		return Claims{}, malformed("token.header.typ")
	}
	c, notBefore, err := i.read(p.claims)
	if err != nil {
		return Claims{}, err
	}
	audience, ok := p.claims.texts("aud")
	if !ok {
		return Claims{}, malformed("token.claims.aud")
	}
	if !slices.Contains(audience, i.Audience) {
		return Claims{}, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_AUDIENCE, "token.claims.aud", "name", i.Audience)
	}
	if !now.Before(c.Expires) {
		return Claims{}, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_EXPIRED, "token.claims.exp",
			"value", civil.Moment(c.Expires), "current", civil.Moment(now))
	}
	if notBefore.After(now.Add(Leeway)) {
		return Claims{}, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_NOT_YET_VALID, "",
			"value", civil.Moment(notBefore), "current", civil.Moment(now))
	}
	return c, nil
}

// takes reports whether a token of this type is one to sign in with: own ones say so; others may leave it out, but a
// logout, an event or a proof of possession that the same issuer signed is none.
func (i *Issuer) takes(typ string) bool {
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	return typ == ownType || !i.own() && (typ == "" || typ == "jwt")
}

// read takes the claims apart. notBefore is the later of `nbf` and `iat`.
func (i *Issuer) read(o object) (c Claims, notBefore time.Time, err error) {
	c = Claims{Issuer: i.URL}
	var ok, found bool
	if c.Subject, ok = o.text("sub"); !ok || !i.knows(c.Subject) {
		return c, notBefore, malformed("token.claims.sub")
	}
	c.Principal = collection + c.Subject
	if !i.own() {
		c.Principal = foreignName(i.Prefix, i.URL, c.Subject)
	}
	if c.Expires, found, ok = o.moment("exp"); !found || !ok {
		return c, notBefore, malformed("token.claims.exp")
	}
	if c.IssuedAt, _, ok = o.moment("iat"); !ok {
		return c, notBefore, malformed("token.claims.iat")
	}
	if notBefore, _, ok = o.moment("nbf"); !ok {
		return c, notBefore, malformed("token.claims.nbf")
	}
	if c.IssuedAt.After(notBefore) {
		notBefore = c.IssuedAt
	}
	if _, found = o["jti"]; found {
		if c.ID, ok = o.text("jti"); !ok || len(c.ID) > maxID {
			return c, notBefore, malformed("token.claims.jti")
		}
	}
	if _, found = o["scope"]; found {
		scope, ok := o.text("scope")
		if c.Scope = Scope(scope); !ok || !c.Scope.valid() {
			return c, notBefore, malformed("token.claims.scope")
		}
	}
	return c, notBefore, nil
}

func (i *Issuer) knows(subject string) bool {
	if i.own() {
		return AccountID(subject) || ForeignID(subject) // who signed in by another issuer and has a session here
	}
	return validSubject(subject)
}

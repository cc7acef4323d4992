package token

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// maxDisplayName bounds what an issuer may say that somebody is called, in characters.
const maxDisplayName = 200

// Identities verifies ID tokens: what an issuer says to one client of who has just signed in there (OpenID Connect Core 1.0,
// 3.1.3.7). They open a session and nothing else: a Verifier does not take them, unless the operator names the client as the
// audience of the issuer's tokens too. Safe for concurrent use.
type Identities struct {
	issuer Issuer
	now    func() time.Time
}

// NewIdentities returns a verifier of the ID tokens of another issuer for a client of this id; the issuer's own Audience
// does not count. An error says what cannot be as it is.
func NewIdentities(issuer Issuer, client string, now func() time.Time) (*Identities, error) {
	issuer.Audience, issuer.Algorithms = client, slices.Clone(issuer.Algorithms)
	if client == "" {
		return nil, fmt.Errorf("issuer %q: no client id; say what it calls this system", issuer.URL)
	}
	if err := issuer.check(); err != nil {
		return nil, err
	}
	if issuer.own() {
		return nil, errors.New("the installation itself gives no ID tokens")
	}
	return &Identities{issuer: issuer, now: now}, nil
}

// Issuer is whose tokens are verified.
func (i *Identities) Issuer() string { return i.issuer.URL }

// Client is for whom they are.
func (i *Identities) Client() string { return i.issuer.Audience }

// Names reports whether a principal has the form of the issuer's users.
func (i *Identities) Names(principal string) bool {
	id, ok := strings.CutPrefix(principal, collection+i.issuer.Prefix+"-")
	return ok && ForeignID(i.issuer.Prefix+"-"+id)
}

// Verify returns whom an ID token names, and what they are called; "": it does not say. The token must have been made for
// the sign-in with this nonce. It refuses as Verifier.Verify does, with TOKEN_AUDIENCE for one that was made for several and
// handed to another (`azp`), and TOKEN_NONCE for one of another sign-in.
func (i *Identities) Verify(ctx context.Context, compact, nonce string) (c Claims, displayName string, err error) {
	if compact == "" {
		return Claims{}, "", fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_MISSING, "")
	}
	if len(compact) > MaxSize {
		return Claims{}, "", fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_TOO_LARGE, "", "limit", fmt.Sprint(MaxSize))
	}
	p, err := parse(compact)
	if err != nil {
		return Claims{}, "", err
	}
	if p.issuer != i.issuer.URL {
		return Claims{}, "", fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_ISSUER_UNKNOWN, "token.claims.iss")
	}
	key, err := i.issuer.keyOf(ctx, p)
	if err != nil {
		return Claims{}, "", err
	}
	if !key.fits(p) {
		return Claims{}, "", fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_SIGNATURE, "token.signature")
	}
	if strings.EqualFold(p.typ, ownType) { // an access token, which says nothing of a sign-in
		return Claims{}, "", malformed("token.header.typ")
	}
	if c, err = i.issuer.judge(p, i.now()); err != nil {
		return Claims{}, "", err
	}
	if err := i.handed(p.claims); err != nil {
		return Claims{}, "", err
	}
	said, _ := p.claims.text("nonce")
	if nonce == "" || subtle.ConstantTimeCompare([]byte(said), []byte(nonce)) != 1 {
		return Claims{}, "", fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_NONCE, "token.claims.nonce")
	}
	return c, nameIn(p.claims), nil
}

// handed refuses a token that was given to another client: `azp` says to whom, and must where the token is for several.
func (i *Identities) handed(claims object) error {
	audience, _ := claims.texts("aud")
	_, said := claims["azp"]
	if party, _ := claims.text("azp"); said && party != i.Client() || !said && len(audience) > 1 {
		return fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_AUDIENCE, "token.claims.azp", "name", i.Client())
	}
	return nil
}

// nameIn is what the issuer says that somebody is called, to be shown to them: it proves nothing.
func nameIn(claims object) string {
	for _, member := range []string{"name", "preferred_username"} {
		name, _ := claims.text(member)
		if name = strings.TrimSpace(name); name != "" && utf8.RuneCountInString(name) <= maxDisplayName && !strings.ContainsFunc(name, control) {
			return name
		}
	}
	return ""
}

func control(r rune) bool { return r < ' ' || 0x7f <= r && r <= 0x9f }

package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/token"
	"coso/services/platform/token/tokentest"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// INV-TOKEN-NAME.
func TestOwnSubjects(t *testing.T) {
	own := tokentest.Issuer(t)
	for _, id := range []string{"", "Lan", "lan_", "-lan", "lan-", "lân", "lan/admin", strings.Repeat("a", 64), "local", "operator", "sso-" + strings.Repeat("0", 32), "a-" + strings.Repeat("v", 32)} {
		if token.AccountID(id) {
			t.Errorf("%q may be an account", id)
		}
		if _, _, err := own.Signer().Sign(id, time.Minute, ""); fault.KindOf(err) != fault.KindInternal {
			t.Errorf("a token for %q: %v", id, err)
		}
	}
	for _, id := range []string{"lan", "admin", "0198f0c2-7b4e-7c3a-9f51-2d6a8b1c0e4f", "sso-lan", "local-2", strings.Repeat("a", 63), "sso-" + strings.Repeat("w", 32), "sso-" + strings.Repeat("0", 31)} {
		if !token.AccountID(id) {
			t.Errorf("%q may be no account", id)
		}
		if c, err := own.Verifier().Verify(t.Context(), own.Token(id)); err != nil || c.Principal != "principals/"+id || c.Principal == "principals/local" {
			t.Errorf("%q: %+v, %v", id, c, err)
		}
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	own := tokentest.Issuer(t)
	good := token.Issuer{URL: officeURL, Audience: "coso", Algorithms: []token.Algorithm{token.EdDSA}, Prefix: "sso", Keys: own.Signer()}
	with := func(change func(i *token.Issuer)) []token.Issuer {
		i := good
		change(&i)
		return []token.Issuer{i}
	}
	for name, issuers := range map[string][]token.Issuer{
		"no URL":         with(func(i *token.Issuer) { i.URL = "" }),
		"no audience":    with(func(i *token.Issuer) { i.Audience = "" }),
		"no algorithm":   with(func(i *token.Issuer) { i.Algorithms = nil }),
		"none":           with(func(i *token.Issuer) { i.Algorithms = []token.Algorithm{"none"} }),
		"HS256":          with(func(i *token.Issuer) { i.Algorithms = []token.Algorithm{token.EdDSA, "HS256"} }),
		"no keys":        with(func(i *token.Issuer) { i.Keys = nil }),
		"prefix -":       with(func(i *token.Issuer) { i.Prefix = "sso-a" }),
		"prefix 1":       with(func(i *token.Issuer) { i.Prefix = "1" }),
		"prefix A":       with(func(i *token.Issuer) { i.Prefix = "A" }),
		"long prefix":    with(func(i *token.Issuer) { i.Prefix = strings.Repeat("a", 17) }),
		"same URL":       append(with(func(i *token.Issuer) { i.Prefix = "other" }), good),
		"same prefix":    append(with(func(i *token.Issuer) { i.URL = otherURL }), good),
		"two of our own": append(with(func(i *token.Issuer) { i.Prefix = "" }), own.Trusted()),
	} {
		if _, err := token.NewVerifier(token.Options{Issuers: issuers, Now: own.Now}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := token.NewVerifier(token.Options{}); err == nil {
		t.Error("no clock: accepted")
	}
}

// Keys that are no use are left out, whatever signs by them; a set that contradicts itself is none.
func TestKeysThatAreNoUse(t *testing.T) {
	own := tokentest.Issuer(t)
	short := must(rsa.GenerateKey(rand.Reader, 1024)) //nolint:gosec // G403: short on purpose
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	set := jwks(
		public(t, edKey(), fields{"kid": "ed"}),
		[]byte(`{"kty":"RSA","kid":"short","e":"AQAB","n":"`+b64(string(short.N.Bytes()))+`"}`),
		public(t, p384, fields{"kid": "p384"}),
		public(t, otherKey(), fields{"kid": "encrypts", "use": "enc"}),
		public(t, otherKey(), fields{"kid": "signs-only", "key_ops": []string{"sign"}}),
		public(t, rsaKey(), fields{"kid": "rs512", "alg": "RS512"}),
		public(t, otherKey(), fields{}),
		public(t, otherKey(), fields{"kid": "secret", "d": b64(strings.Repeat("s", 32))}),
		public(t, otherKey(), fields{"kid": "half", "x": b64("short")}),
		public(t, ecKey(), fields{"kid": "off", "y": b64(strings.Repeat("y", 32))}),
		[]byte(`{"kty":"oct","kid":"oct","k":"`+b64(strings.Repeat("k", 32))+`"}`),
		[]byte(`{"kty":"new","kid":"new"}`),
		[]byte(`7`),
	)
	office := newSite(t, jsonDocument(set))
	keys := remote(t, token.RemoteOptions{Issuer: officeURL, JWKS: office.URL})
	eventually(t, "keys are read", func() bool { return keys.Refresh(t.Context()) == nil })
	if _, ok := keys.Key("ed", token.EdDSA); !ok {
		t.Error("the good key is not there")
	}
	for _, id := range []string{"short", "p384", "encrypts", "signs-only", "rs512", "", "secret", "half", "off", "oct", "new"} {
		for _, a := range []token.Algorithm{token.EdDSA, token.ES256, token.RS256, "RS512", "HS256", "ES384"} {
			if _, ok := keys.Key(id, a); ok {
				t.Errorf("%q is a key for %s", id, a)
			}
		}
	}
	v, err := token.NewVerifier(token.Options{Now: own.Now, Issuers: []token.Issuer{
		{URL: officeURL, Audience: "coso", Algorithms: []token.Algorithm{token.RS256}, Prefix: "sso", Keys: keys},
	}})
	if err != nil {
		t.Fatal(err)
	}
	claims := fields{"iss": officeURL, "sub": "lan", "aud": "coso", "exp": own.Now().Unix() + 60}
	_, err = v.Verify(context.Background(), forge(t, short, "RS256", fields{"alg": "RS256", "kid": "short"}.but(nil), claims.but(nil)))
	wants(t, err, fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_KEY_UNKNOWN, "token.header.kid")
}

package token_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"strings"
	"testing"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/token"
	"coso/services/platform/token/tokentest"

	faultpb "coso/proto/gen/coso/fault/v1"
)

const (
	officeURL = "https://sso.office.example"
	otherURL  = "https://sso.other.example"
)

// world is a verifier that knows the installation and two other issuers.
type world struct {
	*token.Verifier
	own           *tokentest.Own
	office, other *site
	head, claims  fields // of a good token of the office
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{own: tokentest.Issuer(t)}
	w.office = newSite(t, jsonDocument(jwks(
		public(t, edKey(), fields{"kid": "ed", "use": "sig", "alg": "EdDSA"}),
		public(t, ecKey(), fields{"kid": "ec"}),
		public(t, otherKey(), fields{"kid": "shared"}),
	)))
	w.other = newSite(t, jsonDocument(jwks(
		public(t, rsaKey(), fields{"kid": "rsa", "use": "sig", "key_ops": []string{"verify"}}),
		public(t, rsaKey(), fields{"kid": "shared"}),
	)))
	o := token.Options{Now: w.own.Now, Issuers: []token.Issuer{
		w.own.Trusted(),
		{URL: officeURL, Audience: "coso-office", Algorithms: []token.Algorithm{token.EdDSA, token.ES256}, Prefix: "office", Keys: remote(t, token.RemoteOptions{Issuer: officeURL, JWKS: w.office.URL})},
		{URL: otherURL, Audience: "coso-other", Algorithms: []token.Algorithm{token.RS256}, Prefix: "other", Keys: remote(t, token.RemoteOptions{Issuer: otherURL, JWKS: w.other.URL})},
	}}
	v, err := token.NewVerifier(o)
	if err != nil {
		t.Fatal(err)
	}
	w.Verifier = v
	for _, i := range o.Issuers {
		eventually(t, "keys are read", func() bool { return i.Keys.Refresh(t.Context()) == nil })
	}
	now := w.own.Now().Unix()
	w.head = fields{"alg": "EdDSA", "kid": "ed", "typ": "JWT"}
	w.claims = fields{"iss": officeURL, "sub": "lan@office.example", "aud": "coso-office", "exp": now + 300, "iat": now, "nbf": now, "jti": "1"}
	return w
}

// good is a token of the office, altered.
func (w *world) good(t testing.TB, head, claims fields) string {
	t.Helper()
	return forge(t, edKey(), "EdDSA", w.head.but(head), w.claims.but(claims))
}

func TestVerifyOwn(t *testing.T) {
	w := newWorld(t)
	compact, want, err := w.own.Signer().Sign("lan", 90*time.Second, "must-change-password units.read")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // verified, then remembered
		got, err := w.Verify(t.Context(), compact)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
	}
	if want.Principal != "principals/lan" || want.Expires.Sub(want.IssuedAt) != 90*time.Second || want.ID == "" {
		t.Errorf("signed %+v", want)
	}
	for word, has := range map[string]bool{"units.read": true, "must-change-password": true, "units": false, "": false, "must-change-password units.read": false} {
		if want.Scope.Has(word) != has {
			t.Errorf("scope has %q: %v", word, !has)
		}
	}
}

func TestVerifyOthers(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		name, compact, principal string
	}{
		{"EdDSA", w.good(t, nil, nil), "principals/office-cqrab3ju4r3vr6ilehbdo1f75tck3pmt"},
		{"the same person by another key", forge(t, ecKey(), "ES256", w.head.but(fields{"alg": "ES256", "kid": "ec"}), w.claims.but(nil)), "principals/office-cqrab3ju4r3vr6ilehbdo1f75tck3pmt"},
		{"another person", w.good(t, nil, fields{"sub": "Lan@office.example"}), ""},
		{"a person with the name of an own account", w.good(t, nil, fields{"sub": "lan"}), ""},
		{"RS256", forge(t, rsaKey(), "RS256", w.head.but(fields{"alg": "RS256", "kid": "rsa"}), w.claims.but(fields{"iss": otherURL, "aud": "coso-other"})), ""},
		{"no typ", w.good(t, fields{"typ": nil}, nil), ""},
		{"access token", w.good(t, fields{"typ": "application/AT+jwt"}, nil), ""},
		{"list with us", w.good(t, nil, fields{"aud": []string{"account", "coso-office"}}), ""},
		{"headers that name keys are passed over", w.good(t, fields{"x5t": "abc", "x5c": []string{"abc"}}, nil), ""},
		{"no iat, nbf, jti", w.good(t, nil, fields{"iat": nil, "nbf": nil, "jti": nil}), ""},
		{"fractions of seconds", forge(t, edKey(), "EdDSA", w.head.but(nil), strings.Replace(w.claims.but(nil), `,"iat":`, `.75,"iat":`, 1)), ""},
		{"nbf within the leeway", w.good(t, nil, fields{"nbf": w.own.Now().Add(token.Leeway).Unix()}), ""},
		{"scope of its own words", w.good(t, nil, fields{"scope": "openid profile"}), ""},
		{"more claims", w.good(t, nil, fields{"realm_access": fields{"roles": []string{"a", "b"}}, "name": "Lan"}), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := w.Verify(t.Context(), tc.compact)
			if err != nil {
				t.Fatal(err)
			}
			id, ok := strings.CutPrefix(c.Principal, "principals/")
			if !ok || token.AccountID(id) || len(id) > 63 || tc.principal != "" && c.Principal != tc.principal {
				t.Errorf("principal %q, want %q", c.Principal, tc.principal)
			}
		})
	}
}

// INV-TOKEN-SIGNED, INV-TOKEN-SPELLING, INV-TOKEN-SILENT.
func TestVerifyRefuses(t *testing.T) {
	w := newWorld(t)
	bait := newSite(t, gone) // what a token says of keys is never looked at
	now := w.own.Now()
	good := w.good(t, nil, nil)
	own := w.own.Token("lan")
	ownHead, ownBody, _ := strings.Cut(own, ".")
	ownBody, ownSignature, _ := strings.Cut(ownBody, ".")
	rsaHead := fields{"alg": "RS256", "kid": "rsa"}
	ofOther := fields{"iss": otherURL, "aud": "coso-other"}
	secret := []byte(edKey()[ed25519.SeedSize:]) // the public half
	weak := must(rsa.GenerateKey(rand.Reader, 2048))
	header, rest, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(rest, ".")

	type refusal struct {
		name, compact string
		reason        faultpb.Reason
		field         string
	}
	const (
		malformed = faultpb.Reason_REASON_TOKEN_MALFORMED
		algorithm = faultpb.Reason_REASON_TOKEN_ALGORITHM
		unknown   = faultpb.Reason_REASON_TOKEN_KEY_UNKNOWN
		unsigned  = faultpb.Reason_REASON_TOKEN_SIGNATURE
		audience  = faultpb.Reason_REASON_TOKEN_AUDIENCE
	)
	cases := []refusal{
		{"nothing", "", faultpb.Reason_REASON_TOKEN_MISSING, ""},
		{"a byte too long", good + strings.Repeat("A", token.MaxSize+1-len(good)), faultpb.Reason_REASON_TOKEN_TOO_LARGE, ""},
		{"as long as may be", good + strings.Repeat("A", token.MaxSize-len(good)), unsigned, "token.signature"},
		{"one word", "abc", malformed, "token"},
		{"two parts", header + "." + body, malformed, "token"},
		{"four parts", good + ".AA", malformed, "token"},
		{"encrypted", header + "." + body + "." + body + "." + body + "." + signature, malformed, "token"},
		{"spaces around", " " + good + " ", malformed, "token.header"},
		{"line end behind", good + "\n", malformed, "token.signature"},
		{"line end inside", header + "." + body[:8] + "\r\n" + body[8:] + "." + signature, malformed, "token.claims"},
		{"padding", good + "==", malformed, "token.signature"},
		{"padded body", header + "." + body + "=." + signature, malformed, "token.claims"},
		{"alphabet with + and /", header + "." + body + "." + strings.Repeat("+/", 43), malformed, "token.signature"},
		{"loose bits", good[:len(good)-1] + loose(good[len(good)-1]), malformed, "token.signature"},
		{"another's signature", header + "." + body + "." + ownSignature, unsigned, "token.signature"},
		{"no signature", header + "." + body + ".", unsigned, "token.signature"},
		{"half a signature", good[:len(good)-38], unsigned, "token.signature"},
		{"other claims", header + "." + b64(w.claims.but(fields{"sub": "intruder"})) + "." + signature, unsigned, "token.signature"},
		{"header that is no JSON", b64("alg") + "." + body + "." + signature, malformed, "token.header"},
		{"header that is a list", b64("[]") + "." + body + "." + signature, malformed, "token.header"},
		{"claims that are a token", forge(t, edKey(), "EdDSA", w.head.but(fields{"cty": "JWT"}), good), malformed, "token.claims"},
		{"claims that are a text", forge(t, edKey(), "EdDSA", w.head.but(nil), `"`+good+`"`), malformed, "token.claims"},
		{"a token within", w.good(t, fields{"cty": "JWT"}, nil), malformed, "token.header.cty"},
		{"something behind the claims", forge(t, edKey(), "EdDSA", w.head.but(nil), w.claims.but(nil)+"{}"), malformed, "token.claims"},
		{"a claim twice", forge(t, edKey(), "EdDSA", w.head.but(nil), twice(w.claims.but(nil), `"sub":"intruder"`)), malformed, "token.claims"},
		{"a claim twice, escaped", forge(t, edKey(), "EdDSA", w.head.but(nil), twice(w.claims.but(nil), `"s\u0075b":"intruder"`)), malformed, "token.claims"},
		{"a member twice, deeper", forge(t, edKey(), "EdDSA", w.head.but(nil), twice(w.claims.but(nil), `"x":[{"a":1,"a":1}]`)), malformed, "token.claims"},
		{"a header twice", forge(t, edKey(), "EdDSA", twice(w.head.but(nil), `"alg":"none"`), w.claims.but(nil)), malformed, "token.header"},
		{"claims too deep", forge(t, edKey(), "EdDSA", w.head.but(nil), twice(w.claims.but(nil), `"x":`+strings.Repeat("[", 9)+strings.Repeat("]", 9))), malformed, "token.claims"},
		{"claims too many", forge(t, edKey(), "EdDSA", w.head.but(nil), twice(w.claims.but(nil), many(100))), malformed, "token.claims"},
		{"claims not UTF-8", forge(t, edKey(), "EdDSA", w.head.but(nil), strings.Replace(w.claims.but(nil), "lan@", "lan\xff", 1)), malformed, "token.claims"},
		{"half a character", forge(t, edKey(), "EdDSA", w.head.but(nil), strings.Replace(w.claims.but(nil), "lan@", `lan\ud800`, 1)), malformed, "token.claims"},
		{"crit", w.good(t, fields{"crit": []string{"exp"}, "exp": 1}, nil), malformed, "token.header.crit"},
		{"empty crit", w.good(t, fields{"crit": []string{}}, nil), malformed, "token.header.crit"},
		{"b64", w.good(t, fields{"b64": true}, nil), malformed, "token.header.b64"},
		{"compressed", w.good(t, fields{"zip": "DEF"}, nil), malformed, "token.header.zip"},
		{"a logout", w.good(t, fields{"typ": "logout+jwt"}, nil), malformed, "token.header.typ"},
		{"typ is no text", w.good(t, fields{"typ": 1}, nil), malformed, "token.header.typ"},
		{"no alg", w.good(t, fields{"alg": nil}, nil), malformed, "token.header.alg"},
		{"alg is no text", w.good(t, fields{"alg": []string{"EdDSA"}}, nil), malformed, "token.header.alg"},
		{"no kid", w.good(t, fields{"kid": nil}, nil), malformed, "token.header.kid"},
		{"empty kid", w.good(t, fields{"kid": ""}, nil), malformed, "token.header.kid"},
		{"long kid", w.good(t, fields{"kid": strings.Repeat("k", 257)}, nil), malformed, "token.header.kid"},
		{"unknown kid", w.good(t, fields{"kid": "nobody"}, nil), unknown, "token.header.kid"},
		{"HS256 by the public key", forge(t, secret, "HS256", w.head.but(fields{"alg": "HS256"}), w.claims.but(nil)), algorithm, "token.header.alg"},
		{"ES384", w.good(t, fields{"alg": "ES384"}, nil), algorithm, "token.header.alg"},
		{"PS256", forge(t, rsaKey(), "PS256", w.head.but(fields{"alg": "PS256", "kid": "rsa"}), w.claims.but(ofOther)), algorithm, "token.header.alg"},
		{"RS256 of an issuer without it", forge(t, rsaKey(), "RS256", w.head.but(rsaHead), w.claims.but(nil)), algorithm, "token.header.alg"},
		{"an EdDSA key called RS256", forge(t, edKey(), "EdDSA", w.head.but(fields{"alg": "RS256", "kid": "ed"}), w.claims.but(ofOther)), unknown, "token.header.kid"},
		{"an EdDSA key called ES256", w.good(t, fields{"alg": "ES256"}, nil), unknown, "token.header.kid"},
		{"an RSA key's kid called EdDSA", w.good(t, fields{"kid": "rsa"}, nil), unknown, "token.header.kid"},
		{"another RSA key under the kid", forge(t, weak, "RS256", w.head.but(rsaHead), w.claims.but(ofOther)), unsigned, "token.signature"},
		{"a kid that two issuers have, by the other's key", forge(t, otherKey(), "EdDSA", w.head.but(fields{"kid": "shared"}), w.claims.but(ofOther)), algorithm, "token.header.alg"},
		{"the same, called RS256", forge(t, otherKey(), "EdDSA", w.head.but(fields{"kid": "shared", "alg": "RS256"}), w.claims.but(ofOther)), unsigned, "token.signature"},
		{"one issuer speaks for another", forge(t, rsaKey(), "RS256", w.head.but(fields{"alg": "RS256", "kid": "shared"}), w.claims.but(nil)), algorithm, "token.header.alg"},
		{"another issuer speaks for us", w.good(t, fields{"typ": "at+jwt"}, fields{"iss": tokentest.URL, "sub": "intruder", "aud": tokentest.Audience}), unknown, "token.header.kid"},
		{"no issuer", w.good(t, nil, fields{"iss": nil}), malformed, "token.claims.iss"},
		{"issuer null", w.good(t, nil, fields{"iss": []string{officeURL}}), malformed, "token.claims.iss"},
		{"unknown issuer", w.good(t, nil, fields{"iss": officeURL + "/"}), faultpb.Reason_REASON_TOKEN_ISSUER_UNKNOWN, "token.claims.iss"},
		{"other audience", w.good(t, nil, fields{"aud": "coso-other"}), audience, "token.claims.aud"},
		{"audience by its beginning", w.good(t, nil, fields{"aud": "coso-office2"}), audience, "token.claims.aud"},
		{"list without us", w.good(t, nil, fields{"aud": []string{"coso-other", "account"}}), audience, "token.claims.aud"},
		{"empty list", w.good(t, nil, fields{"aud": []string{}}), audience, "token.claims.aud"},
		{"list with a number", w.good(t, nil, fields{"aud": []any{"coso-office", 1}}), malformed, "token.claims.aud"},
		{"list without end", w.good(t, nil, fields{"aud": strings.Split(strings.Repeat("coso-office ", 17), " ")}), malformed, "token.claims.aud"},
		{"no audience", w.good(t, nil, fields{"aud": nil}), malformed, "token.claims.aud"},
		{"no subject", w.good(t, nil, fields{"sub": nil}), malformed, "token.claims.sub"},
		{"empty subject", w.good(t, nil, fields{"sub": ""}), malformed, "token.claims.sub"},
		{"long subject", w.good(t, nil, fields{"sub": strings.Repeat("s", 256)}), malformed, "token.claims.sub"},
		{"subject with a line end", w.good(t, nil, fields{"sub": "lan\nadmin"}), malformed, "token.claims.sub"},
		{"subject is a number", w.good(t, nil, fields{"sub": 7}), malformed, "token.claims.sub"},
		{"no exp", w.good(t, nil, fields{"exp": nil}), malformed, "token.claims.exp"},
		{"exp is a text", w.good(t, nil, fields{"exp": fmt.Sprint(now.Unix() + 300)}), malformed, "token.claims.exp"},
		{"exp with an exponent", forge(t, edKey(), "EdDSA", w.head.but(nil), strings.Replace(w.claims.but(fields{"exp": 12345}), "12345", "1e99", 1)), malformed, "token.claims.exp"},
		{"exp beyond all time", w.good(t, nil, fields{"exp": int64(1) << 62}), malformed, "token.claims.exp"},
		{"exp below zero", w.good(t, nil, fields{"exp": -1}), malformed, "token.claims.exp"},
		{"expired by a second", w.good(t, nil, fields{"exp": now.Unix() - 1}), faultpb.Reason_REASON_TOKEN_EXPIRED, "token.claims.exp"},
		{"expires now", w.good(t, nil, fields{"exp": now.Unix()}), faultpb.Reason_REASON_TOKEN_EXPIRED, "token.claims.exp"},
		{"nbf ahead", w.good(t, nil, fields{"nbf": now.Add(token.Leeway).Unix() + 1}), faultpb.Reason_REASON_TOKEN_NOT_YET_VALID, ""},
		{"iat ahead", w.good(t, nil, fields{"iat": now.Add(token.Leeway).Unix() + 1}), faultpb.Reason_REASON_TOKEN_NOT_YET_VALID, ""},
		{"nbf is a text", w.good(t, nil, fields{"nbf": "now"}), malformed, "token.claims.nbf"},
		{"iat is null", forge(t, edKey(), "EdDSA", w.head.but(nil), twice(w.claims.but(fields{"iat": nil}), `"iat":null`)), malformed, "token.claims.iat"},
		{"long jti", w.good(t, nil, fields{"jti": strings.Repeat("j", 129)}), malformed, "token.claims.jti"},
		{"scope is a list", w.good(t, nil, fields{"scope": []string{"openid"}}), malformed, "token.claims.scope"},
		{"scope with two spaces", w.good(t, nil, fields{"scope": "a  b"}), malformed, "token.claims.scope"},
		{"scope too long", w.good(t, nil, fields{"scope": strings.Repeat("s", 1025)}), malformed, "token.claims.scope"},
		{"own token of the office's type", ownHead + "." + ownBody + "." + signature, unsigned, "token.signature"},
		{"own head, other body", ownHead + "." + body + "." + ownSignature, unknown, "token.header.kid"},
		{"jku", forge(t, otherKey(), "EdDSA", w.head.but(fields{"kid": "mine", "jku": bait.URL, "x5u": bait.URL}), w.claims.but(nil)), unknown, "token.header.kid"},
		{"jku beside a known kid", forge(t, newEd(), "EdDSA", w.head.but(fields{"jku": bait.URL, "x5u": bait.URL}), w.claims.but(nil)), unsigned, "token.signature"},
	}
	mine := newEd()
	cases = append(cases, refusal{"jwk", forge(t, mine, "EdDSA", w.head.but(fields{"jwk": public(t, mine, nil)}), w.claims.but(nil)), unsigned, "token.signature"})
	for _, none := range []string{"none", "None", "NONE", "nOnE", "", "none ", "null", "HS256", "eddsa", "EDDSA", "Ed25519"} {
		cases = append(cases,
			refusal{"alg " + none, forge(t, nil, "", w.head.but(fields{"alg": none}), w.claims.but(nil)), algorithm, "token.header.alg"},
			refusal{"own, alg " + none, forge(t, nil, "", fields{"alg": none, "kid": "x", "typ": "at+jwt"}.but(nil), w.claims.but(fields{"iss": tokentest.URL, "aud": tokentest.Audience})), algorithm, "token.header.alg"})
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			_, err := w.Verify(t.Context(), tc.compact)
			wants(t, err, fault.KindUnauthenticated, tc.reason, tc.field)
			for _, text := range []string{fault.From(err).Msg, fault.From(err).MsgVi, fmt.Sprint(fault.From(err).Params)} {
				if strings.Contains(text, "lan@") || strings.Contains(text, "intruder") || strings.Contains(text, officeURL+"/") {
					t.Errorf("%q tells what the token says", text)
				}
			}
		})
	}
	if n := bait.asked.Load(); n != 0 {
		t.Errorf("%d requests where a token pointed to", n)
	}
	if _, err := w.Verify(t.Context(), good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// loose returns a letter of base64 whose used bits are those of the last one of a signature, with another loose bit.
func loose(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, last)^1])
}

// many are different members.
func many(n int) string {
	members := make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf(`"m%d":0`, i)
	}
	return strings.Join(members, ",")
}

// twice adds a member at the end of an object.
func twice(object, member string) string { return object[:len(object)-1] + "," + member + "}" }

func TestRefusalTexts(t *testing.T) {
	own := tokentest.Issuer(t)
	compact := own.Token("lan")
	own.Advance(5 * time.Minute)
	_, err := own.Verifier().Verify(t.Context(), compact)
	e := fault.From(err)
	ended := own.Now().UTC().Add(7 * time.Hour).Format("2006-01-02T15:04:05+07:00")
	if !strings.Contains(e.Msg, "expired at "+ended) || !strings.Contains(e.MsgVi, "hết hạn lúc "+ended) {
		t.Errorf("%q, %q do not say when: %s", e.Msg, e.MsgVi, ended)
	}
}

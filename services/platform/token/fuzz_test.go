package token_test

import (
	"strings"
	"testing"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/token"
	"coso/services/platform/token/tokentest"
)

// FuzzVerify: whatever comes, the verifier does not panic, refuses as unauthenticated, and accepts nothing but the tokens
// that were signed, byte for byte. INV-TOKEN-SIGNED, INV-TOKEN-SPELLING.
func FuzzVerify(f *testing.F) {
	own := tokentest.Issuer(f)
	v := own.Verifier()
	signed := map[string]bool{}
	for _, scope := range []string{"", "units.read", "must-change-password"} {
		compact := own.Token("lan", scope)
		signed[compact] = true
		f.Add(compact)
		f.Add(compact + "=")
		f.Add(strings.Replace(compact, ".", "..", 1))
		f.Add(compact[:len(compact)-1])
	}
	f.Add("")
	f.Add("..")
	f.Add(b64(`{"alg":"none","kid":"x"}`) + "." + b64(`{"iss":"`+tokentest.URL+`"}`) + ".")
	f.Add(b64(`{"alg":"EdDSA","kid":"x","typ":"at+jwt"}`) + "." + b64(`{"iss":"`+tokentest.URL+`","exp":1.5}`) + ".AAAA")
	f.Fuzz(func(t *testing.T, compact string) {
		c, err := v.Verify(t.Context(), compact)
		if signed[compact] != (err == nil) {
			t.Errorf("%q: %+v, %v", compact, c, err)
		}
		if err != nil && fault.KindOf(err) != fault.KindUnauthenticated {
			t.Errorf("%q: %v", compact, err)
		}
	})
}

// FuzzClaims: whatever an issuer signs, the verifier does not panic, and what it accepts has the shape that Claims promise.
func FuzzClaims(f *testing.F) {
	w := newWorld(f)
	f.Add(w.head.but(nil), w.claims.but(nil))
	f.Add(w.head.but(fields{"crit": []string{}}), w.claims.but(fields{"aud": []string{"coso-office"}}))
	f.Add(w.head.but(fields{"typ": nil}), w.claims.but(fields{"exp": 1e18, "scope": "a b"}))
	f.Fuzz(func(t *testing.T, head, claims string) {
		c, err := w.Verify(t.Context(), forge(t, edKey(), "EdDSA", head, claims))
		if err != nil {
			if fault.KindOf(err) != fault.KindUnauthenticated {
				t.Errorf("%v", err)
			}
			return
		}
		id, ok := strings.CutPrefix(c.Principal, "principals/office-")
		if !ok || len(id) != 32 || c.Issuer != officeURL || c.Subject == "" || !c.Expires.After(w.own.Now()) || c.IssuedAt.After(w.own.Now().Add(token.Leeway)) {
			t.Errorf("accepted %+v", c)
		}
		if c.Expires.Location() != time.UTC {
			t.Errorf("%v is not comparable", c.Expires)
		}
	})
}

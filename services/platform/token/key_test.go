package token

import (
	"testing"
	"time"
)

// FuzzKeys: whatever an issuer publishes, reading it does not panic, and what is taken is a named key of a known algorithm,
// and can be asked whether it fits.
func FuzzKeys(f *testing.F) {
	ring, _, err := Rotate(nil, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	signer, err := NewSigner(SignerOptions{Issuer: "a", Audience: "a", Now: time.Now}, ring)
	if err != nil {
		f.Fatal(err)
	}
	document, err := signer.Document()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(document)
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"AA","y":"AA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB","x5c":["AA=="]}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"X25519","kid":"a","x":"AA"},{"kty":"oct","k":"AA"},null,[]]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		keys, _, err := parseKeys(raw)
		if err != nil {
			return
		}
		for name, k := range keys {
			if name != k.name || name.id == "" || name.algorithm != EdDSA && name.algorithm != ES256 && name.algorithm != RS256 {
				t.Errorf("%+v under %+v", k.name, name)
			}
			k.fits(&parts{signed: []byte("a.b"), signature: make([]byte, 64)})
		}
	})
}

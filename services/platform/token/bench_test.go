package token_test

import (
	"testing"

	"coso/services/platform/token"
	"coso/services/platform/token/tokentest"
)

// BenchmarkVerify holds a token that comes again against one that comes for the first time.
func BenchmarkVerify(b *testing.B) {
	own := tokentest.Issuer(b)
	b.Run("remembered", func(b *testing.B) {
		v, compact := own.Verifier(), own.Token("lan")
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := v.Verify(b.Context(), compact); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("new", func(b *testing.B) {
		v, err := token.NewVerifier(token.Options{Issuers: []token.Issuer{own.Trusted()}, Now: own.Now, Remembered: 1})
		if err != nil {
			b.Fatal(err)
		}
		tokens := []string{own.Token("lan"), own.Token("hoa"), own.Token("mai")}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := v.Verify(b.Context(), tokens[i%len(tokens)]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

package access

import (
	"testing"
	"time"

	"coso/gateway/identity"
	"coso/services/platform/access"
	"coso/services/platform/store"
	"coso/services/platform/token"

	accesspb "coso/proto/gen/coso/access/v1"
)

// password is that of the account `admin`.
const password = "Trăng lên đầu ngõ nhỏ"

// issuer signs tokens with the keys of the service of the accounts, for accounts that nobody needs to sign in for.
type issuer struct {
	t      testing.TB
	ring   *accesspb.KeyRingPrivate
	now    func() time.Time
	signer *token.Signer
}

// issuerOf reads the keys as whoever has the disk could.
func issuerOf(t testing.TB, s *identity.Service, now func() time.Time) *issuer {
	t.Helper()
	rings := store.NewCopy("key-rings", (*accesspb.KeyRingPrivate).GetName)
	ctx := access.With(t.Context(), access.Service(s.Name()))
	ring, err := store.View(ctx, s.Store(), func(tx *store.ReadTx) (*accesspb.KeyRingPrivate, error) { return rings.Get(tx, "keyRings/tokens") })
	if err != nil {
		t.Fatal(err)
	}
	return newIssuer(t, ring, now)
}

func newIssuer(t testing.TB, ring *accesspb.KeyRingPrivate, now func() time.Time) *issuer {
	t.Helper()
	i := &issuer{t: t, ring: ring, now: now}
	i.signer = i.signerFor(token.SignerOptions{Issuer: identity.Issuer, Audience: identity.Audience, Now: now})
	return i
}

// stranger signs in the same name with keys that nobody published.
func (i *issuer) stranger() *issuer {
	i.t.Helper()
	ring, _, err := token.Rotate(nil, i.now())
	if err != nil {
		i.t.Fatal(err)
	}
	return newIssuer(i.t, ring, i.now)
}

func (i *issuer) signerFor(o token.SignerOptions) *token.Signer {
	i.t.Helper()
	signer, err := token.NewSigner(o, i.ring)
	if err != nil {
		i.t.Fatal(err)
	}
	return signer
}

// Token is a token for an account.
func (i *issuer) Token(account string) string { return i.signed(i.signer, account) }

func (i *issuer) signed(by *token.Signer, account string) string {
	i.t.Helper()
	compact, _, err := by.Sign(account, 5*time.Minute, "")
	if err != nil {
		i.t.Fatal(err)
	}
	return compact
}

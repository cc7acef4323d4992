package access

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"coso/gateway/identity"
	"coso/services/platform/token"
)

// badToken is a token that proves nothing, and the reasons for which it was refused.
type badToken struct {
	name, compact string
	refused       map[string]bool
}

// badTokens are those of the administrator that prove nothing. Each is good but for what its name says.
func badTokens(t testing.TB, own *issuer) []badToken {
	t.Helper()
	good := own.Token("administrator")
	past := func() time.Time { return own.now().Add(-10 * time.Minute) }
	by := func(issuer, audience string, now func() time.Time) string {
		return own.signed(own.signerFor(token.SignerOptions{Issuer: issuer, Audience: audience, Now: now}), "administrator")
	}
	out := []badToken{
		{name: "none"},
		{name: "foreign issuer", compact: by("https://elsewhere.example", identity.Audience, own.now)},
		{name: "foreign key", compact: own.stranger().Token("administrator")},
		{name: "alg none", compact: unsigned(t, good)},
		{name: "altered", compact: good[:len(good)-4] + "AAAA"},
		{name: "audience", compact: by(identity.Issuer, "another", own.now)},
		{name: "expired", compact: by(identity.Issuer, identity.Audience, past)},
	}
	for i := range out {
		out[i].refused = map[string]bool{}
	}
	return out
}

// unsigned is a token whose header, for the rest as it was, says that nothing signs it.
func unsigned(t testing.TB, good string) string {
	t.Helper()
	parts := strings.Split(good, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	header := map[string]string{}
	if err := json.Unmarshal(raw, &header); err != nil || header["kid"] == "" {
		t.Fatalf("the header is %s, %v", raw, err)
	}
	header["alg"] = "none"
	if raw, err = json.Marshal(header); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw) + "." + parts[1] + "."
}

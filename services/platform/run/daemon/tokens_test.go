package daemon_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/run/daemon"
	"coso/services/platform/run/ops"
	"coso/services/platform/token"
	"coso/services/platform/token/tokentest"

	faultpb "coso/proto/gen/coso/fault/v1"
)

func TestIssuersThatCannotBe(t *testing.T) { // INV-DAEMON-CHECKED
	good := []string{"--oidc-issuer", "https://sso.example", "--oidc-audience", "coso", "--oidc-prefix", "sso"}
	for _, c := range []struct {
		args []string
		want string
	}{
		{good, ""},
		{good[:4], "--oidc-issuer, --oidc-audience and --oidc-prefix: give each issuer an audience and a prefix"},
		{append(good[:4:4], "--oidc-prefix", "SSO"), `--oidc-issuer: issuer "https://sso.example": prefix "SSO"`},
		{[]string{"--oidc-issuer", "http://sso.example", "--oidc-audience", "coso", "--oidc-prefix", "sso"}, "--oidc-issuer: \"http://sso.example\": keys are read by https alone"},
		{[]string{"--oidc-issuer", "https://a.example,https://b.example", "--oidc-audience", "coso,coso", "--oidc-prefix", "sso,sso"}, "have the same prefix"},
		{[]string{"--keys", "http://10.0.0.7/.well-known/jwks.json"}, "--keys: \"http://10.0.0.7/.well-known/jwks.json\": keys are read by https alone"},
	} {
		_, err := execute(t, append(c.args, "--check-config", "--data", t.TempDir())...)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: says %v, want %q", c.args, err, c.want)
		}
	}
}

// A process says that it has no keys until it has them, and goes on by itself when the gateway comes.
func TestKeysComeWhenTheGatewayDoes(t *testing.T) {
	ring, _, err := token.Rotate(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := token.NewSigner(token.SignerOptions{Issuer: "coso", Audience: "coso", Now: time.Now}, ring)
	if err != nil {
		t.Fatal(err)
	}
	var there atomic.Bool
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		document, err := signer.Document()
		if err != nil || !there.Load() {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write(document)
	}))
	defer gateway.Close()
	other := tokentest.Issuer(t)
	tokens, err := daemon.Keys{URL: gateway.URL}.Open(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ready := &ops.Readiness{}
	part := tokens.Part(ready)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- part.Run(ctx, func() {}) }()
	if err := ready.Ready(t.Context()); fault.ReasonOf(tokens.Had()) != faultpb.Reason_REASON_TOKEN_KEYS_UNAVAILABLE || err == nil || !strings.Contains(err.Error(), "coso") {
		t.Errorf("without keys: %v", err)
	}
	good, _, err := signer.Sign("lan", time.Minute, "")
	if err != nil {
		t.Fatal(err)
	}
	there.Store(true)
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		claims, err := tokens.Verifier.Verify(t.Context(), good)
		if err == nil && claims.Principal == "principals/lan" {
			break
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not in time: %v", err)
		}
	}
	if err := ready.Ready(t.Context()); err != nil {
		t.Errorf("with keys: %v", err)
	}
	if _, err := tokens.Verifier.Verify(t.Context(), other.Token("lan")); fault.ReasonOf(err) != faultpb.Reason_REASON_TOKEN_ISSUER_UNKNOWN {
		t.Errorf("another issuer: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

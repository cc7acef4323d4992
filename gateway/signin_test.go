package gateway_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coso/gateway"
	"coso/gateway/identity"
	"coso/services/platform/fault"
	"coso/services/platform/run"
	"coso/services/platform/token"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// door is a gateway with a real identity service behind it.
type door struct {
	*gate
	accounts *identity.Service
	first    identity.First
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{gate: &gate{echo: &echo{}, log: nil}}
	var err error
	if d.accounts, err = identity.New(t.Context(), identity.Options{Options: run.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.accounts.Close(); err != nil {
			t.Error(err)
		}
	})
	if d.first, err = d.accounts.EnsureFirst(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	others := d.inProcess(t)
	d.handler, err = gateway.New(gateway.Options{
		Registry: others, Membership: others, Planning: others, Award: others, Identity: d.accounts.Conn(), Keys: d.accounts.Published,
		Logger: slog.New(slog.DiscardHandler), Metrics: http.NotFoundHandler(), Ready: func(context.Context) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// post sends JSON with a token, if one is given, from an address.
func (d *door) post(t *testing.T, path, token, body string) answer {
	t.Helper()
	return d.do(t, ask{method: http.MethodPost, target: path, body: body, header: bearer(token)})
}

func bearer(token string) http.Header {
	if token == "" {
		return nil
	}
	return http.Header{"Authorization": {"Bearer " + token}}
}

// read unpacks an answer that must be 200.
func read(t *testing.T, res answer) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(res.body, &out); err != nil || res.code != http.StatusOK {
		t.Fatalf("%d, %v: %s", res.code, err, res.body)
	}
	return out
}

func text(t *testing.T, of map[string]any, name string) string {
	t.Helper()
	s, ok := of[name].(string)
	if !ok {
		t.Fatalf("no %s in %v", name, of)
	}
	return s
}

func TestSignInOverHTTP(t *testing.T) {
	d := newDoor(t)
	in := read(t, d.post(t, "/v1/sessions", "", `{"username":"admin","password":"`+d.first.OneTimePassword+`"}`))
	if in["mustChangePassword"] != true || in["principal"] != "principals/admin" {
		t.Fatalf("%v", in)
	}
	if session, ok := in["session"].(map[string]any); !ok || session["source"] != "192.0.2.1" { // the connection's
		t.Errorf("session %v", in["session"])
	}
	if got := refused(t, d.do(t, ask{method: http.MethodGet, target: "/v1/sessions", header: bearer(text(t, in, "token"))})); got.http != http.StatusForbidden || got.reason != "PASSWORD_CHANGE_NEEDED" {
		t.Errorf("with a one-time password: %d %s", got.http, got.reason)
	}
	read(t, d.post(t, "/v1/sessions:changePassword", text(t, in, "token"), `{"oldPassword":"`+d.first.OneTimePassword+`","newPassword":"trăng lên đầu ngõ nhỏ"}`))
	in = read(t, d.post(t, "/v1/sessions:refresh", "", `{"refreshToken":"`+text(t, in, "refreshToken")+`"}`))
	who := read(t, d.do(t, ask{method: http.MethodGet, target: "/v1/caller", header: bearer(text(t, in, "token"))}))
	if who["principal"] != "principals/admin" || who["displayName"] != "Quản trị viên" || who["mustChangePassword"] != false {
		t.Errorf("%v", who)
	}
	made := read(t, d.post(t, "/v1/apiTokens", text(t, in, "token"), `{"displayName":"Báo cáo","scope":"API_TOKEN_SCOPE_READ","expireTime":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`))
	given := read(t, d.post(t, "/v1/apiTokens:exchange", "", `{"secret":"`+text(t, made, "secret")+`"}`))
	who = read(t, d.do(t, ask{method: http.MethodGet, target: "/v1/caller", header: bearer(text(t, given, "token"))}))
	if scope, ok := who["scope"].([]any); !ok || len(scope) != 2 || scope[1] != "read" {
		t.Errorf("%v", who)
	}
	read(t, d.post(t, "/v1/sessions:end", text(t, in, "token"), `{}`))
	if got := refused(t, d.post(t, "/v1/sessions:refresh", "", `{"refreshToken":"`+text(t, in, "refreshToken")+`"}`)); got.http != http.StatusUnauthorized || got.reason != "SESSION_ENDED" {
		t.Errorf("after signing out: %d %s", got.http, got.reason)
	}
}

// Addresses that a client names are not the one it has: nobody slips from a lock-out by a header.
func TestLockOutOverHTTP(t *testing.T) {
	d := newDoor(t)
	wrong := func(forwarded string) refusal {
		return refused(t, d.do(t, ask{method: http.MethodPost, target: "/v1/sessions", body: `{"username":"admin","password":"sai rồi"}`, header: http.Header{
			"X-Forwarded-For": {forwarded}, "Coso-Source": {forwarded}, "Grpc-Metadata-Coso-Source": {forwarded}, "Forwarded": {"for=" + forwarded},
		}}))
	}
	for i := range 5 {
		if got := wrong("198.51.100." + string(rune('1'+i))); got.http != http.StatusUnauthorized || got.reason != "SIGN_IN_FAILED" {
			t.Fatalf("%d %s", got.http, got.reason)
		}
	}
	got := wrong("198.51.100.9")
	if got.http != http.StatusTooManyRequests || got.reason != "SIGN_IN_TOO_OFTEN" || got.metadata["value"] == "" {
		t.Errorf("%d %s %v", got.http, got.reason, got.metadata)
	}
}

// remoteKeys reads the keys of an issuer until the test ends.
func remoteKeys(t *testing.T, url string) *token.RemoteKeys {
	t.Helper()
	keys, err := token.NewRemoteKeys(token.RemoteOptions{Issuer: identity.Issuer, JWKS: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- keys.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	deadline, tick := time.After(10*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for err = keys.Refresh(t.Context()); err != nil; err = keys.Refresh(t.Context()) {
		select {
		case <-tick.C: // it has not begun
		case <-deadline:
			t.Fatal(err)
		}
	}
	return keys
}

// Whoever reads the published keys verifies the tokens: the way of a service in another process.
func TestKeysArePublished(t *testing.T) {
	d := newDoor(t)
	res := d.do(t, ask{method: http.MethodGet, target: "/.well-known/jwks.json"})
	if res.code != http.StatusOK || res.header.Get("Content-Type") != "application/jwk-set+json" || !strings.Contains(res.header.Get("Cache-Control"), "max-age") {
		t.Fatalf("%d %v", res.code, res.header)
	}
	if got := refused(t, d.do(t, ask{method: http.MethodPost, target: "/.well-known/jwks.json", body: "{}"})); got.http != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", got.http)
	}
	in := read(t, d.post(t, "/v1/sessions", "", `{"username":"admin","password":"`+d.first.OneTimePassword+`"}`))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = here
		d.handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	keys := remoteKeys(t, server.URL+"/.well-known/jwks.json")
	v, err := token.NewVerifier(token.Options{Now: time.Now, Issuers: []token.Issuer{{
		URL: identity.Issuer, Audience: identity.Audience, Algorithms: []token.Algorithm{token.EdDSA}, Keys: keys,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	claims, err := v.Verify(t.Context(), text(t, in, "token"))
	if err != nil || claims.Principal != "principals/admin" || !claims.Scope.Has(identity.ScopePassword) {
		t.Errorf("%+v, %v", claims, err)
	}
	if _, err := v.Verify(t.Context(), text(t, in, "token")+"A"); fault.ReasonOf(err) == faultpb.Reason_REASON_UNSPECIFIED {
		t.Error("an altered token was taken")
	}
}

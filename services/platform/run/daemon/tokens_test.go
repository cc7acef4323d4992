package daemon_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	accesspb "coso/proto/gen/coso/access/v1"
	"coso/services/platform/certs"
	"coso/services/platform/fault"
	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
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
		{[]string{"--keys", "https://node-1.internal:8105/.well-known/jwks.json"}, ""},
		{[]string{"--keys", "http://127.0.0.1:8105/.well-known/jwks.json"}, "--keys: \"http://127.0.0.1:8105/.well-known/jwks.json\" is no address of the gateway's keys, which are read by https alone; write it like https://127.0.0.1:8105/.well-known/jwks.json"},
		{[]string{"--keys", "127.0.0.1:8105"}, "--keys: \"127.0.0.1:8105\" is no address of the gateway's keys"},
		{[]string{"--keys", "https://:8105/keys"}, "--keys: \"https://:8105/keys\" is no address of the gateway's keys"},
		{[]string{"--keys", "https://ann:secret@10.0.0.7/keys"}, "is no address of the gateway's keys"},
		{[]string{"--keys", "https://localhost:8103/.well-known/jwks.json"}, "--grpc and --keys are both 127.0.0.1:8103; give each an address of its own"},
	} {
		_, err := execute(t, append(c.args, "--check-config", "--data", t.TempDir())...)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: says %v, want %q", c.args, err, c.want)
		}
	}
}

// ring signs and publishes keys, as a gateway does.
type ring struct {
	*token.Signer

	keys  *accesspb.KeyRingPrivate
	there atomic.Bool
}

func newRing(t *testing.T) *ring {
	t.Helper()
	r := &ring{}
	var err error
	if r.keys, _, err = token.Rotate(nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	if r.Signer, err = token.NewSigner(token.SignerOptions{Issuer: token.OwnIssuer, Audience: token.OwnAudience, Now: time.Now}, r.keys); err != nil {
		t.Fatal(err)
	}
	r.there.Store(true)
	return r
}

// ServeHTTP publishes the keys, if the gateway is there.
func (r *ring) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	document, err := r.Document()
	if err != nil || !r.there.Load() {
		http.Error(w, "not yet", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_, _ = w.Write(document)
}

// sign makes a token of lan's.
func (r *ring) sign(t *testing.T) string {
	t.Helper()
	compact, _, err := r.Sign("lan", time.Minute, "")
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// as is the process of a name with the files of a folder.
func as(t *testing.T, dir, name string) *mtls.Identity {
	t.Helper()
	id, err := mtls.Open(mtls.Options{Name: name, Files: certs.FilesOf(dir, name), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// publishing answers for a process, in clear text if there is none, and says where its keys are.
func publishing(t *testing.T, id *mtls.Identity, keys http.Handler) string {
	t.Helper()
	lis, err := rpc.ListenNetwork(t.Context(), ":0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(lis.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	scheme := "http://"
	if id != nil {
		lis, scheme = id.Proving(lis), "https://"
	}
	server := httptest.NewUnstartedServer(keys)
	if err := server.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	server.Listener = lis
	server.Start()
	t.Cleanup(server.Close)
	return scheme + "127.0.0.1:" + port + "/.well-known/jwks.json"
}

// reading lets planning read keys, and answers what it has of them and whether it is ready.
func reading(t *testing.T, dir, url string) (*daemon.Tokens, *ops.Readiness) {
	t.Helper()
	tokens, err := daemon.Keys{URL: url}.Open(as(t, dir, "planning"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ready := &ops.Readiness{}
	part := tokens.Part(ready)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- part.Run(ctx, func() {}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return tokens, ready
}

// eventually polls until there is no error.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for err := try(); err != nil; err = try() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 20 seconds: %s: %v", what, err)
		}
	}
}

// verified says why a token of lan's does not count yet.
func verified(ctx context.Context, tokens *daemon.Tokens, compact string) error {
	claims, err := tokens.Verifier.Verify(ctx, compact)
	if err == nil && claims.Principal != "principals/lan" {
		err = fmt.Errorf("it is %s's", claims.Principal)
	}
	return err
}

// A process says that it has no keys until it has them, goes on by itself when the gateway comes, and hears of new keys.
func TestKeysComeWhenTheGatewayDoes(t *testing.T) {
	dir, gateway := issued(t, t.TempDir(), time.Now()), newRing(t)
	gateway.there.Store(false)
	tokens, ready := reading(t, dir, publishing(t, as(t, dir, "gateway"), gateway))
	if err := ready.Ready(t.Context()); fault.ReasonOf(tokens.Had()) != faultpb.Reason_REASON_TOKEN_KEYS_UNAVAILABLE || err == nil || !strings.Contains(err.Error(), "coso") {
		t.Errorf("without keys: %v", err)
	}
	good := gateway.sign(t)
	gateway.there.Store(true)
	eventually(t, "the keys come", func() error { return verified(t.Context(), tokens, good) })
	if err := ready.Ready(t.Context()); err != nil {
		t.Errorf("with keys: %v", err)
	}
	if _, err := tokens.Verifier.Verify(t.Context(), tokentest.Issuer(t).Token("lan")); fault.ReasonOf(err) != faultpb.Reason_REASON_TOKEN_ISSUER_UNKNOWN {
		t.Errorf("another issuer: %v", err)
	}

	again := newRing(t)
	if err := gateway.Use(again.keys); err != nil { // as after a restore: none of the old keys is there any more
		t.Fatal(err)
	}
	eventually(t, "a new key counts", func() error { return verified(t.Context(), tokens, gateway.sign(t)) })
	if _, err := tokens.Verifier.Verify(t.Context(), good); fault.ReasonOf(err) != faultpb.Reason_REASON_TOKEN_KEY_UNKNOWN {
		t.Errorf("a key that was withdrawn: %v", err)
	}
}

// Nobody's keys count but those of who proves to be the gateway; readiness says what is wrong and what to do.
func TestKeysOfTheGatewayAlone(t *testing.T) { // INV-DAEMON-KEYS
	own, foreign, keys := issued(t, t.TempDir(), time.Now()), issued(t, t.TempDir(), time.Now()), newRing(t)
	open := publishing(t, nil, keys)
	for name, c := range map[string]struct{ url, want string }{
		"another CA":                 {publishing(t, as(t, foreign, "gateway"), keys), "gateway shows a certificate that the CA in --tls-ca did not sign; all processes need files of one CA"},
		"another service":            {publishing(t, as(t, own, "award"), keys), "award answers at the address of gateway; check the addresses"},
		"clear text":                 {strings.Replace(open, "http:", "https:", 1), "what answers at the address of gateway speaks no TLS"},
		"another port":               {"https://127.0.0.1:1/.well-known/jwks.json", "connection refused"},
		"a host that it has not":     {strings.Replace(publishing(t, as(t, own, "gateway"), keys), "127.0.0.1", "127.0.0.2", 1), "is not for the address 127.0.0.2; make it with `coso certs DIR --renew --host 127.0.0.2`"},
		"who moves the asker onward": {publishing(t, as(t, own, "gateway"), http.RedirectHandler(open, http.StatusFound)), "answers 302"},
	} {
		t.Run(name, func(t *testing.T) {
			tokens, ready := reading(t, own, c.url)
			eventually(t, "it says why", func() error {
				if err := ready.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
					return fmt.Errorf("it says %w", err)
				}
				return nil
			})
			if err := verified(t.Context(), tokens, keys.sign(t)); fault.ReasonOf(err) != faultpb.Reason_REASON_TOKEN_KEYS_UNAVAILABLE {
				t.Errorf("a token counts: %v", err)
			}
		})
	}
}

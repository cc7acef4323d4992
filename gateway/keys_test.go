package gateway_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	identitypb "coso/proto/gen/coso/identity/v1"
	"coso/services/platform/certs"
	"coso/services/platform/mtls"
	"coso/services/platform/run/daemon"
	"coso/services/platform/run/ops"

	"coso/gateway"
)

// process is the process of a name with the files of a folder.
func process(t *testing.T, dir, name string) *mtls.Identity {
	t.Helper()
	id, err := mtls.Open(mtls.Options{Name: name, Files: certs.FilesOf(dir, name), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// keysFor publishes keys for the services, and says where.
func keysFor(t *testing.T, dir string, keys func(context.Context) ([]byte, error)) (base string) {
	t.Helper()
	lis, err := gateway.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	server := gateway.NewServer(quiet, gateway.KeysHandler(quiet, keys))
	served := make(chan error, 1)
	go func() { served <- server.Serve(process(t, dir, mtls.Gateway).Proving(lis)) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-served); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return "https://" + lis.Addr().String()
}

const keysPath = "/.well-known/jwks.json"

// A service in another process believes the tokens of the accounts by the keys that it is shown, and by nothing else.
func TestAServiceReadsTheKeysByItsCertificate(t *testing.T) { // INV-DAEMON-KEYS
	dir := t.TempDir()
	if _, err := certs.Make(certs.Options{Dir: dir, Days: 1, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	o, _ := newOffice(t, phrase)
	base := keysFor(t, dir, o.accounts.Published)
	tokens, err := daemon.Keys{URL: base + keysPath}.Open(process(t, dir, "planning"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- tokens.Part(&ops.Readiness{}).Run(ctx, func() {}) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	in, err := identitypb.NewSessionServiceClient(o.accounts.Conn()).CreateSession(t.Context(), &identitypb.CreateSessionRequest{Username: "admin", Password: phrase})
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		claims, err := tokens.Verifier.Verify(t.Context(), in.GetToken())
		if err == nil && claims.Principal == "principals/admin" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v, %v", claims, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// Where the services read keys there is nothing else, and who proves nothing reads none.
func TestWhereKeysAreReadThereIsNothingElse(t *testing.T) {
	dir := t.TempDir()
	if _, err := certs.Make(certs.Options{Dir: dir, Days: 1, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	const set = `{"keys":[]}`
	base := keysFor(t, dir, func(context.Context) ([]byte, error) { return []byte(set), nil })
	away := keysFor(t, dir, func(context.Context) ([]byte, error) { return nil, errors.New("the disk is gone") })
	way := process(t, dir, "award").Asking(mtls.Gateway)
	for _, c := range []struct{ method, url, want string }{
		{"GET", base + keysPath, "200 application/jwk-set+json " + set},
		{"GET", base + "/", "404 "},
		{"GET", base + "/v1/units", "404 "},
		{"GET", base + "/metrics", "404 "},
		{"POST", base + keysPath, "405 "},
		{"GET", away + keysPath, "503 text/plain; charset=utf-8 the keys cannot be read; the gateway's log says why"},
	} {
		if got, err := said(t, way, c.method, c.url); err != nil || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %s: %s, %v", c.method, c.url, got, err)
		}
	}
	roots, err := process(t, dir, "award").Roots()
	if err != nil {
		t.Fatal(err)
	}
	stranger := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}}
	if got, err := said(t, stranger, "GET", base+keysPath); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("to a stranger: %s, %v", got, err)
	}
}

// said is what answers: status, type and text.
func said(t *testing.T, way http.RoundTripper, method, url string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := way.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return fmt.Sprintf("%d %s %s", res.StatusCode, res.Header.Get("Content-Type"), text), err
}

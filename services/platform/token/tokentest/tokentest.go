// Package tokentest is an issuer of tokens for tests: the installation's own, with real keys and real signatures. What it
// signs passes every check of a verifier that was told of it, and of no other. Its clock is its own and moves by Advance
// alone. It signs nothing that is wrong: who wants a bad token alters a good one.
package tokentest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	accesspb "coso/proto/gen/coso/access/v1"
	"coso/services/platform/token"
)

// The names of the issuer and of what its tokens are for.
const (
	URL      = "https://coso.example"
	Audience = "coso"
)

// Own is an installation's own issuer. Its methods are safe for concurrent use; failures end the test, so they are called
// from the test's own goroutine.
type Own struct {
	t      testing.TB
	signer *token.Signer

	mu   sync.Mutex
	now  time.Time
	ring *accesspb.KeyRingPrivate
}

// Issuer returns an issuer with new keys. Its clock stands at the present moment.
func Issuer(t testing.TB) *Own {
	t.Helper()
	o := &Own{t: t, now: time.Now().UTC()}
	o.ring = o.rotated(o.now)
	signer, err := token.NewSigner(token.SignerOptions{Issuer: URL, Audience: Audience, Now: o.Now}, o.ring)
	if err != nil {
		t.Fatal(err)
	}
	o.signer = signer
	return o
}

// Now is the issuer's clock.
func (o *Own) Now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

// Advance moves the clock and rotates the keys, as an installation does.
func (o *Own) Advance(d time.Duration) {
	o.t.Helper()
	next := o.rotated(o.Now().Add(d))
	if err := o.signer.Use(next); err != nil {
		o.t.Fatal(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ring, o.now = next, o.now.Add(d)
}

func (o *Own) rotated(at time.Time) *accesspb.KeyRingPrivate {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	next, _, err := token.Rotate(o.ring, at)
	if err != nil {
		o.t.Fatal(err)
	}
	return next
}

// Ring are the keys that sign, for a test that signs with them what the issuer itself never would.
func (o *Own) Ring() *accesspb.KeyRingPrivate {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ring
}

// Signer signs the tokens.
func (o *Own) Signer() *token.Signer { return o.signer }

// Token returns a token of five minutes for an account, narrowed to the words of a scope if there are any. The principal is
// `principals/<account>`.
func (o *Own) Token(account string, scope ...string) string {
	o.t.Helper()
	compact, _, err := o.signer.Sign(account, 5*time.Minute, token.Scope(strings.Join(scope, " ")))
	if err != nil {
		o.t.Fatal(err)
	}
	return compact
}

// Trusted is what a verifier is to be told of the issuer.
func (o *Own) Trusted() token.Issuer {
	return token.Issuer{URL: URL, Audience: Audience, Algorithms: []token.Algorithm{token.EdDSA}, Keys: o.signer}
}

// Verifier returns a verifier that knows this issuer alone and has its clock.
func (o *Own) Verifier() *token.Verifier {
	o.t.Helper()
	v, err := token.NewVerifier(token.Options{Issuers: []token.Issuer{o.Trusted()}, Now: o.Now})
	if err != nil {
		o.t.Fatal(err)
	}
	return v
}

// Serve publishes the issuer's keys by HTTP until the test ends, and returns their URL.
func (o *Own) Serve() string {
	o.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		document, err := o.signer.Document()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write(document) // who went away needs no answer
	}))
	o.t.Cleanup(server.Close)
	return server.URL
}

// header is where a call shows its token.
const header = "authorization"

// With is a context whose calls show a token.
func With(ctx context.Context, compact string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, header, "Bearer "+compact)
}

// As is a way to a service for somebody who has signed in: every call shows a new token of the account, unless its context
// has one (With). It is safe for concurrent use.
func (o *Own) As(account string, conn grpc.ClientConnInterface) grpc.ClientConnInterface {
	return Showing(conn, func() (string, error) {
		compact, _, err := o.signer.Sign(account, 5*time.Minute, "")
		return compact, err
	})
}

// Showing is a way to a service on which every call shows a new token, unless its context has one (With).
func Showing(conn grpc.ClientConnInterface, sign func() (compact string, err error)) grpc.ClientConnInterface {
	return signedIn{conn, sign}
}

// signedIn is a way on which somebody calls.
type signedIn struct {
	conn grpc.ClientConnInterface
	sign func() (string, error)
}

// Invoke makes a call.
func (s signedIn) Invoke(ctx context.Context, method string, req, answer any, options ...grpc.CallOption) error {
	ctx, err := s.from(ctx)
	if err != nil {
		return err
	}
	return s.conn.Invoke(ctx, method, req, answer, options...)
}

// NewStream opens a stream.
func (s signedIn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, err := s.from(ctx)
	if err != nil {
		return nil, err
	}
	return s.conn.NewStream(ctx, desc, method, options...)
}

func (s signedIn) from(ctx context.Context) (context.Context, error) {
	if sent, _ := metadata.FromOutgoingContext(ctx); len(sent.Get(header)) > 0 {
		return ctx, nil
	}
	compact, err := s.sign()
	return With(ctx, compact), err
}

package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws/jwsbb"
	"go.uber.org/goleak"

	"coso/services/platform/fault"
	"coso/services/platform/token"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// deadline bounds what a test waits for.
const deadline = 10 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The keys of other issuers, made once: RSA takes its time.
var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	edKey    = sync.OnceValue(newEd)
	otherKey = sync.OnceValue(newEd)
)

func newEd() ed25519.PrivateKey {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return must(private, err)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge signs whatever it is given; nil signs nothing.
func forge(t testing.TB, key any, alg, header, claims string) string {
	t.Helper()
	signed := b64(header) + "." + b64(claims)
	if key == nil {
		return signed + "."
	}
	signature, err := jwsbb.Sign(key, alg, []byte(signed), nil)
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// fields is a JSON object with some members replaced; nil takes one away.
type fields map[string]any

func (f fields) but(changes fields) string {
	all := fields{}
	maps.Copy(all, f)
	for name, v := range changes {
		if all[name] = v; v == nil {
			delete(all, name)
		}
	}
	return string(must(json.Marshal(all)))
}

// public writes a JWK of the public half of a key.
func public(t testing.TB, private crypto.Signer, members fields) json.RawMessage {
	t.Helper()
	k, err := jwk.Import(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	raw := must(json.Marshal(k))
	var all fields
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return json.RawMessage(all.but(members))
}

func jwks(keys ...json.RawMessage) string {
	return string(must(json.Marshal(map[string]any{"keys": append([]json.RawMessage{}, keys...)})))
}

// site is a web server whose answer can be changed, and that counts the questions.
type site struct {
	URL   string
	asked atomic.Int64
	serve atomic.Pointer[http.HandlerFunc]
}

func newSite(t testing.TB, handler http.HandlerFunc) *site {
	t.Helper()
	s := &site{}
	s.serve.Store(&handler)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		(*s.serve.Load())(w, r)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

func (s *site) now(handler http.HandlerFunc) { s.serve.Store(&handler) }

func document(kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, body)
	}
}

func jsonDocument(body string) http.HandlerFunc {
	return document("application/json; charset=utf-8", body)
}

func gone(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }

// clock is a clock that is set.
type clock struct{ at atomic.Int64 }

func newClock(at time.Time) *clock {
	c := &clock{}
	c.at.Store(at.UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) Advance(d time.Duration) { c.at.Add(int64(d)) }

// remote starts reading keys, and stops when the test ends.
func remote(t testing.TB, o token.RemoteOptions) *token.RemoteKeys {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	keys, err := token.NewRemoteKeys(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- keys.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return keys
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", deadline, what)
		}
		<-time.After(time.Millisecond)
	}
}

// wants checks a refusal.
func wants(t testing.TB, err error, kind fault.Kind, reason faultpb.Reason, field string) {
	t.Helper()
	e := fault.From(err)
	if e == nil || e.Kind != kind || e.Reason != reason || e.Field != field {
		t.Errorf("got %+v, want %v %v at %q", e, kind, reason, field)
	}
}

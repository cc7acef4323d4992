package token_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/token"
	"coso/services/platform/token/tokentest"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// scene is a verifier of one issuer elsewhere, whose site can be changed.
type scene struct {
	*token.Verifier
	*site
	*clock
	keys *token.RemoteKeys
}

// newScene starts with one key, "ed". The pauses are those of a test; a question takes a second at most.
func newScene(t testing.TB, o token.RemoteOptions) *scene {
	t.Helper()
	s := &scene{clock: newClock(time.Now()), site: newSite(t, jsonDocument(jwks(public(t, edKey(), fields{"kid": "ed"}))))}
	if o.JWKS == "" {
		o.JWKS = s.URL
	}
	if o.Issuer == "" {
		o.Issuer = officeURL
	}
	o.Now = s.Now
	if o.TimeLimit == 0 {
		o.TimeLimit = time.Second
	}
	s.keys = remote(t, o)
	v, err := token.NewVerifier(token.Options{Now: s.Now, Issuers: []token.Issuer{
		{URL: o.Issuer, Audience: "coso", Algorithms: []token.Algorithm{token.EdDSA}, Prefix: "sso", Keys: s.keys},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.Verifier = v
	return s
}

// token is one that holds for a day, by a key.
func (s *scene) token(t testing.TB, kid string, key ed25519.PrivateKey, sub string) string {
	t.Helper()
	return forge(t, key, "EdDSA", fields{"alg": "EdDSA", "kid": kid}.but(nil),
		fields{"iss": officeURL, "sub": sub, "aud": "coso", "exp": s.Now().Add(24 * time.Hour).Unix()}.but(nil))
}

func (s *scene) ready(t testing.TB) {
	t.Helper()
	eventually(t, "the keys are read", func() bool { return s.keys.Refresh(t.Context()) == nil })
}

// A key that is not known is asked for at once, and the token that brought it is accepted.
func TestNewKeyIsFetched(t *testing.T) {
	s := newScene(t, token.RemoteOptions{})
	s.ready(t)
	s.site.now(jsonDocument(jwks(public(t, edKey(), fields{"kid": "ed"}), public(t, otherKey(), fields{"kid": "new"}))))
	s.Advance(token.PauseBetween)
	if _, err := s.Verify(t.Context(), s.token(t, "new", otherKey(), "lan")); err != nil {
		t.Error(err)
	}
	if n := s.asked.Load(); n != 2 {
		t.Errorf("%d questions, want 2", n)
	}
}

// A key that was withdrawn ends its tokens, remembered ones too.
func TestWithdrawnKey(t *testing.T) {
	s := newScene(t, token.RemoteOptions{RefreshAfter: 10 * time.Millisecond})
	s.ready(t)
	compact := s.token(t, "ed", edKey(), "lan")
	if _, err := s.Verify(t.Context(), compact); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		set   string
		wants faultpb.Reason
	}{
		{jwks(public(t, otherKey(), fields{"kid": "ed"})), faultpb.Reason_REASON_TOKEN_SIGNATURE}, // another key of the same name
		{jwks(), faultpb.Reason_REASON_TOKEN_KEY_UNKNOWN},
	} {
		s.site.now(jsonDocument(tc.set))
		eventually(t, "the token is refused", func() bool {
			_, err := s.Verify(t.Context(), compact)
			return fault.ReasonOf(err) == tc.wants
		})
	}
}

// INV-TOKEN-KNOWN-KEY: a storm of unknown kids asks once in a while, and known keys do not feel it.
func TestUnknownKeyStorm(t *testing.T) {
	s := newScene(t, token.RemoteOptions{TimeLimit: time.Hour})
	s.ready(t)
	s.Advance(token.PauseBetween)
	released := make(chan struct{})
	answer := jsonDocument(jwks(public(t, edKey(), fields{"kid": "ed"})))
	s.site.now(func(w http.ResponseWriter, r *http.Request) {
		<-released
		answer(w, r)
	})
	var wg sync.WaitGroup
	for i := range 200 {
		compact := s.token(t, fmt.Sprintf("storm-%d", i), otherKey(), "lan")
		wg.Go(func() {
			_, err := s.Verify(t.Context(), compact)
			wants(t, err, fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_KEY_UNKNOWN, "token.header.kid")
		})
	}
	eventually(t, "the issuer is asked", func() bool { return s.asked.Load() == 2 })
	for i := range 100 { // the issuer does not answer meanwhile
		if _, err := s.Verify(t.Context(), s.token(t, "ed", edKey(), fmt.Sprintf("lan-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	close(released)
	wg.Wait()
	for i := range 200 { // after the answer: within the pause nobody asks
		_, err := s.Verify(t.Context(), s.token(t, fmt.Sprintf("more-%d", i), otherKey(), "lan"))
		wants(t, err, fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_KEY_UNKNOWN, "token.header.kid")
	}
	if n := s.asked.Load(); n != 2 {
		t.Errorf("%d questions for 400 unknown keys, want the 2 of start and storm", n)
	}
}

// INV-TOKEN-STALE.
func TestSourceAway(t *testing.T) {
	var told bytes.Buffer
	s := newScene(t, token.RemoteOptions{RefreshAfter: 5 * time.Millisecond, PauseBetween: 5 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&told, nil))})
	s.ready(t)
	s.site.now(gone)
	asked := s.asked.Load()
	eventually(t, "the issuer is asked in vain", func() bool { return s.asked.Load() > asked+2 })
	s.Advance(token.StaleAfter - time.Minute)
	if _, err := s.Verify(t.Context(), s.token(t, "ed", edKey(), "lan")); err != nil {
		t.Errorf("before the limit: %v", err)
	}
	s.Advance(time.Minute)
	for range 2 { // the remembered one too
		_, err := s.Verify(t.Context(), s.token(t, "ed", edKey(), "lan"))
		wants(t, err, fault.KindUnavailable, faultpb.Reason_REASON_TOKEN_KEYS_UNAVAILABLE, "")
	}
	s.site.now(jsonDocument(jwks(public(t, edKey(), fields{"kid": "ed"}))))
	eventually(t, "the issuer is back", func() bool {
		_, err := s.Verify(t.Context(), s.token(t, "ed", edKey(), "lan"))
		return err == nil
	})
}

// An issuer that was never reached leaves its tokens unchecked, and says so at once.
func TestSourceNeverThere(t *testing.T) {
	s := newScene(t, token.RemoteOptions{JWKS: "http://127.0.0.1:1"})
	eventually(t, "it is known that there are no keys", func() bool { return s.keys.Refresh(t.Context()) != nil })
	_, err := s.Verify(t.Context(), s.token(t, "ed", edKey(), "lan"))
	wants(t, err, fault.KindUnavailable, faultpb.Reason_REASON_TOKEN_KEYS_UNAVAILABLE, "")
}

// Who waits for a slow issuer waits no longer than for itself, nor than the time limit.
func TestSourceSlow(t *testing.T) {
	s := newScene(t, token.RemoteOptions{PauseBetween: time.Millisecond, TimeLimit: 200 * time.Millisecond})
	s.ready(t)
	s.site.now(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	s.Advance(time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.Verify(ctx, s.token(t, "new", otherKey(), "lan"))
	wants(t, err, fault.KindDeadlineExceeded, faultpb.Reason_REASON_DEADLINE_EXCEEDED, "")
	s.Advance(time.Minute)
	_, err = s.Verify(t.Context(), s.token(t, "new", otherKey(), "lan"))
	wants(t, err, fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_KEY_UNKNOWN, "token.header.kid")
}

// Whatever an issuer answers instead of keys, those that are known stay.
func TestSourceAnswersNonsense(t *testing.T) {
	good := jwks(public(t, edKey(), fields{"kid": "ed"}))
	for name, handler := range map[string]http.HandlerFunc{
		"HTML":         document("text/html", "<html>sign in</html>"),
		"keys as HTML": document("text/html", jwks()),
		"no type":      document("", jwks()),
		"HTML as JSON": jsonDocument("<html>"),
		"nothing":      jsonDocument(""),
		"null":         jsonDocument("null"),
		"list":         jsonDocument("[]"),
		"no keys":      jsonDocument("{}"),
		"keys null":    jsonDocument(`{"keys":null}`),
		"keys a text":  jsonDocument(`{"keys":"x"}`),
		"keys twice":   jsonDocument(`{"keys":[],"keys":[]}`),
		"half":         jsonDocument(good[:len(good)/2]),
		"more behind":  jsonDocument(good + good),
		"too many":     jsonDocument(`{"keys":[` + strings.Repeat("{},", 100) + `{}]}`),
		"two of a kid": jsonDocument(jwks(public(t, edKey(), fields{"kid": "a"}), public(t, otherKey(), fields{"kid": "a"}))),
		"huge":         jsonDocument(`{"keys":[],"x":"` + strings.Repeat("x", 256<<10) + `"}`),
		"no end": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			spout(w, r)
		},
		"created":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusCreated) },
		"moved":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) },
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"half a length": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "999")
			jsonDocument(jwks())(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, token.RemoteOptions{RefreshAfter: time.Millisecond, PauseBetween: time.Millisecond})
			s.ready(t)
			s.site.now(handler)
			asked := s.asked.Load()
			eventually(t, "the issuer is asked again", func() bool { return s.asked.Load() >= asked+2 })
			if _, err := s.Verify(t.Context(), s.token(t, "ed", edKey(), "lan")); err != nil {
				t.Error(err)
			}
		})
	}
}

func spout(w io.Writer, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<16)); err != nil {
			return
		}
	}
}

func TestDiscovery(t *testing.T) {
	s := newSite(t, nil)
	keys := jwks(public(t, edKey(), fields{"kid": "ed"}))
	elsewhere := newSite(t, jsonDocument(keys))
	says := func(answer fields) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/realms/office/.well-known/openid-configuration":
				jsonDocument(string(must(json.Marshal(answer))))(w, r)
			case "/keys":
				document("application/jwk-set+json", keys)(w, r)
			default:
				http.NotFound(w, r)
			}
		}
	}
	issuer := s.URL + "/realms/office"
	for _, tc := range []struct {
		name   string
		answer fields
		works  bool
	}{
		{"keys beside it", fields{"issuer": issuer, "jwks_uri": s.URL + "/keys", "more": true}, true},
		{"keys elsewhere", fields{"issuer": issuer, "jwks_uri": elsewhere.URL}, true},
		{"another issuer", fields{"issuer": officeURL, "jwks_uri": s.URL + "/keys"}, false},
		{"an issuer with a slash", fields{"issuer": issuer + "/", "jwks_uri": s.URL + "/keys"}, false},
		{"no issuer", fields{"jwks_uri": s.URL + "/keys"}, false},
		{"no keys", fields{"issuer": issuer}, false},
		{"keys in the clear", fields{"issuer": issuer, "jwks_uri": "http://keys.example/keys"}, false},
		{"keys in a file", fields{"issuer": issuer, "jwks_uri": "file:///etc/passwd"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.now(says(tc.answer))
			before := s.asked.Load()
			k := remote(t, token.RemoteOptions{Issuer: issuer})
			eventually(t, "the issuer is asked", func() bool { return s.asked.Load() > before })
			eventually(t, "there is an answer", func() bool {
				err := k.Refresh(t.Context())
				return (err == nil) == tc.works
			})
			if _, ok := k.Key("ed", token.EdDSA); ok != tc.works {
				t.Errorf("the key is there: %v", ok)
			}
		})
	}
}

func TestKeysAreReadFromSafePlacesOnly(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for address, ok := range map[string]bool{
		"https://sso.example":               true,
		"https://sso.example:8443/keys?a=b": true,
		"http://127.0.0.1:8080/keys":        true,
		"http://[::1]:8080/keys":            true,
		"http://localhost/keys":             true,
		"http://sso.example":                false,
		"http://127.0.0.1.example/keys":     false,
		"http://10.0.0.1/keys":              false,
		"ftp://sso.example/keys":            false,
		"file:///keys":                      false,
		"https://user:pass@sso.example":     false,
		"https://sso.example/#keys":         false,
		"https:keys":                        false,
		"sso.example":                       false,
		"":                                  false,
		"https://%zz":                       false,
	} {
		for _, o := range []token.RemoteOptions{{Issuer: address, Logger: log}, {Issuer: officeURL, JWKS: address, Logger: log}} {
			if address == "" && o.Issuer != "" {
				continue // asks the issuer instead
			}
			if _, err := token.NewRemoteKeys(o); (err == nil) != ok {
				t.Errorf("%+v: %v", o, err)
			}
		}
	}
	if _, err := token.NewRemoteKeys(token.RemoteOptions{Issuer: officeURL}); err == nil {
		t.Error("no logger: accepted")
	}
	if _, err := token.NewRemoteKeys(token.RemoteOptions{Issuer: token.OwnIssuer, JWKS: "https://127.0.0.1:8105/keys", Logger: log}); err == nil {
		t.Error("the installation's own keys, from whoever answers: accepted")
	}
}

// A service elsewhere reads the installation's own keys, before they sign, and until all they signed has expired.
func TestRotationUnderTraffic(t *testing.T) {
	own := tokentest.Issuer(t)
	keys := remote(t, token.RemoteOptions{Issuer: tokentest.URL, JWKS: own.Serve(), Now: own.Now, RefreshAfter: 5 * time.Millisecond, StaleAfter: 1000 * token.KeyAge})
	trusted := own.Trusted()
	trusted.Keys = keys
	far, err := token.NewVerifier(token.Options{Now: own.Now, Issuers: []token.Issuer{trusted}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the keys are read", func() bool { return keys.Refresh(t.Context()) == nil })
	near := own.Verifier()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				compact, c, err := own.Signer().Sign("lan", token.MaxLife, "")
				if err != nil {
					t.Error(err)
					return
				}
				for name, v := range map[string]*token.Verifier{"near": near, "far": far} {
					got, err := v.Verify(t.Context(), compact)
					if err != nil && !own.Now().Before(c.Expires) {
						continue // the clock made a leap meanwhile
					}
					if err != nil || got != c {
						t.Errorf("%s: %+v, %v", name, got, err)
						return
					}
				}
			}
		})
	}
	for range 40 { // a quarter of a key's life each
		compact := own.Token("hoa")
		own.Advance(4 * time.Minute)
		for name, v := range map[string]*token.Verifier{"near": near, "far": far} {
			if _, err := v.Verify(t.Context(), compact); err != nil {
				t.Errorf("%s, after 4 minutes: %v", name, err)
			}
		}
		own.Advance(token.KeyAge/4 - 4*time.Minute)
		eventually(t, "what is published now is read", func() bool { return reads(keys, own) })
	}
	close(stop)
	wg.Wait()
}

// reads reports whether a source has every key that an issuer publishes.
func reads(keys *token.RemoteKeys, own *tokentest.Own) bool {
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(must(own.Signer().Document()), &set); err != nil {
		panic(err)
	}
	for _, k := range set.Keys {
		if _, ok := keys.Key(k.ID, token.EdDSA); !ok {
			return false
		}
	}
	return len(set.Keys) > 1
}

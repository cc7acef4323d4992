// Package oidctest is an OpenID Connect issuer for tests, built on ory/fosite and served by HTTP: discovery, keys that rotate,
// an authorization endpoint that demands PKCE by S256, a token endpoint. Whoever comes is signed in as the person set, without
// being asked. What it signs is right unless a test alters it.
package oidctest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/token/jwt"
	"golang.org/x/crypto/bcrypt"
)

// Person is who signs in.
type Person struct{ Subject, Name string }

// Issuer is the issuer. Safe for concurrent use.
type Issuer struct {
	t        testing.TB
	server   *httptest.Server
	memory   *memory
	provider fosite.OAuth2Provider

	mu      sync.Mutex
	key     *jose.JSONWebKey
	person  Person
	refusal *fosite.RFC6749Error
	alter   func(jwt.MapClaims)
	says    map[string]any
	away    map[string]bool
}

// The paths of the issuer.
const (
	Discovery = "/.well-known/openid-configuration"
	Keys      = "/keys"
	Authorize = "/authorize"
	Token     = "/token"
	End       = "/end"
)

// New starts an issuer that ends with the test. The first person is lan.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t, memory: newMemory(), person: Person{"lan@office.example", "Nguyễn Thị Lan"}, away: map[string]bool{}}
	i.Rotate(jose.ES256)
	mux := http.NewServeMux()
	for path, handle := range map[string]http.HandlerFunc{
		Discovery: i.discovery, Keys: i.keys, Authorize: i.authorize, Token: i.token,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if i.isAway(path) {
				http.Error(w, "away", http.StatusServiceUnavailable)
				return
			}
			handle(w, r)
		})
	}
	i.server = httptest.NewServer(mux)
	t.Cleanup(i.server.Close)
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	config := &fosite.Config{
		IDTokenIssuer: i.URL(), GlobalSecret: secret, EnforcePKCE: true, TokenURL: i.URL() + Token, IDTokenLifespan: 5 * time.Minute,
	}
	s := &signer{DefaultSigner: &jwt.DefaultSigner{GetPrivateKey: i.signing}, issuer: i}
	i.provider = compose.Compose(config, i.memory, &compose.CommonStrategy{
		CoreStrategy: compose.NewOAuth2HMACStrategy(config), OpenIDConnectTokenStrategy: &openid.DefaultStrategy{Signer: s, Config: config}, Signer: s,
	}, compose.OAuth2AuthorizeExplicitFactory, compose.OpenIDConnectExplicitFactory, compose.OAuth2PKCEFactory)
	return i
}

// URL is what its tokens carry as `iss`.
func (i *Issuer) URL() string { return i.server.URL }

// Register names a client; one without a secret is a public one.
func (i *Issuer) Register(id, secret string, redirects ...string) {
	i.t.Helper()
	c := &fosite.DefaultClient{
		ID: id, Public: secret == "", RedirectURIs: redirects, ResponseTypes: []string{"code"}, GrantTypes: []string{"authorization_code"},
		Scopes: []string{"openid", "profile"},
	}
	if secret != "" {
		hash, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost)
		if err != nil {
			i.t.Fatal(err)
		}
		c.Secret = hash
	}
	i.memory.mu.Lock()
	defer i.memory.mu.Unlock()
	i.memory.clients[id] = c
}

// SignIn lets everybody be this person from now on.
func (i *Issuer) SignIn(p Person) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.person = p
}

// Refuse refuses everybody from now on; nil: nobody.
func (i *Issuer) Refuse(why *fosite.RFC6749Error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.refusal = why
}

// Alter changes what is signed from now on; nil: nothing.
func (i *Issuer) Alter(change func(jwt.MapClaims)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.alter = change
}

// Say changes what the issuer says of itself; nil takes a member away.
func (i *Issuer) Say(members map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.says = members
}

// Away lets a path of the issuer answer nothing of use, or again what it should.
func (i *Issuer) Away(path string, away bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away[path] = away
}

func (i *Issuer) isAway(path string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.away[path]
}

// Rotate replaces the key by a new one for an algorithm; the former is published no more.
func (i *Issuer) Rotate(algorithm jose.SignatureAlgorithm) {
	i.t.Helper()
	var private any
	var err error
	if algorithm == jose.ES256 {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key = &jose.JSONWebKey{Key: private, KeyID: rand.Text(), Algorithm: string(algorithm), Use: "sig"}
}

// signing is the key that signs now.
func (i *Issuer) signing(context.Context) (any, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.key, nil
}

// signer signs what the test has altered.
type signer struct {
	*jwt.DefaultSigner

	issuer *Issuer
}

// Generate signs claims.
func (s *signer) Generate(ctx context.Context, claims jwt.MapClaims, header jwt.Mapper) (compact, signature string, err error) {
	s.issuer.mu.Lock()
	alter := s.issuer.alter
	s.issuer.mu.Unlock()
	if alter != nil {
		alter(claims)
	}
	return s.DefaultSigner.Generate(ctx, claims, header)
}

// IDToken is an ID token that the issuer gives to a client for the person set, for a sign-in with a nonce.
func (i *Issuer) IDToken(client, nonce string, at time.Time) string {
	i.t.Helper()
	i.mu.Lock()
	person := i.person
	i.mu.Unlock()
	claims := jwt.MapClaims{
		"iss": i.URL(), "sub": person.Subject, "name": person.Name, "aud": client, "nonce": nonce, "iat": at.Unix(), "exp": at.Add(5 * time.Minute).Unix(),
	}
	compact, _, err := (&signer{DefaultSigner: &jwt.DefaultSigner{GetPrivateKey: i.signing}, issuer: i}).Generate(i.t.Context(), claims, jwt.NewHeaders())
	if err != nil {
		i.t.Fatal(err)
	}
	return compact
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	says := map[string]any{
		"issuer": i.URL(), "authorization_endpoint": i.URL() + Authorize, "token_endpoint": i.URL() + Token, "jwks_uri": i.URL() + Keys,
		"end_session_endpoint": i.URL() + End, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "none"}, "code_challenge_methods_supported": []string{"S256"},
	}
	i.mu.Lock()
	maps.Copy(says, i.says)
	i.mu.Unlock()
	maps.DeleteFunc(says, func(_ string, v any) bool { return v == nil })
	i.write(w, says)
}

func (i *Issuer) keys(w http.ResponseWriter, r *http.Request) {
	key, err := i.signing(r.Context())
	own, ok := key.(*jose.JSONWebKey)
	if err != nil || !ok {
		http.Error(w, "no key", http.StatusInternalServerError)
		return
	}
	i.write(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{own.Public()}})
}

func (i *Issuer) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	asked, err := i.provider.NewAuthorizeRequest(ctx, r)
	if err != nil {
		i.provider.WriteAuthorizeError(ctx, w, asked, err)
		return
	}
	i.mu.Lock()
	person, refusal := i.person, i.refusal
	i.mu.Unlock()
	if refusal != nil {
		i.provider.WriteAuthorizeError(ctx, w, asked, refusal)
		return
	}
	for _, scope := range asked.GetRequestedScopes() {
		asked.GrantScope(scope)
	}
	session := openid.NewDefaultSession()
	session.Subject, session.Claims.Subject = person.Subject, person.Subject
	session.Claims.Extra = map[string]any{"name": person.Name}
	answer, err := i.provider.NewAuthorizeResponse(ctx, asked, session)
	if err != nil {
		i.provider.WriteAuthorizeError(ctx, w, asked, err)
		return
	}
	i.provider.WriteAuthorizeResponse(ctx, w, asked, answer)
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	asked, err := i.provider.NewAccessRequest(ctx, r, openid.NewDefaultSession())
	if err != nil {
		i.provider.WriteAccessError(ctx, w, asked, err)
		return
	}
	answer, err := i.provider.NewAccessResponse(ctx, asked)
	if err != nil {
		i.provider.WriteAccessError(ctx, w, asked, err)
		return
	}
	i.provider.WriteAccessResponse(ctx, w, asked, answer)
}

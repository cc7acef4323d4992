// Package oidc lets people sign in on the pages by an OpenID Connect issuer: authorization code (RFC 6749, 4.1; OpenID Connect
// Core 1.0, 3.1) with PKCE by S256 (RFC 7636), state and nonce, as a confidential client or a public one. It knows neither
// cookies nor pages: it says where a browser is to go, and reads with what it comes back. Whom the ID token proves, the
// service of accounts verifies, which begins the session (identity, token.Identities).
//
// INV-OIDC-SAME-BROWSER: a sign-in ends in the browser in which it was begun, and within minutes.
// INV-OIDC-ONE-ISSUER: no answer of another issuer is taken for one of this.
// INV-OIDC-SILENT: no refusal and no log repeats a code, a token or a secret.
package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/grpc"

	"coso/services/platform/fault"
	"coso/services/platform/token"

	faultpb "coso/proto/gen/coso/fault/v1"
)

const (
	// life is how long a sign-in may take, from the page to the issuer and back.
	life = 10 * time.Minute
	// known is how long what the issuer says of itself is believed without asking again.
	known = 10 * time.Minute
	// exchangeLimit is how long the issuer may take to exchange a code.
	exchangeLimit = 10 * time.Second
	// maxTo bounds the address to which a sign-in leads: cookies are small.
	maxTo = 1024
)

// Options are what a Client goes by.
type Options struct {
	Settings

	// Issuer is the issuer's URL.
	Issuer string
	// Identity reaches the gateway's own service of accounts as the gateway itself.
	Identity grpc.ClientConnInterface
	// Remote says how the issuer is asked; its Logger is needed, and its Now is the clock.
	Remote token.RemoteOptions
}

// Client is this system before the issuer. Safe for concurrent use.
type Client struct {
	o      Options
	secret string
	seal   *seal
	http   *http.Client

	mu       sync.Mutex
	provider *token.Provider
	read     time.Time
}

// New returns the client that the settings describe. The issuer need not be there. An error says which of them cannot be.
func New(o Options) (*Client, error) {
	if err := o.Check([]string{o.Issuer}); err != nil {
		return nil, err
	}
	o.Remote.Issuer = o.Issuer
	secret, err := o.secret()
	if err != nil {
		return nil, err
	}
	s, err := newSeal()
	if err != nil {
		return nil, err
	}
	return &Client{o: o, secret: secret, seal: s, http: &http.Client{
		Transport: o.Remote.Transport, Timeout: exchangeLimit,
		// A code and a secret go where the issuer has said, not where somebody on the way does.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Name is what the page calls the issuer.
func (c *Client) Name() string { return c.o.called(c.o.Issuer) }

// Identity reaches the service of accounts as the gateway itself.
func (c *Client) Identity() grpc.ClientConnInterface { return c.o.Identity }

// SignOut is the address at which one signs out at the issuer; empty: none is known.
func (c *Client) SignOut() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.provider == nil || c.provider.EndSession == "" {
		return ""
	}
	u, err := url.Parse(c.provider.EndSession)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", c.o.ClientID)
	u.RawQuery = q.Encode()
	return u.String()
}

// Begin begins a sign-in that leads to a page: address is where the browser goes, sealed what it keeps until it comes back to
// redirect. Unavailable (OIDC_UNAVAILABLE, OIDC_UNUSABLE) says that nobody can sign in so now.
func (c *Client) Begin(ctx context.Context, redirect, to string) (address, sealed string, err error) {
	config, _, err := c.config(ctx, redirect)
	if err != nil {
		return "", "", err
	}
	if len(to) > maxTo {
		to = ""
	}
	p := &pending{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), To: to, Until: c.o.Remote.Now().Add(life)}
	if sealed, err = c.seal.close(p); err != nil {
		return "", "", fault.Internal(err)
	}
	return config.AuthCodeURL(p.State, oauth2.S256ChallengeOption(p.Verifier), oauth2.SetAuthURLParam("nonce", p.Nonce)), sealed, nil
}

// Ended is a sign-in with which a browser has come back.
type Ended struct {
	// To is the page to which it leads.
	To string
	// IDToken is what the issuer says of who signed in, not verified yet, and Nonce what must stand in it.
	IDToken, Nonce string
}

// End reads with what a browser comes back to redirect: the query, and what it has kept; "" if it has nothing. Errors:
// FailedPrecondition (OIDC_STALE) for a sign-in that this browser did not begin, or that is over; PermissionDenied
// (OIDC_REFUSED) if the issuer says no; those of Begin.
func (c *Client) End(ctx context.Context, redirect string, query url.Values, kept string) (*Ended, error) {
	p, err := c.seal.open(kept)
	if err != nil {
		return nil, c.stale(err)
	}
	said, err := answerOf(query)
	if err != nil {
		return nil, c.unusable("callback", err)
	}
	if !c.o.Remote.Now().Before(p.Until) || subtle.ConstantTimeCompare([]byte(p.State), []byte(said.state)) != 1 {
		return nil, c.stale(errState)
	}
	config, provider, err := c.config(ctx, redirect)
	if err != nil {
		return nil, err
	}
	if said.issuer != c.o.Issuer && (said.issuer != "" || provider.NamesItself) {
		return nil, c.stale(errIssuer)
	}
	if said.refusal != "" {
		return nil, c.refused(said.refusal)
	}
	idToken, err := c.exchange(ctx, config, said.code, p.Verifier)
	if err != nil {
		return nil, err
	}
	return &Ended{To: p.To, IDToken: idToken, Nonce: p.Nonce}, nil
}

// exchange gets the ID token for a code.
func (c *Client) exchange(ctx context.Context, config *oauth2.Config, code, verifier string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, c.http), exchangeLimit)
	defer cancel()
	got, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return "", c.notExchanged(err)
	}
	idToken, _ := got.Extra("id_token").(string)
	if idToken == "" {
		return "", c.unusable("id_token", errNoIDToken)
	}
	return idToken, nil
}

// config is how this system asks the issuer.
func (c *Client) config(ctx context.Context, redirect string) (*oauth2.Config, *token.Provider, error) {
	p, err := c.discovered(ctx)
	if err != nil {
		return nil, nil, err
	}
	style, err := c.style(p)
	if err != nil {
		return nil, nil, err
	}
	return &oauth2.Config{
		ClientID: c.o.ClientID, ClientSecret: c.secret, RedirectURL: redirect, Scopes: []string{"openid", "profile"},
		Endpoint: oauth2.Endpoint{AuthURL: p.Authorization, TokenURL: p.Token, AuthStyle: style},
	}, p, nil
}

// style is how the client says who it is: by the one way that the issuer takes, never by trying several, since a code is good
// once.
func (c *Client) style(p *token.Provider) (oauth2.AuthStyle, error) {
	switch {
	case c.secret == "": // a public client names itself
		return oauth2.AuthStyleInParams, nil
	case len(p.Methods) == 0 || slices.Contains(p.Methods, "client_secret_basic"):
		return oauth2.AuthStyleInHeader, nil
	case slices.Contains(p.Methods, "client_secret_post"):
		return oauth2.AuthStyleInParams, nil
	}
	return 0, c.unusable("token_endpoint_auth_methods_supported", fmt.Errorf("the issuer takes no client secret but %q", p.Methods))
}

// discovered is what the issuer says of itself. While it does not answer, what it said last holds on: the browser is sent
// there and sees for itself.
func (c *Client) discovered(ctx context.Context) (*token.Provider, error) {
	c.mu.Lock()
	last, read := c.provider, c.read
	c.mu.Unlock()
	if last != nil && c.o.Remote.Now().Sub(read) < known {
		return last, nil
	}
	now, err := token.Discover(ctx, c.o.Remote)
	if err != nil && last != nil {
		c.o.Remote.Logger.WarnContext(ctx, "an issuer does not say of itself what it must; what it said last holds on", "issuer", c.o.Issuer, "error", err)
		return last, nil
	}
	if err != nil {
		return nil, c.unavailable(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.provider, c.read = &now, c.o.Remote.Now()
	return &now, nil
}

var (
	errState     = errors.New("another state, or too late")
	errIssuer    = errors.New("an answer of another issuer")
	errNoIDToken = errors.New("the token endpoint answers without an ID token")
)

func (c *Client) stale(err error) error {
	return fault.FailedPrecondition(faultpb.Reason_REASON_OIDC_STALE, "", "name", c.Name()).With(err)
}

func (c *Client) unavailable(err error) error {
	return fault.Unavailable(faultpb.Reason_REASON_OIDC_UNAVAILABLE, "", "name", c.Name()).With(err)
}

func (c *Client) unusable(what string, err error) error {
	return fault.Unavailable(faultpb.Reason_REASON_OIDC_UNUSABLE, "", "name", c.Name(), "value", what).With(err)
}

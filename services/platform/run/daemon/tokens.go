package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"time"

	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
	"coso/services/platform/run"
	"coso/services/platform/run/ops"
	"coso/services/platform/token"
)

// Keys are the settings of a service that verifies tokens.
type Keys struct {
	URL     string `name:"keys" help:"Where the services read the keys of the tokens that the gateway signs: its --keys. Both prove by their certificates who they are." default:"https://127.0.0.1:8105/.well-known/jwks.json" placeholder:"URL"`
	Issuers `embed:""`
}

// Issuers are the settings of issuers beside the installation, whose tokens are accepted. Of several, the first audience and
// prefix are the first issuer's.
type Issuers struct {
	Issuer   []string `name:"oidc-issuer" help:"URL of an OpenID Connect issuer whose tokens are accepted too; several separated by commas." placeholder:"URL"`
	Audience []string `name:"oidc-audience" help:"What its tokens carry as aud; for several issuers as many, in their order." placeholder:"AUDIENCE"`
	Prefix   []string `name:"oidc-prefix" help:"How the names of its users begin here, at most 16 lower case letters and digits; for several issuers as many, in their order." placeholder:"PREFIX"`
}

// Tokens are what a process goes by when it verifies tokens.
type Tokens struct {
	// Foreign are the issuers beside the installation.
	Foreign []token.Issuer
	// Verifier verifies the tokens of all; nil: of Issuers alone there is none.
	Verifier *token.Verifier

	remote []*token.RemoteKeys
}

var errIssuers = errors.New("--oidc-issuer, --oidc-audience and --oidc-prefix: give each issuer an audience and a prefix, as many of each, in one order")

// Open makes what the settings say; nothing is read yet. An error says which of them cannot be.
func (i Issuers) Open(logger *slog.Logger) (*Tokens, error) {
	if len(i.Issuer) != len(i.Audience) || len(i.Issuer) != len(i.Prefix) {
		return nil, errIssuers
	}
	t := &Tokens{}
	for n, url := range i.Issuer {
		keys, err := t.read(token.RemoteOptions{Issuer: url, Logger: logger})
		if err != nil {
			return nil, fmt.Errorf("--oidc-issuer: %w", err)
		}
		t.Foreign = append(t.Foreign, token.Issuer{
			URL: url, Audience: i.Audience[n], Prefix: i.Prefix[n], Keys: keys, Algorithms: []token.Algorithm{token.EdDSA, token.ES256, token.RS256},
		})
	}
	if len(t.Foreign) == 0 {
		return t, nil
	}
	if _, err := token.NewVerifier(token.Options{Issuers: t.Foreign, Now: time.Now}); err != nil {
		return nil, fmt.Errorf("--oidc-issuer: %w", err)
	}
	return t, nil
}

// Open makes a verifier of the installation's own tokens and those of the other issuers, for a process that proves to the gateway
// to be id; no key is read yet.
func (k Keys) Open(id *mtls.Identity, logger *slog.Logger) (*Tokens, error) {
	t, wrong := k.Issuers.Open(logger)
	if _, err := k.place(); wrong != nil || err != nil {
		return nil, errors.Join(wrong, err)
	}
	keys, err := t.read(token.RemoteOptions{
		Issuer: token.OwnIssuer, JWKS: k.URL, Transport: id.Asking(mtls.Gateway), Logger: logger, PauseBetween: time.Second,
	})
	if err != nil {
		return nil, fmt.Errorf("--keys: %w", err)
	}
	own := token.Issuer{URL: token.OwnIssuer, Audience: token.OwnAudience, Algorithms: []token.Algorithm{token.EdDSA}, Keys: keys}
	t.Verifier, err = token.NewVerifier(token.Options{Issuers: append([]token.Issuer{own}, t.Foreign...), Now: time.Now})
	return t, err
}

// place is where the gateway is asked for its keys. An error says what is wrong with the setting.
func (k Keys) place() (rpc.Place, error) {
	u, err := url.Parse(k.URL)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return rpc.Place{}, fmt.Errorf("--keys: %q is no address of the gateway's keys, which are read by https alone; write it like https://127.0.0.1:8105/.well-known/jwks.json", k.URL)
	}
	return rpc.Place{Setting: "keys", Addr: net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "443"))}, nil
}

// Check answers what is wrong with the settings.
func (i Issuers) Check() error {
	_, err := i.Open(slog.New(slog.DiscardHandler))
	return err
}

// Check answers where the gateway is asked for its keys, and what is wrong with the settings.
func (k Keys) Check() (rpc.Place, error) {
	at, err := k.place()
	return at, errors.Join(err, k.Issuers.Check())
}

func (t *Tokens) read(o token.RemoteOptions) (*token.RemoteKeys, error) {
	keys, err := token.NewRemoteKeys(o)
	if err == nil {
		t.remote = append(t.remote, keys)
	}
	return keys, err
}

// Part reads the keys and reads them again, and lets readiness say which cannot be had.
func (t *Tokens) Part(ready *ops.Readiness) run.Part {
	ready.Keys = t.Had
	return run.Part{Name: "keys of tokens", Run: func(ctx context.Context, started func()) error {
		started()
		var all sync.WaitGroup
		failed := make([]error, len(t.remote))
		for n, keys := range t.remote {
			all.Go(func() { failed[n] = keys.Run(ctx) })
		}
		all.Wait()
		<-ctx.Done()
		return errors.Join(failed...)
	}}
}

// Had joins whose keys cannot be had; nil: none is missing.
func (t *Tokens) Had() error {
	var wrong error
	for _, keys := range t.remote {
		wrong = errors.Join(wrong, keys.Healthy())
	}
	return wrong
}

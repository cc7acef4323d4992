package token

import (
	"context"
	"fmt"
	"strings"
)

// discovery is where an issuer says of itself what others must know.
const discovery = "/.well-known/openid-configuration"

// Provider is what an issuer says of itself (OpenID Connect Discovery 1.0) to a system whose users sign in there.
type Provider struct {
	// Authorization is where a browser goes to sign in, Token where a code is exchanged.
	Authorization, Token string
	// EndSession is where a browser goes to sign out there (OpenID Connect RP-Initiated Logout 1.0); empty: nowhere.
	EndSession string
	// Methods are the ways in which a client proves who it is; empty: client_secret_basic.
	Methods []string
	// NamesItself: every answer to a browser says whose it is (RFC 9207).
	NamesItself bool
}

// Discover asks an issuer what it says of itself, within o's time limit; o.JWKS does not count. An error says which address
// does not answer, or with what it cannot answer.
func Discover(ctx context.Context, o RemoteOptions) (Provider, error) {
	o.JWKS = ""
	if err := o.complete(); err != nil {
		return Provider{}, err
	}
	f, err := newFetcher(o)
	if err != nil {
		return Provider{}, err
	}
	defer f.client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, o.TimeLimit)
	defer cancel()
	document, err := f.discover(ctx)
	if err != nil {
		return Provider{}, err
	}
	var p Provider
	for _, member := range []struct {
		name  string
		value *string
		must  bool
	}{
		{"authorization_endpoint", &p.Authorization, true}, {"token_endpoint", &p.Token, true}, {"end_session_endpoint", &p.EndSession, false},
	} {
		if _, said := document[member.name]; !said && !member.must {
			continue
		}
		*member.value, _ = document.text(member.name)
		if err := secure(*member.value); err != nil {
			return Provider{}, fmt.Errorf("%s: %s %w", o.Issuer, member.name, err)
		}
	}
	p.Methods, _ = document.texts("token_endpoint_auth_methods_supported")
	p.NamesItself = string(document["authorization_response_iss_parameter_supported"]) == "true"
	return p, nil
}

// discover asks the issuer what it says of itself. Its answer must name it letter for letter, so that one issuer cannot speak
// for another.
func (f *fetcher) discover(ctx context.Context) (object, error) {
	from := strings.TrimSuffix(f.o.Issuer, "/") + discovery
	raw, err := f.get(ctx, from)
	if err != nil {
		return nil, err
	}
	document, err := parseObject(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	if issuer, _ := document.text("issuer"); issuer != f.o.Issuer {
		return nil, fmt.Errorf("%s is of the issuer %.200q, want %q", from, issuer, f.o.Issuer)
	}
	return document, nil
}

package oidc

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"coso/services/platform/run/settings"
	"coso/services/platform/token"
)

// Settings are what an operator decides about signing in on the pages by the first of the issuers whose tokens are accepted.
type Settings struct {
	ClientID         string        `name:"oidc-client-id" help:"What the first issuer in --oidc-issuer calls this system; with it people sign in on the page by that issuer, beside the accounts." placeholder:"ID"`
	ClientSecretFile settings.File `name:"oidc-client-secret-file" help:"File of the secret by which this system proves to that issuer who it is; none: a public client, by PKCE alone." placeholder:"FILE"`
	Name             string        `name:"oidc-name" help:"What the page calls that issuer; default: its host." placeholder:"NAME"`
}

const (
	maxName   = 60
	maxSecret = 4 << 10
)

var (
	errNoIssuer = errors.New("--oidc-client-id: no --oidc-issuer is given by which to sign in")
	errNoClient = errors.New("--oidc-client-secret-file and --oidc-name are nothing without --oidc-client-id: give it too, or leave them out")
	errName     = fmt.Errorf("--oidc-name: at most %d characters, on one line", maxName)
	errSecret   = fmt.Errorf("one line of at most %d bytes is needed", maxSecret)
)

// Check answers what is wrong with the settings, beside issuers of these URLs.
func (s Settings) Check(issuers []string) error {
	if s.ClientID == "" {
		if s != (Settings{}) {
			return errNoClient
		}
		return nil
	}
	var wrong []error
	if len(issuers) == 0 {
		wrong = append(wrong, errNoIssuer)
	}
	if utf8.RuneCountInString(s.Name) > maxName || strings.ContainsFunc(s.Name, func(r rune) bool { return r < ' ' }) {
		wrong = append(wrong, errName)
	}
	if _, err := s.secret(); err != nil {
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

// secret reads the client secret; "": the client is a public one.
func (s Settings) secret() (string, error) {
	if s.ClientSecretFile == "" {
		return "", nil
	}
	raw, err := os.ReadFile(string(s.ClientSecretFile))
	if err != nil {
		return "", fmt.Errorf("--oidc-client-secret-file: %w", err)
	}
	secret := strings.TrimSpace(string(raw))
	if secret == "" || len(secret) > maxSecret || strings.ContainsAny(secret, "\r\n") {
		return "", fmt.Errorf("--oidc-client-secret-file: %s: %w", s.ClientSecretFile, errSecret)
	}
	return secret, nil
}

// Identities verifies what the issuer says of who has signed in; nil: nobody signs in so. The issuers are those whose tokens
// are accepted, of which the first counts.
func (s Settings) Identities(issuers []token.Issuer, now func() time.Time) (*token.Identities, error) {
	switch {
	case s.ClientID == "":
		return nil, nil //nolint:nilnil // nobody is an answer
	case len(issuers) == 0:
		return nil, errNoIssuer
	}
	found, err := token.NewIdentities(issuers[0], s.ClientID, now)
	if err != nil {
		return nil, fmt.Errorf("--oidc-client-id: %w", err)
	}
	return found, nil
}

// called is what the page calls an issuer.
func (s Settings) called(issuer string) string {
	if s.Name != "" {
		return s.Name
	}
	if u, err := url.Parse(issuer); err == nil && u.Host != "" {
		return u.Hostname()
	}
	return issuer
}

// Package front is what an operator decides about the front of an installation, the gateway and the accounts and issuers by which
// one signs in there, and what is made of it. It is the same where the gateway runs in one process with the services and where it
// has a process of its own: both embed Settings.
//
// It leaves to gateway and identity what the settings mean, and to the process where its data lies and whom it reaches.
package front

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"coso/services/platform/mtls"
	"coso/services/platform/run"
	"coso/services/platform/run/daemon"
	"coso/services/platform/run/settings"
	"coso/services/platform/token"

	"coso/gateway"
	"coso/gateway/identity"
)

// Settings are a kong model. Zero ones that have a default have it, but for HTTP.
type Settings struct {
	HTTP       string   `name:"http" help:"Address of the pages and the API; loopback only; port 0: any free one." default:"127.0.0.1:8080"`
	Hosts      []string `help:"Names by which clients may address the gateway beside the loopback names, without port, separated by commas."`
	TrustProxy bool     `help:"Believe X-Forwarded-Proto and the last address in X-Forwarded-For: a proxy before the gateway takes TLS and sets both, and clients come by it alone."`

	AdminPassword settings.Secret `help:"Password of the first account, admin, where there is none yet; better in the environment than on the command line. Empty: a one-time password is made, which coso up shows and gatewayd writes into a file in its data folder." placeholder:"PASSWORD" env:"COSO_ADMIN_PASSWORD"`

	Rates    gateway.Limits  `embed:""`
	Sessions identity.Limits `embed:""`
	Issuers  daemon.Issuers  `embed:""`
	SignIn   gateway.OIDC    `embed:""`
}

// Check joins everything that is wrong with the settings.
func (s Settings) Check() error {
	return errors.Join(
		named("http", gateway.CheckAddress(s.HTTP)), named("hosts", gateway.CheckHosts(s.Hosts)),
		s.Sessions.Check(), s.Rates.Check(), s.Issuers.Check(), s.SignIn.Check(s.Issuers.Issuer), identity.CheckFirst(string(s.AdminPassword)))
}

func named(setting string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("--%s: %w", setting, err)
}

// Accounts opens the service of accounts, in which tokens of other issuers count too. Errors are those of identity.New, and what
// is wrong with the settings.
func (s Settings) Accounts(ctx context.Context, o run.Options, foreign []token.Issuer) (*identity.Service, error) {
	signIns, err := s.SignIn.Identities(foreign, clock(o.Clock))
	if err != nil {
		return nil, err
	}
	return identity.New(ctx, identity.Options{Options: o, Limits: s.Sessions, Issuers: foreign, SignIns: signIns})
}

// Gateway completes o with what the settings decide and what the service of accounts is asked for. An error says what is
// wrong with the settings.
func (s Settings) Gateway(o gateway.Options, accounts *identity.Service, foreign []token.Issuer, logger *slog.Logger) (gateway.Options, error) {
	issuer, err := gateway.NewIssuer(s.SignIn, foreign, accounts.ConnOf(mtls.Gateway), logger, clock(o.Clock))
	if err != nil {
		return gateway.Options{}, err
	}
	o.Identity, o.Keys, o.Tokens, o.Issuer = accounts.Conn(), accounts.Published, accounts.Tokens(), issuer
	o.Hosts, o.TrustForwarded, o.Limits, o.Logger = s.Hosts, s.TrustProxy, s.Rates, logger
	return o, nil
}

// clock is the machine's unless there is another.
func clock(given func() time.Time) func() time.Time {
	if given == nil {
		return time.Now
	}
	return given
}

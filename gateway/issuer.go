package gateway

import (
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"coso/services/platform/token"

	"coso/gateway/internal/oidc"
)

// OIDC are the settings of signing in on the pages by an OpenID Connect issuer.
type OIDC = oidc.Settings

// Issuer is an issuer by which people sign in on the pages.
type Issuer = oidc.Client

// NewIssuer returns the first of the issuers as one by which people sign in; it need not be there. nil: the settings name no
// client, so nobody signs in so. identity reaches the service of accounts as the gateway itself (run.Service.ConnOf of
// mtls.Gateway), which was given the settings' Identities. An error says which settings cannot be.
func NewIssuer(s OIDC, issuers []token.Issuer, identity grpc.ClientConnInterface, logger *slog.Logger, now func() time.Time) (*Issuer, error) {
	if s.ClientID == "" || len(issuers) == 0 {
		return nil, nil //nolint:nilnil // nobody is an answer
	}
	return oidc.New(oidc.Options{
		Settings: s, Issuer: issuers[0].URL, Identity: identity, Remote: token.RemoteOptions{Logger: logger, Now: now},
	})
}

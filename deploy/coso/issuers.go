package main

import (
	"coso/gateway"
	"coso/services/platform/run/daemon"
	"coso/services/platform/run/settings"
)

// issuerFlags are the settings of issuers beside the installation: whose tokens are accepted, and by which of them people sign
// in on the page.
type issuerFlags struct {
	Issuer           []string      `name:"oidc-issuer" help:"URL of an OpenID Connect issuer whose tokens are accepted too; several separated by commas." placeholder:"URL" env:"COSO_OIDC_ISSUER"`
	Audience         []string      `name:"oidc-audience" help:"What its tokens carry as aud; for several issuers as many, in their order." placeholder:"AUDIENCE" env:"COSO_OIDC_AUDIENCE"`
	Prefix           []string      `name:"oidc-prefix" help:"How the names of its users begin here, at most 16 lower case letters and digits; for several issuers as many, in their order." placeholder:"PREFIX" env:"COSO_OIDC_PREFIX"`
	ClientID         string        `name:"oidc-client-id" help:"What the first issuer in --oidc-issuer calls this system; with it people sign in on the page by that issuer, beside the accounts." placeholder:"ID" env:"COSO_OIDC_CLIENT_ID"`
	ClientSecretFile settings.File `name:"oidc-client-secret-file" help:"File of the secret by which this system proves to that issuer who it is; none: a public client, by PKCE alone." placeholder:"FILE" env:"COSO_OIDC_CLIENT_SECRET_FILE"`
	Name             string        `name:"oidc-name" help:"What the page calls that issuer; default: its host." placeholder:"NAME" env:"COSO_OIDC_NAME"`
}

func (i issuerFlags) issuers() daemon.Issuers {
	return daemon.Issuers{Issuer: i.Issuer, Audience: i.Audience, Prefix: i.Prefix}
}

func (i issuerFlags) signIn() gateway.OIDC {
	return gateway.OIDC{ClientID: i.ClientID, ClientSecretFile: i.ClientSecretFile, Name: i.Name}
}

package front_test

import (
	"strings"
	"testing"
	"time"

	"coso/services/platform/run/daemon"

	"coso/gateway"
	"coso/gateway/front"
	"coso/gateway/identity"
)

// Every setting that is wrong is named, with what is wrong about it; settings that were left out are good.
func TestEveryWrongSettingIsNamed(t *testing.T) { // INV-DAEMON-CHECKED
	if err := (front.Settings{HTTP: "127.0.0.1:0"}).Check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	err := front.Settings{
		HTTP: "10.0.0.5:8080", Hosts: []string{"coso.example", "https://coso.example"}, AdminPassword: "short",
		Rates: gateway.Limits{Burst: 1}, Sessions: identity.Limits{Token: time.Hour},
		Issuers: daemon.Issuers{Issuer: []string{"https://sso.example"}}, SignIn: gateway.OIDC{Name: "SSO"},
	}.Check()
	if err == nil {
		t.Fatal("all is well")
	}
	for _, want := range []string{
		`--http: "10.0.0.5:8080": only addresses of this machine are used`, `--hosts: "https://coso.example" is not a host name without port`,
		"--rate, --rate-burst, --at-once and --streams are at least", "--token-life: 1h0m0s", "--oidc-issuer, --oidc-audience and --oidc-prefix: give each",
		"--oidc-client-secret-file and --oidc-name are nothing without --oidc-client-id", "COSO_ADMIN_PASSWORD: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %s:\n%v", want, err)
		}
	}
}

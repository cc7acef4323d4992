package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"coso/services/platform/certs"
	"coso/services/platform/run/daemon"
)

// What the gateway itself would refuse is refused by a check, and nothing is opened for it.
func TestCheckConfig(t *testing.T) {
	data := t.TempDir()
	if _, err := certs.Make(certs.Options{Dir: certs.Folder(data), Days: 1, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	sso := []string{"--oidc-issuer", "https://sso.example", "--oidc-audience", "coso", "--oidc-prefix", "sso", "--oidc-client-id", "coso"}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--hosts", "coso.example,office"}, ""},
		{[]string{"--hosts", "coso.example:80"}, `--hosts: "coso.example:80" is not a host name without port`},
		{[]string{"--keys", "10.0.0.5:8105", "--trust-proxy", "--rate", "500"}, ""},
		{[]string{"--keys", "https://10.0.0.5:8105/.well-known/jwks.json"}, `--keys: "https://10.0.0.5:8105/.well-known/jwks.json" is no address`},
		{[]string{"--keys", "127.0.0.1:8080"}, "--http and --keys are both 127.0.0.1:8080; give each an address of its own"},
		{[]string{"--rate-burst", "5"}, "--rate, --rate-burst, --at-once and --streams are at least"},
		{[]string{"--session-idle", "1s"}, "--session-idle: 1s is shorter than --token-life"},
		{[]string{"--http", "0.0.0.0:80", "--award", "x"}, `--award: "x" is no address`},
		{[]string{"--http", "0.0.0.0:80", "--award", "x"}, `--http: "0.0.0.0:80": only addresses of this machine`},
		{[]string{"--oidc-client-id", "coso"}, "--oidc-client-id: no --oidc-issuer is given"},
		{[]string{"--oidc-name", "SSO"}, "are nothing without --oidc-client-id"},
		{append(slices.Clip(sso), "--oidc-client-secret-file", "/nowhere/at/all"), "--oidc-client-secret-file: open /nowhere/at/all"},
		{append(slices.Clip(sso), "--oidc-client-secret-file", "/dev/null"), "--oidc-client-secret-file: /dev/null: one line"},
		{append(slices.Clip(sso), "--oidc-name", strings.Repeat("a", 61)), "--oidc-name: at most 60 characters"},
		{sso, ""},
	} {
		var out bytes.Buffer
		err := daemon.Execute(t.Context(), program(), append(c.args, "--check-config", "--data", data), &out, &out)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: says %v, want %s", c.args, err, c.want)
		}
		if err == nil && !strings.Contains(out.String(), "gatewayd: all settings are good") {
			t.Errorf("%v: says %s", c.args, &out)
		}
	}
}

// The gateway brings what others ask: without a certificate no service would hear it, so it does not start.
func TestNoGatewayWithoutACertificate(t *testing.T) { // INV-DAEMON-PROVED
	var out bytes.Buffer
	err := daemon.Execute(t.Context(), program(), []string{"--check-config", "--data", t.TempDir()}, &out, &out)
	if err == nil || !strings.Contains(err.Error(), "--tls-cert: there are no certificates in ") {
		t.Errorf("says %v", err)
	}
}

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The settings of `coso up` come from the same places as those of any process.
func TestUpSettings(t *testing.T) {
	t.Setenv("COSO_LANG", "en")
	dir := t.TempDir()
	file := filepath.Join(dir, "coso.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"http": "127.0.0.1:9000", "nats-port": 4333, "max-streams": "2048MiB", "data": "/nowhere", "hosts": ["coso.example", "office"], "rate": 500}`)
	t.Setenv("COSO_NATS_PORT", "4444")
	t.Setenv("COSO_TRUST_PROXY", "true")
	t.Setenv("COSO_TOKEN_LIFE", "5m")
	t.Setenv("COSO_REGISTRYD_GRPC", "of another process")
	out, _, err := run(t, "up", "--check-config", "--config", file, "--data", dir)
	if err != nil {
		t.Error(err)
	}
	got := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{
		"data " + dir + " command line", "http 127.0.0.1:9000 file " + file, "nats-port 4444 environment COSO_NATS_PORT",
		"hosts coso.example,office file " + file, "rate 500 file " + file, "trust-proxy true environment COSO_TRUST_PROXY", "token-life 5m0s environment COSO_TOKEN_LIFE",
		"ops 127.0.0.1:8200 default", "checkpoint-every 1h0m0s default", "max-streams 2GiB file " + file, `demo "" default`, "coso up: all settings are good",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if err := os.Unsetenv("COSO_NATS_PORT"); err != nil { // Setenv above puts it back
		t.Fatal(err)
	}
	for _, c := range []struct{ file, want string }{
		{`{"htttp": "127.0.0.1:9000"}`, `unknown setting "htttp"; is it http?`},
		{`{"http": "0.0.0.0:9000"}`, `--http: "0.0.0.0:9000": only addresses of this machine`},
		{`{"http": ":9000"}`, "only addresses of this machine"},
		{`{"http": "coso.example:9000"}`, "names are not looked up"},
		{`{"nats-port": 4.5}`, `"4.5" is no whole number; write one in digits, e.g. 4222`},
		{`{"nats-port": 65536}`, "--nats-port: 65536 is no port; choose one from 1024 to 65535, e.g. 4222, or 0 for none"},
		{`{"nats-port": 8080}`, "--http and --nats-port are both 127.0.0.1:8080; give each an address of its own"},
		{`{"hosts": ["https://coso.example"]}`, `--hosts: "https://coso.example" is not a host name without port`},
		{`{"rate-burst": 5}`, "--rate, --rate-burst, --at-once and --streams are at least 1, 100, 1 and 1"},
		{`{"ops": "0.0.0.0:8200"}`, `--ops: "0.0.0.0:8200": only addresses of this machine are used`},
		{`{"ops": "127.0.0.1:8080"}`, "--http and --ops are both 127.0.0.1:8080; give each an address of its own"},
		{`{"max-streams": 20}`, `"20" is no size; write a whole number and its unit (MiB, GiB or TiB), e.g. 20GiB, or 0`},
		{`{"max-streams": "-1GiB"}`, `"-1GiB" is no size`},
		{`{"max-streams": "8388608TiB"}`, `"8388608TiB" is no size`},
		{`{"data": ""}`, `"" names no folder`},
		{`{"demo": "saigon"}`, "--demo: "},
		{"{\n\"http\": 1,\n}", "the file of settings " + file + ": line 3, column 1: '}' cannot stand there"},
	} {
		write(c.file)
		args := []string{"up", "--check-config", "--config", file}
		if !strings.Contains(c.file, "data") {
			args = append(args, "--data", dir)
		}
		_, _, err := run(t, args...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: says %v, want %s", c.file, err, c.want)
		}
	}
	t.Setenv("COSO_HTPP", "127.0.0.1:9000")
	if _, _, err := run(t, "up", "--check-config", "--data", dir); err == nil || !strings.Contains(err.Error(), "unknown setting COSO_HTPP; is it COSO_HTTP?") {
		t.Errorf("says %v", err)
	}
}

// A port that another program has is said at once, with the setting that chooses another.
func TestUpOnATakenPort(t *testing.T) {
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lis.Close() }()
	_, port, err := net.SplitHostPort(lis.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, _, err = run(t, "up", "--data", t.TempDir(), "--http", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--nats-port", port)
	if err == nil || !strings.Contains(err.Error(), "cannot listen on port "+port) || time.Since(begun) > 5*time.Second {
		t.Errorf("after %s it says %v", time.Since(begun), err)
	}
	_, _, err = run(t, "up", "--data", t.TempDir(), "--http", "127.0.0.1:"+port, "--ops", "127.0.0.1:0")
	if err == nil || !strings.Contains(err.Error(), "--http: another program listens on port "+port) {
		t.Errorf("of the gateway's port it says %v", err)
	}
}

// The table of settings in deploy/README.md is the program's.
func TestUpSettingsAreInTheREADME(t *testing.T) {
	table, _, err := run(t, "up", "--settings")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "### coso up\n\n"+table+"\n") {
		t.Errorf("deploy/README.md has another table of `coso up`, or none; it is\n%s", table)
	}
}

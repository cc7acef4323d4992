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
	dir := t.TempDir()
	file := filepath.Join(dir, "coso.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"http": "127.0.0.1:9000", "nats-port": 4333, "data": "/nowhere"}`)
	t.Setenv("COSO_NATS_PORT", "4444")
	t.Setenv("COSO_REGISTRYD_GRPC", "of another process")
	out, _, err := run(t, "up", "--check-config", "--config", file, "--data", dir)
	if err != nil {
		t.Error(err)
	}
	got := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{
		"data " + dir + " command line", "http 127.0.0.1:9000 file " + file, "nats-port 4444 environment COSO_NATS_PORT",
		`demo "" default`, "coso up: all settings are good",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	for _, c := range []struct{ file, want string }{
		{`{"htttp": "127.0.0.1:9000"}`, `unknown setting "htttp"; is it http?`},
		{`{"http": "0.0.0.0:9000"}`, `--http: "0.0.0.0:9000": without sign-in only loopback`},
		{`{"http": ":9000"}`, "only loopback"},
		{`{"nats-port": 4.5}`, `expected a valid 64 bit int but got "4.5"`},
		{`{"demo": "saigon"}`, "--demo: "},
	} {
		write(c.file)
		_, _, err := run(t, "up", "--check-config", "--config", file, "--data", dir)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: says %v, want %s", c.file, err, c.want)
		}
	}
	t.Setenv("COSO_HTPP", "127.0.0.1:9000")
	if _, _, err := run(t, "up", "--check-config", "--data", dir); err == nil || !strings.Contains(err.Error(), "unknown setting COSO_HTPP; is it COSO_HTTP?") {
		t.Errorf("says %v", err)
	}
}

// A port for listeners that another program has is said at once.
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
	_, _, err = run(t, "up", "--data", t.TempDir(), "--http", "127.0.0.1:0", "--nats-port", port)
	if err == nil || !strings.Contains(err.Error(), "cannot listen on port "+port) || time.Since(begun) > 5*time.Second {
		t.Errorf("after %s it says %v", time.Since(begun), err)
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

package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coso/services/platform/certs"
)

// Certificates are made once, said where they go, and written over only when that was asked for.
func TestCertsCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	out, _, err := run(t, "certs", dir, "--host", "10.0.0.5,node-1.internal", "--lang", "en")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"registryd    --tls-cert " + filepath.Join(dir, "registry.pem") + " --tls-key " + filepath.Join(dir, "registry.key") + " --tls-ca " + filepath.Join(dir, "ca.pem"),
		"gatewayd     --tls-cert", "nats-server  -c " + filepath.Join(dir, "nats.conf"), "NOT ca.key", "--renew",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("does not say %q:\n%s", want, out)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{dir}, "đã có chứng thư; dùng --renew"},
		{[]string{dir, "--lang", "en"}, "has certificates already; --renew makes new ones"},
		{[]string{dir, "--renew", "--force"}, "can't be used together"},
		{[]string{dir + "2", "--renew", "--lang", "en"}, "has no CA (ca.pem and ca.key) to renew by"},
		{[]string{dir + "3", "--days", "400"}, "--days: 400 không được; ghi một số từ 1 đến 397"},
		{[]string{dir + "3", "--host", "10.0.0.5:80", "--lang", "en"}, `--host: "10.0.0.5:80" is no name of a machine and no IP address`},
		{[]string{dir, "--renew"}, ""},
		{[]string{dir, "--force"}, ""},
	} {
		out, _, err := run(t, append([]string{"certs"}, c.args...)...)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: says %v, want %s", c.args, err, c.want)
		}
		if err == nil && !strings.Contains(out, "Chứng thư có hiệu lực đến ngày") {
			t.Errorf("%v: says %s", c.args, out)
		}
	}
}

// Without a folder they are made where the processes of this machine look for theirs.
func TestCertsWithoutAFolder(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_DATA_HOME", home)
	dir := certs.Folder(filepath.Join(home, "coso"))
	if _, _, err := run(t, "certs"); err != nil {
		t.Fatal(err)
	}
	if err := certs.FilesOf(dir, "registry").Check("registry", time.Now()); err != nil {
		t.Error(err)
	}
	if _, _, err := run(t, "certs", "--lang", "en"); err == nil || !strings.Contains(err.Error(), "the folder "+dir+" has certificates already") {
		t.Errorf("says %v", err)
	}
}

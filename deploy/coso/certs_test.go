package main

import (
	"crypto/tls"
	"os"
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

// Each nats-server of a cluster has a configuration of its own, and all have one certificate that holds for their machines.
func TestCertsForACluster(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	out, _, err := run(t, "certs", dir, "--nats", "n1=10.0.0.1,n2=10.0.0.2,n3=node-3.internal", "--lang", "en")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"n1", "n2", "n3"} {
		conf, err := os.ReadFile(filepath.Join(dir, "nats-"+name+".conf"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`server_name: "` + name + `"`, "nats://10.0.0.1:6222", "nats://10.0.0.2:6222", "nats://node-3.internal:6222"} {
			if !strings.Contains(string(conf), want) {
				t.Errorf("the configuration of %s lacks %s", name, want)
			}
		}
		if !strings.Contains(out, filepath.Join(dir, "nats-"+name+".conf")) {
			t.Errorf("does not say where that of %s is:\n%s", name, out)
		}
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "nats.pem"), filepath.Join(dir, "nats.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"10.0.0.1", "node-3.internal"} {
		if err := pair.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	for given, want := range map[string]string{
		"n1=10.0.0.1":                         "1 nats-servers cannot be",
		"n1=10.0.0.1,n2=10.0.0.2":             "2 nats-servers cannot be",
		"n1=10.0.0.1,n1=10.0.0.2,n3=10.0.0.3": "n1=10.0.0.1 and n1=10.0.0.2 have one name or one machine",
		"n1=10.0.0.1,n2=10.0.0.1,n3=10.0.0.3": "n1=10.0.0.1 and n2=10.0.0.1 have one name or one machine",
		"10.0.0.1,n2=10.0.0.2,n3=10.0.0.3":    `"10.0.0.1" cannot be; write a name, = and a machine`,
		"n1=10.0.0.1:4222,n2=b,n3=c":          `"n1=10.0.0.1:4222" cannot be`,
		"N1=10.0.0.1,n2=b,n3=c":               `"N1=10.0.0.1" cannot be`,
	} {
		if _, _, err := run(t, "certs", dir+"2", "--nats", given, "--lang", "en"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: says %v, want %s", given, err, want)
		}
	}
}

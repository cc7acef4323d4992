package daemon_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coso/services/platform/certs"
)

// issued makes certificates in a folder, which it answers, that hold for 90 days from when they begin.
func issued(t *testing.T, dir string, begin time.Time) string {
	t.Helper()
	if _, err := certs.Make(certs.Options{Dir: dir, Days: 90, Now: begin}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// proofs are the settings of the process of a name whose files lie in a folder.
func proofs(dir, name string) []string {
	f := certs.FilesOf(dir, name)
	return []string{"--tls-cert", f.Cert, "--tls-key", f.Key, "--tls-ca", f.CA}
}

// What is wrong with certificates is said by a check, with the setting.
func TestCheckConfigLooksAtCertificates(t *testing.T) { // INV-DAEMON-CHECKED
	dir, old := issued(t, t.TempDir(), time.Now()), issued(t, t.TempDir(), time.Now().AddDate(0, 0, -100))
	for _, c := range []struct {
		args []string
		want string
	}{
		{append(proofs(dir, "planning"), "--grpc", ":8103", "--registry", "node-1.internal:8101", "--nats", "nats://10.0.0.5:4222"), ""},
		{proofs(dir, "planning")[:2], "--tls-key is missing: give --tls-cert, --tls-key and --tls-ca, or none of them\n--tls-ca is missing"},
		{proofs(dir, "registry"), "is the certificate of registry, this process is planning"},
		{proofs(old, "planning"), "make new ones with `coso certs DIR --renew`"},
		{append(proofs(dir, "planning"), "--tls-key", filepath.Join(dir, "award.key")), "--tls-key: " + filepath.Join(dir, "award.key") + " is not the key of"},
		{append(proofs(dir, "planning"), "--ops", "10.0.0.5:8203"), `--ops: "10.0.0.5:8203": only addresses of this machine`},
	} {
		_, err := execute(t, append(c.args, "--check-config", "--data", t.TempDir())...)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: says %v, want %s", c.args, err, c.want)
		}
	}
}

// A process finds its certificate in its data folder, and does not start without one: what it says there is how to come by it.
func TestNoProcessWithoutACertificate(t *testing.T) { // INV-DAEMON-PROVED
	data := t.TempDir()
	dir := filepath.Join(data, "certs")
	want := "--tls-cert: there are no certificates in " + dir + "; make them with `coso certs " + dir + "`, or say with --tls-cert, --tls-key and --tls-ca"
	for _, args := range [][]string{{}, {"--check-config"}} {
		if _, err := bare(t, append(args, "--data", data, "--grpc", "127.0.0.1:0", "--ops", "127.0.0.1:0")...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: says %v, want %s", args, err, want)
		}
	}
	issued(t, dir, time.Now())
	if _, err := bare(t, "--check-config", "--data", data); err != nil {
		t.Errorf("with certificates: %v", err)
	}
}

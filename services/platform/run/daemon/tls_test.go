package daemon_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coso/services/platform/certs"
)

// What is wrong with certificates is said by a check, with the setting; with good ones other machines may be named.
func TestCheckConfigLooksAtCertificates(t *testing.T) { // INV-DAEMON-CHECKED
	dir, old := filepath.Join(t.TempDir(), "new"), filepath.Join(t.TempDir(), "old")
	for at, began := range map[string]time.Time{dir: time.Now(), old: time.Now().AddDate(0, 0, -100)} {
		if _, err := certs.Make(certs.Options{Dir: at, Days: 90, Now: began}); err != nil {
			t.Fatal(err)
		}
	}
	args := func(dir, name string) []string {
		f := certs.FilesOf(dir, name)
		return []string{"--tls-cert", f.Cert, "--tls-key", f.Key, "--tls-ca", f.CA}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{append(args(dir, "planning"), "--grpc", ":8103", "--registry", "node-1.internal:8101", "--nats", "nats://10.0.0.5:4222"), ""},
		{args(dir, "planning")[:2], "--tls-key is missing: give --tls-cert, --tls-key and --tls-ca, or none of them\n--tls-ca is missing"},
		{args(dir, "registry"), "is the certificate of registry, this process is planning"},
		{args(old, "planning"), "make new ones with `coso certs DIR --renew`"},
		{append(args(dir, "planning"), "--tls-key", filepath.Join(dir, "award.key")), "--tls-key: " + filepath.Join(dir, "award.key") + " is not the key of"},
		{[]string{"--nats", "nats://10.0.0.5:4222"}, "other machines are reached with --tls-cert, --tls-key and --tls-ca"},
		{append(args(dir, "planning"), "--ops", "10.0.0.5:8203"), `--ops: "10.0.0.5:8203": without sign-in only loopback`},
	} {
		_, err := execute(t, append(c.args, "--check-config", "--data", t.TempDir())...)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: says %v, want %s", c.args, err, c.want)
		}
	}
}

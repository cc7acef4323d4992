package certs_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"coso/services/platform/certs"
	"coso/services/platform/mtls"
)

func options(t *testing.T) certs.Options {
	t.Helper()
	return certs.Options{Dir: filepath.Join(t.TempDir(), "certs"), Days: 90, Now: time.Now(), Beside: map[string][]byte{"nats.conf": []byte("x")}}
}

func made(t *testing.T, o certs.Options) certs.Made {
	t.Helper()
	m, err := certs.Make(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func cert(t *testing.T, o certs.Options, name string) *x509.Certificate {
	t.Helper()
	raw, err := os.ReadFile(certs.FilesOf(o.Dir, name).Cert)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every process gets what it can prove itself with, for its owner's eyes alone.
func TestMake(t *testing.T) {
	o := options(t)
	o.Hosts = []string{"10.0.0.5", "node-1.internal"}
	got := made(t, o)
	if days := got.Ends.Sub(o.Now).Hours() / 24; days < 89 || days > 91 {
		t.Errorf("the certificates hold for %f days", days)
	}
	for _, name := range mtls.Names() {
		if err := certs.FilesOf(o.Dir, name).Check(name, o.Now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c := cert(t, o, name)
		for _, host := range []string{"localhost", "127.0.0.1", "::1", "10.0.0.5", "node-1.internal"} {
			if err := c.VerifyHostname(host); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if c.URIs[0].String() != "coso://services/"+name || c.IsCA || c.KeyUsage != x509.KeyUsageDigitalSignature {
			t.Errorf("%s: %v, CA %v, usage %v", name, c.URIs, c.IsCA, c.KeyUsage)
		}
		if len(c.ExtKeyUsage) != 2 {
			t.Errorf("%s is for %v", name, c.ExtKeyUsage)
		}
	}
	files, err := os.ReadDir(o.Dir)
	if err != nil || len(files) != 15 {
		t.Errorf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

// Nothing is written over; --force makes another CA, a renewal keeps it, and what it replaced holds on.
func TestMakeAgain(t *testing.T) {
	o := options(t)
	o.Hosts = []string{"node-1.internal"}
	made(t, o)
	before := content(t, o)
	if _, err := certs.Make(o); !errors.Is(err, certs.ErrThere) || !bytes.Equal(before["ca.key"], content(t, o)["ca.key"]) {
		t.Errorf("made again: %v", err)
	}
	old := cert(t, o, "registry")

	o.Hosts, o.Renew, o.Now = nil, true, o.Now.AddDate(0, 0, 76)
	made(t, o)
	after := content(t, o)
	for name := range before {
		same, leaf := bytes.Equal(before[name], after[name]), name != "ca.pem" && name != "ca.key" && name != "nats.conf"
		if same == leaf {
			t.Errorf("%s: the same %v", name, same)
		}
	}
	if err := cert(t, o, "registry").VerifyHostname("node-1.internal"); err != nil {
		t.Errorf("a renewal forgot a host: %v", err)
	}
	if err := certs.FilesOf(o.Dir, "registry").Check("registry", o.Now); err != nil {
		t.Error(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(after["ca.pem"])
	if _, err := old.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: o.Now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Errorf("what was renewed holds no longer: %v", err)
	}

	o.Now = o.Now.AddDate(11, 0, 0)
	if _, err := certs.Make(o); !errors.Is(err, certs.ErrEnded) {
		t.Errorf("the CA has ended: %v", err)
	}
	o.Renew, o.Force = false, true
	made(t, o)
	if bytes.Equal(before["ca.key"], content(t, o)["ca.key"]) {
		t.Error("--force kept the CA")
	}
}

func TestNothingToRenew(t *testing.T) {
	o := options(t)
	o.Renew = true
	if _, err := certs.Make(o); !errors.Is(err, certs.ErrNoCA) {
		t.Error(err)
	}
}

func content(t *testing.T, o certs.Options) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	files, err := filepath.Glob(filepath.Join(o.Dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if all[filepath.Base(f)], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

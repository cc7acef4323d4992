package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coso/services/platform/certs"
	"coso/services/platform/mtls"
)

// hostOf is the address of the machine on which a process of a fleet runs that is apart.
func hostOf(name string) string {
	return fmt.Sprintf("127.0.0.%d", 2+slices.Index(names(), name))
}

// apart makes a fleet whose processes stand on machines of their own, as far as one machine can show it: each answers the others
// at an address of its own, and has a data folder with its own certificate and nobody else's. Clients and operators stay where
// they are.
func apart(t *testing.T) *fleet {
	t.Helper()
	dir := t.TempDir()
	o := certs.Options{Dir: certs.Folder(dir)}
	for _, name := range names() {
		o.Hosts = append(o.Hosts, hostOf(name))
	}
	issue(t, o)
	f := newFleet(t, dir)
	moved := map[string]string{}
	for name, setting := range map[string]string{"registryd": "--grpc", "membershipd": "--grpc", "planningd": "--grpc", "awardd": "--grpc", "gatewayd": "--keys", "nats-server": "--port"} {
		old := argument(f.members[name], setting)
		_, port, found := strings.Cut(old, ":")
		if !found {
			old, port = net.JoinHostPort("127.0.0.1", old), old
		}
		moved[old] = net.JoinHostPort(hostOf(name), port)
	}
	for _, name := range names() {
		m := f.members[name]
		for old, at := range moved {
			for i := range m.args {
				m.args[i] = strings.Replace(m.args[i], old, at, 1)
			}
		}
		if name == "nats-server" {
			m.args, m.health = append(m.args, "--addr", hostOf(name)), strings.Replace(m.health, "127.0.0.1", hostOf(name), 1)
			continue
		}
		own := filepath.Join(dir, name)
		m.args[slices.Index(m.args, "--data")+1] = own
		place(t, certs.Folder(dir), certs.Folder(own), strings.TrimSuffix(name, "d"))
	}
	return f
}

// argument is what a process is told for a setting.
func argument(m *member, setting string) string { return m.args[slices.Index(m.args, setting)+1] }

// place copies the files of a process, and no others, into a folder.
func place(t *testing.T, from, to, process string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	source, target := certs.FilesOf(from, process), certs.FilesOf(to, process)
	for src, dst := range map[string]string{source.Cert: target.Cert, source.Key: target.Key, source.CA: target.CA} {
		raw, err := os.ReadFile(src)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dst, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// On machines of their own the services believe tokens by the keys that the gateway shows them by its certificate, from another
// machine; who stands at its address without that certificate is not believed, and they go on by themselves when it is back.
func TestEveryProcessOnAMachineOfItsOwn(t *testing.T) { // INV-DAEMON-KEYS
	f := apart(t)
	s := f.server
	f.up(names()...)
	f.ready(names()...)
	s.Admin(t) // whom every service knows by a token
	if a := s.call(t, "POST", "/v1/units?unitId=ha-noi", city); a.code != 200 {
		t.Fatalf("a unit: %d %s", a.code, a.raw)
	}
	f.until("membership hears of the unit and counts who is admitted", func() error {
		intake := `{"unit":"units/ha-noi","kind":"INTAKE_KIND_PARTY_MEMBER","admittedOn":"2020-05-05","memberCount":1}`
		if a := s.call(t, "POST", "/v1/intakes?requestId=r-1", intake); a.code != 200 {
			return fmt.Errorf("it answers %d %s", a.code, a.raw)
		}
		return nil
	})

	// Nobody is there.
	f.stop("gatewayd", "registryd")
	f.up("registryd")
	f.says("registryd", "The public keys of the issuer coso cannot be read", "connection refused")

	// Somebody else is, with a certificate of another CA.
	foreign := t.TempDir()
	issue(t, certs.Options{Dir: foreign, Hosts: []string{hostOf("gatewayd")}})
	gateway, files := f.members["gatewayd"], certs.FilesOf(foreign, mtls.Gateway)
	good := gateway.args
	gateway.args = append(slices.Clone(good), "--tls-cert", files.Cert, "--tls-key", files.Key, "--tls-ca", files.CA)
	f.up("gatewayd")
	f.says("registryd", "gateway shows a certificate that the CA in --tls-ca did not sign; all processes need files of one CA")
	f.kill("gatewayd")

	gateway.args = good
	f.up("gatewayd")
	f.ready(names()...)
	if a := s.call(t, "GET", "/v1/units/ha-noi", ""); a.code != 200 {
		t.Errorf("with the gateway back: %d %s", a.code, a.raw)
	}
	f.stop(names()...)
}

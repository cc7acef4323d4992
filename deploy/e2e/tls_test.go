package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coso/deploy/nats"
	"coso/services/platform/certs"
	"coso/services/platform/mtls"
)

// certified makes a fleet whose processes prove to each other who they are, by the certificates in a folder.
func certified(t testing.TB, data, dir string) *fleet {
	t.Helper()
	issue(t, certs.Options{Dir: dir})
	f := newFleet(t, data)
	for _, name := range []string{"registry", "membership", "planning", "award", mtls.Gateway} {
		m, files := f.members[name+"d"], certs.FilesOf(dir, name)
		m.args = append(m.args, "--tls-cert", files.Cert, "--tls-key", files.Key, "--tls-ca", files.CA)
	}
	bus := f.members["nats-server"]
	bus.args[slices.Index(bus.args, "-c")+1] = dir + "/nats.conf"
	return f
}

// issue makes certificates as coso certs does.
func issue(t testing.TB, o certs.Options) {
	t.Helper()
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if o.Days == 0 {
		o.Days = 90
	}
	o.Beside = map[string][]byte{"nats.conf": []byte(nats.Configuration(nats.Node{Listen: "127.0.0.1", Files: certs.FilesOf(o.Dir, mtls.NATS)}))}
	if _, err := certs.Make(o); err != nil {
		t.Fatal(err)
	}
}

// With certificates everywhere the figures are the published ones, new certificates are taken under load without a call
// that fails, and a process that comes back with them finds its place.
func TestTheFleetWithCertificates(t *testing.T) {
	certificates := t.TempDir()
	f := certified(t, t.TempDir(), certificates)
	f.up(names()...)
	f.ready(names()...)
	s := f.server
	set := read(t, dataSet)
	s.load(t, set)
	if err := set.Verify(t.Context(), s.client(t)); err != nil {
		t.Error(err)
	}

	c := s.client(t)
	stop, load := make(chan struct{}), sync.WaitGroup{}
	asked, failed := 0, []string{}
	load.Go(func() {
		pace := time.NewTicker(5 * time.Millisecond)
		defer pace.Stop()
		for {
			select {
			case <-stop:
				return
			case <-pace.C:
			}
			if err := c.Get(t.Context(), "/v1/units/ha-noi", nil, nil); err != nil {
				failed = append(failed, err.Error())
			}
			asked++
		}
	})
	issue(t, certs.Options{Dir: certificates, Days: 60, Renew: true})
	for _, name := range names()[1:] {
		f.until(name+" takes its new certificate", func() error {
			text, err := fetch(strings.Replace(f.members[name].whole, "/readyz", "/metrics", 1), 200)
			if err == nil && !between(text, "coso_tls_left_seconds", 59*86400, 61*86400) {
				err = fmt.Errorf("it says %s", text[max(strings.Index(text, "coso_tls"), 0):][:200])
			}
			return err
		})
	}
	f.kill("planningd")
	f.up("planningd")
	f.ready(names()...)
	close(stop)
	load.Wait()
	if asked == 0 || len(failed) > 0 {
		t.Errorf("%d of %d calls failed: %v", len(failed), asked, failed)
	}
	if err := set.Verify(t.Context(), s.client(t)); err != nil {
		t.Errorf("with new certificates and after a kill: %v", err)
	}
	f.stop(names()...)
}

// between reports whether a gauge among metrics is.
func between(metrics, name string, low, high float64) bool {
	for line := range strings.SplitSeq(metrics, "\n") {
		rest, found := strings.CutPrefix(line, name)
		if !found {
			continue
		}
		var value float64
		if _, err := fmt.Sscan(rest[strings.LastIndex(rest, " ")+1:], &value); err == nil && value > low && value < high {
			return true
		}
	}
	return false
}

// What a process shows decides who listens to it: another's certificate, one that has ended, none at all.
func TestProcessesWithWrongCertificates(t *testing.T) {
	certificates, foreign, old := t.TempDir(), t.TempDir(), t.TempDir()
	issue(t, certs.Options{Dir: foreign})
	issue(t, certs.Options{Dir: old, Now: time.Now().AddDate(0, 0, -100)})
	f := certified(t, t.TempDir(), certificates)
	f.up("nats-server", "registryd", "planningd", "gatewayd")
	f.says("planningd", "membership does not answer")

	// With another CA's certificate.
	gateway := f.members["gatewayd"]
	good := slices.Clone(gateway.args)
	for i, a := range gateway.args {
		gateway.args[i] = strings.Replace(a, certificates, foreign, 1)
	}
	f.kill("gatewayd")
	f.up("gatewayd")
	f.says("gatewayd", "registry shows a certificate that the CA in --tls-ca did not sign; all processes need files of one CA")
	f.kill("gatewayd")
	gateway.args = good

	// As another process, and with what has ended: it does not start.
	membership := f.members["membershipd"]
	for want, wrong := range map[string][2]string{
		"is the certificate of registry, this process is membership; give it its own": {"/membership.", "/registry."},
		"make new ones with `coso certs DIR --renew`":                                 {certificates, old},
	} {
		args := slices.Clone(membership.args)
		for i, a := range args {
			args[i] = strings.Replace(a, wrong[0], wrong[1], 1)
		}
		kept := membership.args
		membership.args = args
		m := f.launch("membershipd")
		<-m.ended
		if m.err == nil || !strings.Contains(m.log.String(), want) {
			t.Errorf("says %v: %s, want %s", m.err, m.log, want)
		}
		membership.args = kept
	}

	// New files that are no good change nothing but what is said.
	if err := os.WriteFile(certs.FilesOf(certificates, "registry").Cert, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.says("registryd", "the new certificate is no good, the old one is used until", "holds no certificate (PEM)")
	f.up("membershipd", "awardd", "gatewayd")
	f.ready("membershipd", "awardd", "gatewayd")
	f.stop(names()...)
}

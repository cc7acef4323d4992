package daemon

import (
	"crypto/tls"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"coso/services/platform/certs"
	"coso/services/platform/mtls"
)

// A connection to NATS that cannot be says what to do, and is tried on.
func TestWhyNATSIsAway(t *testing.T) {
	own, foreign := t.TempDir(), t.TempDir()
	for _, dir := range []string{own, foreign} {
		if _, err := certs.Make(certs.Options{Dir: dir, Days: 1, Now: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	as := func(dir, name string) *mtls.Identity {
		id, err := mtls.Open(mtls.Options{Name: name, Files: certs.FilesOf(dir, name)})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	for _, c := range []struct {
		name       string
		nats, self *mtls.Identity
		want       string
	}{
		{"TLS to clear text", nil, as(own, "registry"), "NATS speaks clear text there; start it with the nats.conf that coso certs makes"},
		{"another CA", as(foreign, "nats"), as(own, "registry"), "all processes need files of one CA"},
		{"another process in its place", as(own, "award"), as(own, "registry"), "award answers at the address of nats"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true}
			if c.nats != nil {
				cert, err1 := c.nats.Certificate()
				roots, err2 := c.nats.Roots()
				if err1 != nil || err2 != nil {
					t.Fatal(err1, err2)
				}
				o.TLS, o.TLSTimeout = true, 5
				o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert}
			}
			s, err := server.NewServer(o)
			if err != nil {
				t.Fatal(err)
			}
			s.Start()
			defer func() { s.Shutdown(); s.WaitForShutdown() }()
			if !s.ReadyForConnections(10 * time.Second) {
				t.Fatal("the nats-server does not start")
			}
			at := "nats://" + s.Addr().String()
			b, _, err := connect(at, "registry", c.self, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			deadline := time.After(10 * time.Second)
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for err := b.away(); err == nil || !strings.Contains(err.Error(), c.want); err = b.away() {
				select {
				case <-tick.C:
				case <-deadline:
					t.Fatalf("says %v, want %s", err, c.want)
				}
			}
		})
	}
}

package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coso/deploy/internal/single"
	"coso/deploy/internal/single/singletest"
	"coso/services/platform/fault"
	"coso/services/platform/streamlog"

	"github.com/nats-io/nats-server/v2/server"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// bus is a nats-server as coso certs configures it, beside the data folder of a coso.
type bus struct {
	t           *testing.T
	conf, store string
	port        int
	running     *server.Server
}

func newBus(t *testing.T, data string) *bus {
	t.Helper()
	dir := filepath.Join(data, "certs")
	if _, _, err := run(t, "certs", dir, "--lang", "en"); err != nil {
		t.Fatal(err)
	}
	b := &bus{t: t, conf: filepath.Join(dir, natsConf), store: t.TempDir(), port: server.RANDOM_PORT}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *bus) start() {
	b.t.Helper()
	o, err := server.ProcessConfigFile(b.conf)
	if err != nil {
		b.t.Fatal(err)
	}
	o.Host, o.Port, o.StoreDir, o.NoSigs, o.NoLog = "127.0.0.1", b.port, b.store, true, true
	if b.running, err = server.NewServer(o); err != nil {
		b.t.Fatal(err)
	}
	b.running.Start()
	addr, ok := b.running.Addr().(*net.TCPAddr)
	if !b.running.ReadyForConnections(10*time.Second) || !ok {
		b.t.Fatal("the nats-server does not start")
	}
	b.port = addr.Port
}

func (b *bus) stop() {
	if b.running != nil {
		b.running.Shutdown()
		b.running.WaitForShutdown()
		b.running = nil
	}
}

func (b *bus) addr() string { return fmt.Sprintf("nats://127.0.0.1:%d", b.port) }

// replicate calls coso replicate for the registry of a data folder, on one server.
func (b *bus) replicate(dir string, flags ...string) (said string, err error) {
	b.t.Helper()
	out, _, err := run(b.t, append([]string{"replicate", "registry", "--data", dir, "--nats", b.addr(), "--servers", "1"}, flags...)...)
	return out, err
}

// wants says whether a refusal says what it should.
func wants(t *testing.T, what string, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: it is done", what)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: it says %q, not %q", what, err, part)
		}
	}
}

// The registry of a coso goes on NATS, where coso up does not start on it, and comes back: what it held is there, and all goes on.
func TestReplicateAndBack(t *testing.T) {
	dir := t.TempDir()
	base, stop := serve(t, dir)
	loadDemo(t, base)
	b := newBus(t, dir)
	_, err := b.replicate(dir)
	wants(t, "while it runs", err, "in use; stop registryd")
	stop()

	said, err := b.replicate(dir, "--quota", "100MiB")
	if err != nil || !strings.Contains(said, "entries are in the log COSO_LOG_REGISTRY, compared one by one") || !strings.Contains(said, "--log nats --replica NAME") {
		t.Fatalf("%v: %s", err, said)
	}
	o := single.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)}
	o.Front.HTTP = "127.0.0.1:0"
	err = single.Run(t.Context(), o, func(string) { t.Error("coso up serves it") })
	if fault.ReasonOf(err) != faultpb.Reason_REASON_JOURNAL_SHARED {
		t.Errorf("coso up starts on it: %v", err)
	}
	_, err = b.replicate(dir)
	wants(t, "twice", err, "already; start registryd with --log nats", "--rebuild")
	_, err = b.replicate(dir, "--delete-log")
	wants(t, "a log that is needed", err, "is not deleted", "--back")

	said, err = b.replicate(dir, "--back")
	if err != nil || !strings.Contains(said, "has a log of its own again") || !strings.Contains(said, "--delete-log") {
		t.Fatalf("%v: %s", err, said)
	}
	_, err = b.replicate(dir, "--back")
	wants(t, "back twice", err, "is in no log on NATS")
	_, err = b.replicate(dir)
	wants(t, "into the old log", err, "has left behind", "--delete-log")
	base, stop = serve(t, dir)
	c := singletest.At(base).Client(t)
	if err := c.Get(t.Context(), "/v1/enterprises/minh-hoa-001-ba-dinh", url.Values{}, &registrypb.Enterprise{}); err != nil {
		t.Error(err)
	}
	foundOne(t, c, "after-going-back")
	stop()
	if out, _, err := run(t, "verify", "--lang", "en", "--data", dir); err != nil || strings.Count(out, "OK\n") < 5 {
		t.Errorf("verify says %v:\n%s", err, out)
	}

	_, err = b.replicate(dir, "--delete-log")
	wants(t, "without the permission", err, `add "$JS.API.STREAM.DELETE.COSO_LOG_REGISTRY"`, "--signal reload")
	b.allow(`"$JS.API.STREAM.DELETE.COSO_LOG_REGISTRY"`)
	if said, err = b.replicate(dir, "--delete-log"); err != nil || !strings.Contains(said, "was deleted") {
		t.Errorf("%v: %s", err, said)
	}
	if said, err = b.replicate(dir); err != nil {
		t.Errorf("%v: %s", err, said)
	}
}

// allow lets the registry publish on one subject more, and has the server take it.
func (b *bus) allow(subject string) {
	b.t.Helper()
	raw, err := os.ReadFile(b.conf)
	if err != nil {
		b.t.Fatal(err)
	}
	const first = `"coso.registry.>"`
	if !strings.Contains(string(raw), first) {
		b.t.Fatalf("%s does not say what the registry may publish", b.conf)
	}
	if err := os.WriteFile(b.conf, []byte(strings.Replace(string(raw), first, first+"\n"+subject, 1)), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.stop()
	b.start()
}

// A log that is lost is made anew from a replica's journal, by whoever has looked that no other one has more of it.
func TestReplicateRebuild(t *testing.T) {
	dir := t.TempDir()
	_, stop := serve(t, dir)
	stop()
	b := newBus(t, dir)
	_, err := b.replicate(dir, "--rebuild", "--accept")
	wants(t, "a log of its own", err, "is in no log on NATS")
	if said, err := b.replicate(dir); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	b.stop()
	b.store = t.TempDir() // the disk is lost
	b.start()
	_, err = b.replicate(dir, "--back")
	wants(t, "back from a log that is gone", err, "there is no log "+streamlog.StreamName("registry"), "--rebuild")
	said, err := b.replicate(dir, "--rebuild")
	wants(t, "without --accept", err, "nothing was changed", "--rebuild --accept")
	if !strings.Contains(said, "this replica has the journal up to position") {
		t.Errorf("it says %s", said)
	}
	said, err = b.replicate(dir, "--rebuild", "--accept")
	if err != nil || !strings.Contains(said, "move their registry.db away") {
		t.Fatalf("%v: %s", err, said)
	}
	_, err = b.replicate(dir, "--rebuild", "--accept")
	wants(t, "a log that is there", err, "nothing is to be rebuilt")
}

// What cannot be is refused before anything is done.
func TestReplicateRefusals(t *testing.T) {
	dir := t.TempDir()
	_, stop := serve(t, dir)
	stop()
	b := newBus(t, dir)
	for what, c := range map[string]struct {
		flags []string
		want  string
	}{
		"three servers":     {[]string{"--servers", "3"}, "say with --servers 1"},
		"two servers":       {[]string{"--servers", "2"}, "1, 3 or 5"},
		"accepted for none": {[]string{"--accept"}, "goes with --rebuild or --delete-log"},
		"no certificates":   {[]string{"--tls-cert", filepath.Join(dir, "certs", "award.pem"), "--tls-key", filepath.Join(dir, "certs", "award.key"), "--tls-ca", filepath.Join(dir, "certs", "ca.pem")}, "award"},
		"no data":           {[]string{"--data", t.TempDir()}, "there are no data of registry"},
		"both ways":         {[]string{"--back", "--rebuild"}, "--back and --rebuild can't be used together"},
		"no log to delete":  {[]string{"--delete-log"}, "nothing is to be deleted"},
		"a foreign address": {[]string{"--nats", "http://127.0.0.1"}, "is no address of NATS"},
	} {
		_, err := b.replicate(dir, c.flags...)
		wants(t, what, err, c.want)
	}
	_, stop = serve(t, dir)
	stop()
}

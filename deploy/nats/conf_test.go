package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"coso/gateway/identity"
	"coso/services/platform/access"
	"coso/services/platform/certs"
	"coso/services/platform/feed"
	"coso/services/platform/mtls"
	"coso/services/platform/store"

	awardpb "coso/proto/gen/coso/award/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// eventOf is an event that a service announces.
func eventOf(service string) proto.Message {
	return map[string]proto.Message{
		"registry": &registrypb.UnitCreated{}, "membership": &membershippb.IntakeReported{},
		"planning": &planningpb.TargetExceeded{}, "award": &awardpb.NominationOpened{}, identity.Name: &identitypb.AccountCreated{},
	}[service]
}

// guarded is a nats-server as coso certs configures it.
type guarded struct {
	t         *testing.T
	dir, addr string
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{t: t, dir: t.TempDir()}
	conf := filepath.Join(g.dir, "nats.conf")
	if _, err := certs.Make(certs.Options{Dir: g.dir, Days: 1, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(conf, []byte(Configuration(Node{Listen: "127.0.0.1", Files: certs.FilesOf(g.dir, mtls.NATS)})), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	o.Port, o.StoreDir, o.NoSigs, o.NoLog = server.RANDOM_PORT, filepath.Join(g.dir, "streams"), true, true
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(startLimit) {
		t.Fatal("the nats-server does not start")
	}
	g.addr = s.ClientURL()
	return g
}

// as connects with the certificate of a process; what NATS refuses it is told to complaints.
func (g *guarded) as(name string, complaints chan error) (*nats.Conn, jetstream.JetStream) {
	g.t.Helper()
	conn, err := g.connect(certs.FilesOf(g.dir, name), name, complaints)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		g.t.Fatal(err)
	}
	return conn, js
}

func (g *guarded) connect(files mtls.Files, name string, complaints chan error) (*nats.Conn, error) {
	id, err := mtls.Open(mtls.Options{Name: name, Files: files})
	if err != nil {
		g.t.Fatal(err)
	}
	return nats.Connect(g.addr, nats.Secure(id.Calling(mtls.NATS)), nats.ClientTLSConfig(id.Certificate, id.Roots),
		nats.CustomInboxPrefix(Inbox(name)), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if complaints != nil {
				complaints <- err
			}
		}))
}

// Each service announces and follows with its own credentials and the real relay and followers, which need no more.
func TestEachServiceWorksWithItsCredentials(t *testing.T) {
	g := newGuarded(t)
	complaints := make(chan error, 100)
	for _, process := range []string{"registry", "membership", "planning", "award", mtls.Gateway} {
		service := process
		if process == mtls.Gateway {
			service = identity.Name
		}
		_, js := g.as(process, complaints)
		s, err := store.Open(store.Options{Dir: t.TempDir(), Service: service, Schema: store.NewSchema(), Sources: mtls.Hears(process), MapSize: 16 << 20})
		if err != nil {
			t.Fatal(err)
		}
		o := feed.Options{Store: s, Logger: slog.New(slog.DiscardHandler)}
		for _, source := range mtls.Hears(process) {
			o.Followers = append(o.Followers, feed.Follower{Source: source})
		}
		f := feed.New(o)
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		done := make(chan struct{})
		go func() { f.Run(ctx, js, nil); close(done) }()
		t.Cleanup(func() {
			cancel()
			<-done
			f.Close()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		_, err = store.Update(access.With(t.Context(), access.Service(service)), s, nil, func(tx *store.Tx) (*emptypb.Empty, error) {
			return &emptypb.Empty{}, tx.Emit(eventOf(service), "units/x")
		})
		if err != nil {
			t.Fatal(err)
		}
		within(t, complaints, process+" announces and hears "+fmt.Sprint(mtls.Hears(process)), func() bool {
			status, err := f.GetFeedStatus(t.Context(), nil)
			if err != nil || status.GetRelay().GetPublishedSequence() != 1 {
				return false
			}
			for _, heard := range status.GetFollowers() {
				if heard.GetSequence() != 1 {
					return false
				}
			}
			return true
		})
	}
}

// What is not a service's own is closed to it.
func TestCredentialsAllowNothingElse(t *testing.T) {
	g := newGuarded(t)
	_, registry := g.as("registry", nil)
	stream, err := registry.CreateStream(t.Context(), jetstream.StreamConfig{Name: "COSO_REGISTRY", Subjects: []string{"coso.registry.>"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Publish(t.Context(), "coso.registry.unit.created", []byte("x")); err != nil {
		t.Fatal(err)
	}
	complaints := make(chan error, 100)
	conn, planning := g.as("planning", complaints)
	ask := func(subject string) func() error {
		return func() error { return conn.Publish(subject, nil) }
	}
	for what, try := range map[string]func() error{
		"announce for another":              ask("coso.registry.unit.created"),
		"announce below no service":         ask("coso.unit.created"),
		"delete another's stream":           ask("$JS.API.STREAM.DELETE.COSO_REGISTRY"),
		"purge another's stream":            ask("$JS.API.STREAM.PURGE.COSO_REGISTRY"),
		"change another's stream":           ask("$JS.API.STREAM.UPDATE.COSO_REGISTRY"),
		"make another's stream":             ask("$JS.API.STREAM.CREATE.COSO_AWARD"),
		"make a stream that nobody has":     ask("$JS.API.STREAM.CREATE.PLANNING"),
		"delete a message":                  ask("$JS.API.STREAM.MSG.DELETE.COSO_REGISTRY"),
		"change its own stream":             ask("$JS.API.STREAM.UPDATE.COSO_PLANNING"),
		"consume its own stream":            ask("$JS.API.CONSUMER.CREATE.COSO_PLANNING.x"),
		"consume what it does not follow":   ask("$JS.API.CONSUMER.CREATE.COSO_AWARD.x"),
		"delete a consumer":                 ask("$JS.API.CONSUMER.DELETE.COSO_REGISTRY.x"),
		"make a durable consumer":           ask("$JS.API.CONSUMER.DURABLE.CREATE.COSO_REGISTRY.x"),
		"list streams":                      ask("$JS.API.STREAM.NAMES"),
		"answer for another":                ask("_INBOX.registry.x"),
		"listen to events behind JetStream": func() error { _, err := conn.SubscribeSync("coso.registry.>"); return err },
		"listen to another's answers":       func() error { _, err := conn.SubscribeSync("_INBOX.registry.>"); return err },
		"listen to everything":              func() error { _, err := conn.SubscribeSync(">"); return err },
	} {
		if err := try(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		select {
		case err := <-complaints:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(startLimit):
			t.Errorf("planning may %s", what)
		}
	}
	if _, err := planning.Stream(t.Context(), "COSO_REGISTRY"); err != nil {
		t.Errorf("planning cannot find what it follows: %v", err)
	}
	if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs != 1 {
		t.Errorf("the stream is another: %v, %v", info, err)
	}
}

// Only services of this coso are let in.
func TestStrangersAreRefused(t *testing.T) {
	g := newGuarded(t)
	foreign := t.TempDir()
	if _, err := certs.Make(certs.Options{Dir: foreign, Days: 1, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	theirs := certs.FilesOf(foreign, "registry")
	for what, c := range map[string]struct {
		connect func() (*nats.Conn, error)
		want    string
	}{
		"a certificate of another CA": {func() (*nats.Conn, error) { return g.connect(theirs, "registry", nil) }, "all processes need files of one CA"},
		"no certificate":              {func() (*nats.Conn, error) { return nats.Connect(g.addr, nats.RootCAs(certs.FilesOf(g.dir, "nats").CA)) }, "tls"},
	} {
		conn, err := c.connect()
		if err == nil {
			conn.Close()
		}
		if err = mtls.Explain(mtls.NATS, err); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: says %v, want %s", what, err, c.want)
		}
	}
}

func within(t *testing.T, complaints <-chan error, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(startLimit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case err := <-complaints:
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %s", startLimit, what)
		}
	}
}

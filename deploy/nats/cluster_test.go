package nats

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/certs"
	"coso/services/platform/mtls"
	"coso/services/platform/replica"
	"coso/services/platform/streamlog"
)

// newGuardedCluster starts three servers as coso certs configures them, on ports that are free.
func newGuardedCluster(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{t: t, dir: t.TempDir()}
	if _, err := certs.Make(certs.Options{Dir: g.dir, Days: 1, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	var options []*server.Options
	var routes []*url.URL
	for i := range 3 {
		name := fmt.Sprintf("n%d", i+1)
		conf := filepath.Join(g.dir, name+".conf")
		text := Configuration(Node{Name: name, At: "127.0.0.1", Listen: "127.0.0.1", Files: certs.FilesOf(g.dir, mtls.NATS)}, "127.0.0.1")
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		o, err := server.ProcessConfigFile(conf)
		if err != nil {
			t.Fatal(err)
		}
		lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at, ok := lis.Addr().(*net.TCPAddr)
		if err := lis.Close(); err != nil || !ok {
			t.Fatal(err)
		}
		o.Port, o.StoreDir, o.NoSigs, o.NoLog = server.RANDOM_PORT, filepath.Join(g.dir, name), true, true
		o.Cluster.Port = at.Port
		routes = append(routes, &url.URL{Scheme: "nats", Host: at.String()})
		options = append(options, o)
	}
	for _, o := range options {
		o.Routes = routes
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(startLimit) {
			t.Fatal("a nats-server does not start")
		}
		g.addr = s.ClientURL()
	}
	return g
}

// A service keeps its log and its lease on a cluster with its own credentials, sees by them that all servers sync, and may neither
// delete nor change what the log holds, nor touch another's.
func TestLogAndLeaseOnACluster(t *testing.T) {
	g := newGuardedCluster(t)
	complaints := make(chan error, 100)
	conn, js := g.as("registry", complaints)
	ctx := t.Context()
	var log *streamlog.Log
	within(t, complaints, "the cluster takes a log", func() (made bool) {
		l, err := streamlog.Make(ctx, streamlog.Options{JetStream: js, System: conn, Service: "registry"}, uuid.Must(uuid.NewV7()), streamlog.Shape{Replicas: 3})
		log = l
		return err == nil
	})
	within(t, complaints, "all servers are seen to sync", func() bool { log.Look(ctx); return log.Lazy() == nil })
	if err := log.Append(ctx, 1, []byte("an entry")); err != nil {
		t.Fatal(err)
	}
	for there, err := range log.Tail(ctx, 1) {
		if err != nil || string(there.Entry) != "an entry" {
			t.Fatalf("tails %q, %v", there.Entry, err)
		}
		break
	}
	if there, err := log.Read(ctx, 1); err != nil || string(there.Entry) != "an entry" {
		t.Fatalf("reads %q, %v", there.Entry, err)
	}
	held := make(chan struct{})
	holding, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		replica.Lease{JetStream: js, Service: "registry", Replica: "r1", Copies: 3}.Hold(holding, func(ctx context.Context) { close(held); <-ctx.Done() })
	}()
	within(t, complaints, "a replica holds the lease", func() bool {
		select {
		case <-held:
			return true
		default:
			return false
		}
	})
	stop()
	<-done
	for _, subject := range []string{
		"$JS.API.STREAM.DELETE.COSO_LOG_REGISTRY", "$JS.API.STREAM.PURGE.COSO_LOG_REGISTRY", "$JS.API.STREAM.UPDATE.COSO_LOG_REGISTRY",
		"$JS.API.STREAM.MSG.DELETE.COSO_LOG_REGISTRY", "coso-log.planning", "$JS.API.STREAM.CREATE.COSO_LOG_PLANNING",
		"$KV.COSO_LEASE_PLANNING.holder", "$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.SERVER.x.RELOAD",
	} {
		if err := conn.Publish(subject, nil); err != nil {
			t.Error(err)
		}
		select {
		case err := <-complaints:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: %v", subject, err)
			}
		case <-time.After(startLimit):
			t.Errorf("registry may use %s", subject)
		}
	}
	if _, err := js.Stream(ctx, streamlog.StreamName("registry")); err != nil || errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Error(err)
	}
}

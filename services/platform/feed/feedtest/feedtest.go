// Package feedtest runs a real nats-server with JetStream inside a test. It listens on no port, keeps its files in the
// test's own folder and syncs every write, as coso does in service. It can be stopped and started again: connections
// come back on their own, as they do in service. It says nothing about clusters.
package feedtest

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

const (
	ready     = 10 * time.Second
	maxMemory = 64 << 20
	maxStore  = 1 << 30
)

// Server is a nats-server of a test. Its methods are safe for concurrent use; failures end the test, so they are called
// from the test's own goroutine.
type Server struct {
	t   testing.TB
	dir string

	mu      sync.Mutex
	running *server.Server
}

// NATS starts a server that is stopped when the test ends. Its files are in a folder of the test's.
func NATS(t testing.TB) *Server {
	t.Helper()
	return In(t, folder(t))
}

// In is NATS with its files in a folder of the caller's, which the caller removes after the test.
func In(t testing.TB, dir string) *Server {
	t.Helper()
	s := &Server{t: t, dir: filepath.Join(dir, "nats")}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// folder is a temporary folder that is removed when the test ends. A server that was stopped may still write a file of a
// stream for a moment (Leaks), at which testing.T.TempDir fails the test; this one tries on.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "coso-nats-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		deadline := time.After(ready)
		for {
			err := os.RemoveAll(dir)
			if err == nil {
				return
			}
			select {
			case <-tick.C:
			case <-deadline:
				t.Errorf("remove the server's files: %v", err)
				return
			}
		}
	})
	return dir
}

// Dir is the folder that holds the server's files. They may be copied or replaced while the server is stopped.
func (s *Server) Dir() string { return s.dir }

// Start starts the server with the files it has; no effect on one that runs.
func (s *Server) Start() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: "feedtest", DontListen: true, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: s.dir, SyncAlways: true,
		JetStreamMaxMemory: maxMemory, JetStreamMaxStore: maxStore,
	})
	if err != nil {
		s.t.Fatalf("make the nats-server: %v", err)
	}
	srv.Start()
	if !srv.ReadyForConnections(ready) {
		srv.Shutdown()
		s.t.Fatal("the nats-server does not start")
	}
	s.running = srv
}

// Leaks are the goroutines that a nats-server which is stopped while it makes or reads a stream leaves behind, and the one
// with which nats.go watches a connection for reconnects, which ends some time after the connection; a test that runs a
// server passes them to goleak.
func Leaks() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"),
	}
}

// Stop stops the server and waits until it has stopped; no effect on one that does not run.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return
	}
	s.running.Shutdown()
	s.running.WaitForShutdown()
	s.running = nil
}

// Restart stops the server and starts it again.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.Start()
}

// Conn opens a connection that is closed when the test ends. It comes back by itself when the server was stopped and
// started, and it can be opened while the server is stopped.
func (s *Server) Conn() *nats.Conn {
	s.t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(dialer{s}), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(5*time.Millisecond), nats.ReconnectJitter(5*time.Millisecond, 5*time.Millisecond))
	if err != nil {
		s.t.Fatalf("connect to the nats-server: %v", err)
	}
	s.t.Cleanup(nc.Close)
	return nc
}

// JetStream opens a connection like Conn and answers its JetStream side.
func (s *Server) JetStream() jetstream.JetStream {
	s.t.Helper()
	js, err := jetstream.New(s.Conn())
	if err != nil {
		s.t.Fatalf("JetStream: %v", err)
	}
	return js
}

var errStopped = errors.New("the nats-server is stopped")

// dialer connects to the server that runs now.
type dialer struct{ s *Server }

// InProcessConn implements nats.InProcessConnProvider.
func (d dialer) InProcessConn() (net.Conn, error) {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	if d.s.running == nil {
		return nil, errStopped
	}
	return d.s.running.InProcessConn()
}

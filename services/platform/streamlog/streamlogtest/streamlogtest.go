// Package streamlogtest runs nats-servers with JetStream inside a test, one or a cluster, that listen on loopback, sync every
// write and can be stopped and started one by one. It guarantees that they are stopped, and their files removed, when the test
// ends; it leaves to others what the logs on them hold.
package streamlogtest

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/streamlog"
)

// Ready is how long whatever a test waits for may take.
const Ready = 30 * time.Second

// The users of the servers, each with its name as password.
const (
	// User may use JetStream.
	User = "coso"
	// System sees how the servers run.
	System = "system"
)

// Cluster are the servers of a test. Its methods fail the test, so they are called from its own goroutine.
type Cluster struct {
	// Options are those of each server; they count when it is started next.
	Options []*server.Options

	t       testing.TB
	running []*server.Server
}

// New starts servers; change, if not nil, says what is otherwise.
func New(t testing.TB, size int, change func(i int, o *server.Options)) *Cluster {
	t.Helper()
	c := &Cluster{t: t, running: make([]*server.Server, size)}
	var folders []string
	for range size { // before what stops the servers: the last said to be done in the end is done first
		folders = append(folders, folder(t))
	}
	t.Cleanup(func() {
		for i := range c.running {
			c.Stop(i)
		}
	})
	var routes []*url.URL
	for range size {
		routes = append(routes, &url.URL{Scheme: "nats", Host: freeAddress(t)})
	}
	for i := range size {
		system := server.NewAccount(server.DEFAULT_SYSTEM_ACCOUNT)
		o := &server.Options{
			ServerName: fmt.Sprintf("n%d", i+1), Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true,
			JetStream: true, StoreDir: folders[i], SyncAlways: true, JetStreamMaxMemory: 16 << 20, JetStreamMaxStore: 256 << 20,
			Accounts: []*server.Account{system}, SystemAccount: server.DEFAULT_SYSTEM_ACCOUNT,
			Users: []*server.User{{Username: User, Password: User}, {Username: System, Password: System, Account: system}},
		}
		if size > 1 {
			port, err := strconv.Atoi(routes[i].Port())
			if err != nil {
				t.Fatal(err)
			}
			o.Cluster, o.Routes = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port}, routes
		}
		if change != nil {
			change(i, o)
		}
		c.Options = append(c.Options, o)
		c.Start(i)
	}
	return c
}

// folder is a temporary folder that is removed when the test ends. A server that was stopped may still write a file of a stream for
// a moment, at which testing.T.TempDir fails the test; this one tries on.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "coso-nats-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		deadline := time.After(Ready)
		for {
			err := os.RemoveAll(dir)
			if err == nil {
				return
			}
			select {
			case <-tick.C:
			case <-deadline:
				t.Errorf("remove a server's files: %v", err)
				return
			}
		}
	})
	return dir
}

// freeAddress is one on loopback that nobody has; servers of a cluster must know those of the others before they start.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	return l.Addr().String()
}

// Start starts a server with the files and, from the second time on, the ports that it has.
func (c *Cluster) Start(i int) {
	c.t.Helper()
	s, err := server.NewServer(c.Options[i].Clone())
	if err != nil {
		c.t.Fatal(err)
	}
	s.Start()
	c.running[i] = s
	if !s.ReadyForConnections(Ready) {
		c.t.Fatalf("server %d does not start", i+1)
	}
	addr, ok := s.Addr().(*net.TCPAddr)
	if !ok {
		c.t.Fatalf("server %d listens on %v", i+1, s.Addr())
	}
	c.Options[i].Port = addr.Port
}

// Stop stops a server; no effect on one that does not run.
func (c *Cluster) Stop(i int) {
	if s := c.running[i]; s != nil {
		s.Shutdown()
		s.WaitForShutdown()
		c.running[i] = nil
	}
}

// Addresses are where the servers answer, as a client takes them.
func (c *Cluster) Addresses() string {
	var urls []string
	for _, o := range c.Options {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", o.Port))
	}
	return strings.Join(urls, ",")
}

// Conn connects a user to whichever server runs.
func (c *Cluster) Conn(user string) *nats.Conn {
	c.t.Helper()
	nc, err := nats.Connect(c.Addresses(), nats.UserInfo(user, user), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond),
		nats.ReconnectJitter(5*time.Millisecond, 5*time.Millisecond))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(nc.Close)
	return nc
}

// JetStream connects to whichever server runs.
func (c *Cluster) JetStream() jetstream.JetStream {
	c.t.Helper()
	js, err := jetstream.New(c.Conn(User))
	if err != nil {
		c.t.Fatal(err)
	}
	return js
}

// Log are the options of a service's log on the servers, which it can ask how they run.
func (c *Cluster) Log(service string) streamlog.Options {
	c.t.Helper()
	return streamlog.Options{JetStream: c.JetStream(), System: c.Conn(System), Service: service, Logger: slog.New(slog.DiscardHandler)}
}

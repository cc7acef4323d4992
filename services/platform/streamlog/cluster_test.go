package streamlog_test

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"coso/services/platform/feed/feedtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, feedtest.Leaks()...) }

const ready = 30 * time.Second

// cluster are nats-servers with JetStream on loopback, one or several, that can be stopped and started one by one.
type cluster struct {
	t       testing.TB
	options []*server.Options
	running []*server.Server
}

// newCluster starts servers that sync every write; change says what is otherwise.
func newCluster(t testing.TB, size int, change func(i int, o *server.Options)) *cluster {
	t.Helper()
	c := &cluster{t: t, running: make([]*server.Server, size)}
	t.Cleanup(func() {
		for i := range c.running {
			c.stop(i)
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
			JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, JetStreamMaxMemory: 16 << 20, JetStreamMaxStore: 256 << 20,
			Accounts: []*server.Account{system}, SystemAccount: server.DEFAULT_SYSTEM_ACCOUNT,
			Users: []*server.User{{Username: "coso", Password: "coso"}, {Username: "system", Password: "system", Account: system}},
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
		c.options = append(c.options, o)
		c.start(i)
	}
	return c
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

// start starts a server with the files and, from the second time on, the ports that it has.
func (c *cluster) start(i int) {
	c.t.Helper()
	s, err := server.NewServer(c.options[i].Clone())
	if err != nil {
		c.t.Fatal(err)
	}
	s.Start()
	c.running[i] = s
	if !s.ReadyForConnections(ready) {
		c.t.Fatalf("server %d does not start", i+1)
	}
	addr, ok := s.Addr().(*net.TCPAddr)
	if !ok {
		c.t.Fatalf("server %d listens on %v", i+1, s.Addr())
	}
	c.options[i].Port = addr.Port
}

func (c *cluster) stop(i int) {
	if s := c.running[i]; s != nil {
		s.Shutdown()
		s.WaitForShutdown()
		c.running[i] = nil
	}
}

// conn connects to whichever server runs.
func (c *cluster) conn(user string) *nats.Conn {
	c.t.Helper()
	var urls string
	for i := range c.options {
		urls += fmt.Sprintf("nats://127.0.0.1:%d,", c.options[i].Port)
	}
	nc, err := nats.Connect(urls[:len(urls)-1], nats.UserInfo(user, user), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond),
		nats.ReconnectJitter(5*time.Millisecond, 5*time.Millisecond))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(nc.Close)
	return nc
}

func (c *cluster) js() jetstream.JetStream {
	c.t.Helper()
	js, err := jetstream.New(c.conn("coso"))
	if err != nil {
		c.t.Fatal(err)
	}
	return js
}

package streamlog_test

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"coso/services/platform/feed/feedtest"
	"coso/services/platform/streamlog/streamlogtest"
)

func TestMain(m *testing.M) {
	if promoteUntilKilled() {
		return
	}
	goleak.VerifyTestMain(m, feedtest.Leaks()...)
}

const ready = streamlogtest.Ready

// cluster are the servers of a test.
type cluster struct {
	t       testing.TB
	options []*server.Options
	servers *streamlogtest.Cluster
}

// newCluster starts servers that sync every write; change says what is otherwise.
func newCluster(t testing.TB, size int, change func(i int, o *server.Options)) *cluster {
	t.Helper()
	c := streamlogtest.New(t, size, change)
	return &cluster{t: t, servers: c, options: c.Options}
}

func (c *cluster) start(i int) { c.t.Helper(); c.servers.Start(i) }

func (c *cluster) stop(i int) { c.servers.Stop(i) }

func (c *cluster) conn(user string) *nats.Conn { c.t.Helper(); return c.servers.Conn(user) }

func (c *cluster) js() jetstream.JetStream { c.t.Helper(); return c.servers.JetStream() }

// Package rpctest puts servers of a test on the network as processes are there: with certificates, of a CA that is the
// test's own.
package rpctest

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"

	"coso/services/platform/certs"
	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
)

// patience is how long a server may take to stop.
const patience = 10 * time.Second

// Network are certificates of all processes. Failures end the test, so its methods are called from the test's own goroutine.
type Network struct {
	t   testing.TB
	dir string
}

// NewNetwork makes certificates that hold for a day.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	n := &Network{t, t.TempDir()}
	if _, err := certs.Make(certs.Options{Dir: n.dir, Days: 1, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return n
}

// As is who the process of a name is to the others.
func (n *Network) As(name string) *mtls.Identity {
	n.t.Helper()
	id, err := mtls.Open(mtls.Options{Name: name, Files: certs.FilesOf(n.dir, name), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		n.t.Fatal(err)
	}
	return id
}

// Serve lets a server that is this network's (rpc.Options.TLS) answer on a free port until the test ends, and answers its
// address. Whoever stops it before does no harm.
func (n *Network) Serve(s *rpc.Server) (addr string) {
	n.t.Helper()
	lis, err := new(net.ListenConfig).Listen(n.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	ended := context.WithoutCancel(n.t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ended, lis) }()
	n.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(ended, patience)
		defer cancel()
		s.Stop(ctx)
		if err := <-served; err != nil {
			n.t.Errorf("Serve: %v", err)
		}
	})
	return lis.Addr().String()
}

// Dial makes a connection to a service, as the process of a name; it is closed when the test ends. The gateway's calls are
// nobody's unless they show a token.
func (n *Network) Dial(addr, service, name string) *grpc.ClientConn {
	n.t.Helper()
	conn, err := rpc.DialService(addr, service, n.As(name))
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			n.t.Error(err)
		}
	})
	return conn
}

package rpc

import (
	"errors"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

// What one connection may do. The gateway brings the calls and streams of all its clients by one.
const (
	// maxStreams is how many calls and streams may be under way on a connection; its client keeps back the others.
	maxStreams = 4096
	// maxIdle closes a connection that nobody uses, maxAge every other: its caller proves anew who it is, by the certificate that
	// holds then. What is under way has as long as a stream may last.
	maxIdle  = 15 * time.Minute
	maxAge   = 2 * time.Hour
	ageGrace = streamLimit + time.Minute
	// pingAfter asks whether a caller that is silent is still there, pingWait is how long it may take to say so.
	pingAfter = time.Minute
	pingWait  = 20 * time.Second
	// leastPing is how often a caller may ask that of this server; one that asks more often is hung up on.
	leastPing = 10 * time.Second
	// maxUnproved is how many connections may be open at once whose callers have not proved who they are, maxUnprovedFrom how many
	// of them from one address. Each has connectLimit.
	maxUnproved     = 256
	maxUnprovedFrom = 64
)

// onTheWire are the limits of connections (INV-RPC-CONNECTIONS).
func onTheWire() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ConnectionTimeout(connectLimit),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.MaxRecvMsgSize(maxFrame),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: maxIdle, MaxConnectionAge: maxAge, MaxConnectionAgeGrace: ageGrace, Time: pingAfter, Timeout: pingWait,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: leastPing, PermitWithoutStream: true}),
	}
}

// unproved counts the connections whose callers have not proved who they are. It is safe for concurrent use.
type unproved struct {
	mu   sync.Mutex
	all  int
	from map[string]int
}

func newUnproved() *unproved { return &unproved{from: map[string]int{}} }

// take counts a connection from an address; false: there are too many.
func (u *unproved) take(from string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all == maxUnproved || u.from[from] == maxUnprovedFrom {
		return false
	}
	u.all++
	u.from[from]++
	return true
}

func (u *unproved) give(from string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all--
	if u.from[from]--; u.from[from] == 0 {
		delete(u.from, from)
	}
}

// doorstep is a listener that hangs up at once on whoever comes while too many have not proved who they are.
type doorstep struct {
	net.Listener

	unproved *unproved
}

// Accept answers the next connection that there is room for.
func (d doorstep) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := hostOf(conn.RemoteAddr())
		if d.unproved.take(from) {
			return &newcomer{Conn: conn, leave: sync.OnceFunc(func() { d.unproved.give(from) })}, nil
		}
		if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return nil, err
		}
	}
}

func hostOf(addr net.Addr) string {
	if host, _, err := net.SplitHostPort(addr.String()); err == nil {
		return host
	}
	return addr.String()
}

// newcomer is a connection whose caller has not proved who it is.
type newcomer struct {
	net.Conn

	leave func()
}

// Close hangs up.
func (n *newcomer) Close() error {
	n.leave()
	return n.Conn.Close()
}

// proving tells newcomers from those who have proved who they are.
type proving struct {
	credentials.TransportCredentials
}

// ServerHandshake implements credentials.TransportCredentials.
func (p proving) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if n, ok := raw.(*newcomer); ok {
		defer n.leave()
		raw = n.Conn // itself, for what TLS and the library ask of a TCP connection
	}
	return p.TransportCredentials.ServerHandshake(raw)
}

// Clone implements credentials.TransportCredentials.
func (p proving) Clone() credentials.TransportCredentials {
	return proving{p.TransportCredentials.Clone()}
}

package rpc

import (
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"coso/services/platform/mtls"
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
)

// onTheWire are the limits of connections (INV-RPC-CONNECTIONS).
func onTheWire() []grpc.ServerOption {
	return lasting(keepalive.ServerParameters{
		MaxConnectionIdle: maxIdle, MaxConnectionAge: maxAge, MaxConnectionAgeGrace: ageGrace, Time: pingAfter, Timeout: pingWait,
	})
}

// lasting are the limits of connections that last so long.
func lasting(times keepalive.ServerParameters) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ConnectionTimeout(connectLimit),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.MaxRecvMsgSize(maxFrame),
		grpc.KeepaliveParams(times),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: leastPing, PermitWithoutStream: true}),
	}
}

// doorstep is a listener that hangs up at once on whoever comes while too many have not proved who they are.
type doorstep struct {
	net.Listener

	unproved *mtls.Unproved
}

// Accept answers the next connection that there is room for.
func (d doorstep) Accept() (net.Conn, error) { return d.unproved.Accept(d.Listener) }

// proving tells newcomers from those who have proved who they are.
type proving struct {
	credentials.TransportCredentials
}

// ServerHandshake implements credentials.TransportCredentials.
func (p proving) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if n, ok := raw.(*mtls.Newcomer); ok {
		defer n.Leave()
		raw = n.Conn // itself, for what TLS and the library ask of a TCP connection
	}
	return p.TransportCredentials.ServerHandshake(raw)
}

// Clone implements credentials.TransportCredentials.
func (p proving) Clone() credentials.TransportCredentials {
	return proving{p.TransportCredentials.Clone()}
}

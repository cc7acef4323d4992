package rpc

import (
	"context"
	"fmt"
	"net"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"coso/services/platform/fault"
)

// Dial makes a connection to the server at addr, `host:port` on this machine, or ErrNotLoopback. ctx bounds looking up
// the host. It does not wait for the server: calls are Unavailable while it is away, and the connection comes back when
// it does. The caller closes the connection.
func Dial(ctx context.Context, addr string) (*grpc.ClientConn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("dial %q: %w", addr, err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("dial %q: %w", addr, err)
	}
	for _, ip := range ips {
		if !ip.Unmap().IsLoopback() {
			return nil, fmt.Errorf("dial %q: %w", addr, ErrNotLoopback)
		}
	}
	return grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
}

// conn is the way in from within the process. The channel answers calls of methods it does not know by itself; conn
// answers them as the server does on TCP.
type conn struct {
	channel *inprocgrpc.Channel
	methods map[string]bool
}

// Invoke makes a call.
func (c conn) Invoke(ctx context.Context, method string, req, answer any, options ...grpc.CallOption) error {
	if !c.methods[method] {
		return fault.ToStatus(unknownMethod(method), "").Err()
	}
	return c.channel.Invoke(ctx, method, req, answer, options...)
}

// NewStream opens a stream.
func (c conn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	if !c.methods[method] {
		return nil, fault.ToStatus(unknownMethod(method), "").Err()
	}
	return c.channel.NewStream(ctx, desc, method, options...)
}

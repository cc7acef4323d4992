package rpc

import (
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"

	"coso/services/platform/mtls"
)

// again says how a lost connection is made anew: at once, then with pauses up to a second, since a service that was
// started again should be found again as soon.
var again = grpc.ConnectParams{ //nolint:gochecknoglobals // a constant of the library's type
	Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
	MinConnectTimeout: 2 * time.Second,
}

// Dial makes a connection to the server at addr, `host:port` on this machine, or answers the error of Loopback. It does not
// wait for the server: calls are Unavailable while it is away, and the connection comes back within about a second when it
// does. The caller closes the connection.
func Dial(addr string) (*grpc.ClientConn, error) {
	at, err := literal(addr)
	if err != nil {
		return nil, fmt.Errorf("dial %w", err)
	}
	return dial(at.String(), mtls.Clear())
}

// DialService is Dial for the process that id says: it proves to the service at addr who it is, hangs up on anybody who is
// not that service, and may call other machines. A nil id proves nothing: Dial.
func DialService(addr, service string, id *mtls.Identity) (*grpc.ClientConn, error) {
	if id == nil {
		return Dial(addr)
	}
	if err := Address(addr, true); err != nil {
		return nil, fmt.Errorf("dial %w", err)
	}
	return dial(addr, id.Dialling(service))
}

func dial(addr string, creds credentials.TransportCredentials) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(creds),
		grpc.WithConnectParams(again),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
}

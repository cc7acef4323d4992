package rpc

import (
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"coso/services/platform/mtls"
)

// again says how a lost connection is made anew: at once, then with pauses up to a second, since a service that was
// started again should be found again as soon.
var again = grpc.ConnectParams{ //nolint:gochecknoglobals // a constant of the library's type
	Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
	MinConnectTimeout: 2 * time.Second,
}

// DialService makes a connection to the service at addr for the process that id says: it proves to the service who it is, and
// hangs up on anybody who is not that service. It does not wait for the service: calls are Unavailable while it is away, and
// the connection comes back within about a second when it does. The caller closes the connection. Errors are those of Address.
func DialService(addr, service string, id *mtls.Identity) (*grpc.ClientConn, error) {
	if err := Address(addr); err != nil {
		return nil, fmt.Errorf("dial %w", err)
	}
	return grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(id.Dialling(service)),
		grpc.WithConnectParams(again),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
}

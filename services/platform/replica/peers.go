package replica

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/fault"
	"coso/services/platform/rpc"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// answerWithin is how long another replica has to answer a forwarded call.
const answerWithin = 2 * time.Second

// Names are replicas: their names and where each answers gRPC.
type Names map[string]string

// ParseNames reads `r1=host:port,r2=host:port`. Each has a name of its own, of small letters, digits and hyphens, and an address of its
// own.
func ParseNames(given []string) (Names, error) {
	out, at := Names{}, map[string]string{}
	var wrong []error
	for _, one := range given {
		name, addr, ok := strings.Cut(one, "=")
		if !ok || CheckName(name) != nil {
			wrong = append(wrong, fmt.Errorf("%q is no replica; write its name, = and its address, e.g. r1=127.0.0.1:8101", one))
			continue
		}
		if err := rpc.Address(addr); err != nil {
			wrong = append(wrong, fmt.Errorf("replica %s: %w", name, err))
			continue
		}
		if _, there := out[name]; there {
			wrong = append(wrong, fmt.Errorf("there are two replicas %s; give each a name of its own", name))
		}
		if other, there := at[addr]; there {
			wrong = append(wrong, fmt.Errorf("the replicas %s and %s are both at %s; give each an address of its own", other, name, addr))
		}
		out[name], at[addr] = addr, name
	}
	return out, errors.Join(wrong...)
}

// CheckName answers what is wrong with the name of a replica.
func CheckName(name string) error {
	fit := func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	if name == "" || len(name) > 63 || strings.ContainsFunc(name, fit) || strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-") {
		return fmt.Errorf("%q is no name of a replica; use small letters, digits and hyphens, e.g. r1", name)
	}
	return nil
}

// Sorted are the names in order.
func (n Names) Sorted() []string { return slices.Sorted(maps.Keys(n)) }

// Forwarder makes calls at the other replicas of a service. It is safe for concurrent use.
type Forwarder struct {
	// Self is this replica's name, Peers are the ways to the others, by name.
	Self  string
	Peers map[string]grpc.ClientConnInterface
}

// Forward implements rpc.Forwarder. A replica that nobody knows, or that does not answer within 2 s, is Unavailable.
func (f Forwarder) Forward(ctx context.Context, replica, method string, request, answer proto.Message) (metadata.MD, error) {
	conn, ok := f.Peers[replica]
	if !ok {
		return nil, fault.ToStatus(fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "").With(fmt.Errorf("no replica %s is configured", replica)), "").Err()
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var said metadata.MD
	err := conn.Invoke(metadata.AppendToOutgoingContext(ctx, rpc.ForwardedHeader, f.Self), method, request, answer, grpc.Header(&said))
	return said, err
}

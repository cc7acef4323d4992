package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/health" // replicas that do not serve are left out
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
	"coso/services/platform/mtls"
	"coso/services/platform/wait"
)

// again says how a lost connection is made anew: at once, then with pauses up to a second, since a service that was
// started again should be found again as soon.
var again = grpc.ConnectParams{ //nolint:gochecknoglobals // a constant of the library's type
	Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
	MinConnectTimeout: 2 * time.Second,
}

// byName begins the address of replicas that are all found under one name.
const byName = "dns:"

// amongReplicas lets each call go to the next replica that says it serves.
const amongReplicas = `{"loadBalancingConfig":[{"round_robin":{}}],"healthCheckConfig":{"serviceName":""}}`

// Replicas are the addresses in the setting that says where a service answers: one `host:port`; one for each replica, separated by
// commas; or `dns:host:port`, a name that is looked up for the addresses of all. The error says what is wrong.
func Replicas(setting string) ([]string, error) {
	if name, ok := strings.CutPrefix(setting, byName); ok {
		return []string{name}, Address(name)
	}
	var all []string
	var wrong []error
	for addr := range strings.SplitSeq(setting, ",") {
		all = append(all, strings.TrimSpace(addr))
		wrong = append(wrong, Address(strings.TrimSpace(addr)))
	}
	return all, errors.Join(wrong...)
}

// DialService makes a connection to the service at addr, as Replicas has it, for the process that id says: it proves to the service
// who it is, and hangs up on anybody who is not that service. It does not wait for the service: calls are Unavailable while it is
// away, and the connection comes back within about a second when it does. The caller closes the connection. Errors are those of
// Replicas.
//
// Of several replicas each call takes the next one that serves; one that gets no answer is made again at another if it may be made
// twice: if it only reads or has a request id.
func DialService(addr, service string, id *mtls.Identity) (*grpc.ClientConn, error) {
	all, err := Replicas(addr)
	if err != nil {
		return nil, fmt.Errorf("dial %w", err)
	}
	target := "passthrough:///" + all[0]
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(id.Dialling(service)),
		grpc.WithConnectParams(again),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
	}
	switch {
	case strings.HasPrefix(addr, byName):
		target = "dns:///" + all[0]
		options = append(options, grpc.WithDefaultServiceConfig(amongReplicas), grpc.WithUnaryInterceptor(atAnother))
	case len(all) > 1:
		list := manual.NewBuilderWithScheme("replicas")
		list.InitialState(resolver.State{Endpoints: endpoints(all)})
		target = list.Scheme() + ":///" + service
		options = append(options, grpc.WithResolvers(list), grpc.WithDefaultServiceConfig(amongReplicas), grpc.WithUnaryInterceptor(atAnother))
	}
	return grpc.NewClient(target, options...)
}

// endpoints are replicas, each of which proves to be at its own address.
func endpoints(addrs []string) []resolver.Endpoint {
	var all []resolver.Endpoint
	for _, addr := range addrs {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			host = addr
		}
		all = append(all, resolver.Endpoint{Addresses: []resolver.Address{{Addr: addr, ServerName: host}}})
	}
	return all
}

// triesAmong is how often a call is made at replicas, and restsAmong what it waits in between, each time twice as long.
const (
	triesAmong = 4
	restsAmong = 50 * time.Millisecond
)

// atAnother makes a call again that got no answer, if it may be made twice. The next one that serves takes it.
func atAnother(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	for try := 0; ; try++ {
		err := invoke(ctx, method, req, reply, cc, options...)
		if status.Code(err) != codes.Unavailable || try+1 == triesAmong || !twice(method, req) {
			return err
		}
		if try > 0 && fault.ReasonOf(fault.FromStatus(status.Convert(err))) == faultpb.Reason_REASON_POSITION_NOT_REACHED {
			return err // a third wait would leave the caller no time to ask for less
		}
		if wait.For(ctx, restsAmong<<try) != nil {
			return err
		}
	}
}

// twice reports whether a call may be made twice.
func twice(method string, req any) bool {
	if onlyReads(method[strings.LastIndexByte(method, '/')+1:]) {
		return true
	}
	once, ok := req.(interface{ GetRequestId() string })
	return ok && once.GetRequestId() != ""
}

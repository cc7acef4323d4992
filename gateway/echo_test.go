package gateway_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// call is one call as a service saw it.
type call struct {
	method   string
	request  proto.Message
	metadata metadata.MD
	deadline time.Duration
}

// echo is a gRPC server for every method of the contract. It records each call and answers with reply's message, or an
// empty one.
type echo struct {
	reply func(ctx context.Context, c call) (proto.Message, error)

	mu    sync.Mutex
	calls []call
}

// taken returns the calls since it was last asked.
func (e *echo) taken() []call {
	e.mu.Lock()
	defer e.mu.Unlock()
	calls := e.calls
	e.calls = nil
	return calls
}

// register announces every service on s, a grpc.Server or an in-process channel.
func (e *echo) register(t *testing.T, s grpc.ServiceRegistrar) {
	t.Helper()
	for _, sd := range services() {
		desc := &grpc.ServiceDesc{ServiceName: string(sd.FullName()), HandlerType: (*any)(nil), Metadata: sd.ParentFile().Path()}
		for i := range sd.Methods().Len() {
			desc.Methods = append(desc.Methods, e.method(t, sd.Methods().Get(i)))
		}
		s.RegisterService(desc, e)
	}
}

func (e *echo) method(t *testing.T, md protoreflect.MethodDescriptor) grpc.MethodDesc {
	t.Helper()
	in, out := messageType(t, md.Input()), messageType(t, md.Output())
	full := fmt.Sprintf("/%s/%s", md.Parent().FullName(), md.Name())
	serve := func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		request := in.New().Interface()
		if err := decode(request); err != nil {
			return nil, err
		}
		c := call{method: full, request: request}
		c.metadata, _ = metadata.FromIncomingContext(ctx)
		if at, ok := ctx.Deadline(); ok {
			c.deadline = time.Until(at)
		}
		e.mu.Lock()
		e.calls = append(e.calls, c)
		e.mu.Unlock()
		if e.reply == nil {
			return out.New().Interface(), nil
		}
		answer, err := e.reply(ctx, c)
		if answer == nil {
			answer = out.New().Interface()
		}
		return answer, err
	}
	return grpc.MethodDesc{MethodName: string(md.Name()), Handler: serve}
}

// inProcess reaches e without a wire, as one process does.
func (e *echo) inProcess(t *testing.T) grpc.ClientConnInterface {
	t.Helper()
	channel := new(inprocgrpc.Channel)
	e.register(t, channel)
	return channel
}

// overWire reaches e through a real gRPC client and server.
func (e *echo) overWire(t *testing.T) grpc.ClientConnInterface {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	e.register(t, server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return dial(t, listener)
}

func dial(t *testing.T, listener *bufconn.Listener) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///services",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return conn
}

// inside are the packages, and the service of another, that only other services and operators reach.
var inside = []protoreflect.FullName{"coso.feed.v1", "coso.backup.v1", "coso.replica.v1", "coso.checkpoint.v1", "coso.operator.v1", "coso.identity.v1.SignInService"}

// services are all of the contract that clients reach, in order of their names in each file.
func services() []protoreflect.ServiceDescriptor {
	var found []protoreflect.ServiceDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(fd protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(fd.Path(), "coso/") && !slices.Contains(inside, fd.Package()) {
			for i := range fd.Services().Len() {
				if s := fd.Services().Get(i); !slices.Contains(inside, s.FullName()) {
					found = append(found, s)
				}
			}
		}
		return true
	})
	return found
}

func messageType(t *testing.T, md protoreflect.MessageDescriptor) protoreflect.MessageType {
	t.Helper()
	mt, err := protoregistry.GlobalTypes.FindMessageByName(md.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return mt
}

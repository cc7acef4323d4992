package rpc

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// long is what does not come within a test.
const long = time.Hour

// silent answers calls, and watches say nothing until they end.
type silent struct {
	healthpb.UnimplementedHealthServer

	// watched is told of each watch that has begun.
	watched chan struct{}
}

func (s silent) Check(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	return &healthpb.HealthCheckResponse{}, nil
}

func (s silent) Watch(_ *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	s.watched <- struct{}{}
	<-stream.Context().Done()
	return stream.Context().Err()
}

// lastingServer is a server whose connections last so long, and a connection to it that has made a call.
func lastingServer(t *testing.T, times keepalive.ServerParameters) (silent, *grpc.ClientConn) {
	t.Helper()
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, answers := grpc.NewServer(lasting(times)...), silent{watched: make(chan struct{}, 1)}
	healthpb.RegisterHealthServer(server, answers)
	served := make(chan error, 1)
	go func() { served <- server.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:///"+lis.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	if _, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	return answers, conn
}

// leaves waits until a connection is no longer there.
func leaves(t *testing.T, conn *grpc.ClientConn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for state := conn.GetState(); state == connectivity.Ready; state = conn.GetState() {
		if !conn.WaitForStateChange(ctx, state) {
			t.Fatal("the connection stays")
		}
	}
}

// INV-RPC-CONNECTIONS: a connection that nobody uses is closed.
func TestIdleConnectionsAreClosed(t *testing.T) {
	_, conn := lastingServer(t, keepalive.ServerParameters{MaxConnectionIdle: 50 * time.Millisecond, MaxConnectionAge: long, Time: long})
	leaves(t, conn)
	if _, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Errorf("the next call has no connection: %v", err)
	}
}

// INV-RPC-CONNECTIONS: a connection that is old takes no more calls; what is under way on it has its time, and no more.
func TestOldConnectionsAreClosed(t *testing.T) {
	for _, c := range []struct {
		grace time.Duration
		want  codes.Code
	}{{long, codes.Canceled}, {50 * time.Millisecond, codes.Unavailable}} {
		t.Run(c.grace.String(), func(t *testing.T) {
			answers, conn := lastingServer(t, keepalive.ServerParameters{
				MaxConnectionIdle: long, MaxConnectionAge: 200 * time.Millisecond, MaxConnectionAgeGrace: c.grace, Time: long,
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			watch, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{})
			if err != nil {
				t.Fatal(err)
			}
			<-answers.watched
			leaves(t, conn)
			if _, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
				t.Errorf("the next call has no connection: %v", err)
			}
			if c.want == codes.Canceled { // it goes on until its caller ends it
				cancel()
			}
			if _, err := watch.Recv(); status.Code(err) != c.want {
				t.Errorf("what was under way ends with %v", err)
			}
		})
	}
}

// What is under way when a connection is old may last as long as any stream.
func TestNoStreamIsCutByTheAgeOfItsConnection(t *testing.T) {
	if ageGrace <= streamLimit {
		t.Errorf("%s is no longer than %s", ageGrace, streamLimit)
	}
}

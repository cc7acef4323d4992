package rpc_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/fault"
	"coso/services/platform/rpc"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

const unitService = "coso.registry.v1.UnitService"

func (b *bench) healthOf(ctx context.Context, service string) (healthpb.HealthCheckResponse_ServingStatus, error) {
	answer, err := healthpb.NewHealthClient(b.conn).Check(ctx, &healthpb.HealthCheckRequest{Service: service})
	return answer.GetStatus(), err
}

func TestHealth(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		for _, service := range []string{"", unitService} {
			if got, err := b.healthOf(t.Context(), service); err != nil || got != healthpb.HealthCheckResponse_SERVING {
				t.Errorf("%q is %v, %v", service, got, err)
			}
		}
		_, err := b.healthOf(t.Context(), "coso.nowhere.v1.Service")
		refused(t, err, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "")

		list, err := healthpb.NewHealthClient(b.conn).List(t.Context(), &healthpb.HealthListRequest{})
		if err != nil || list.GetStatuses()[unitService].GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("listed %v, %v", list, err)
		}

		watch, err := healthpb.NewHealthClient(b.conn).Watch(t.Context(), &healthpb.HealthCheckRequest{Service: unitService})
		if err != nil {
			t.Fatal(err)
		}
		if first, err := watch.Recv(); err != nil || first.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Fatalf("watched %v, %v", first, err)
		}
		b.Stop(t.Context())
		for err = nil; err == nil; { // it may say NOT_SERVING before it ends
			_, err = watch.Recv()
		}
		refused(t, err, fault.KindUnavailable, faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
		if b.addr == "" {
			if got, err := b.healthOf(t.Context(), unitService); err != nil || got != healthpb.HealthCheckResponse_NOT_SERVING {
				t.Errorf("stopped, it is %v, %v", got, err)
			}
		}
	})
}

func TestStopLetsCallsFinish(t *testing.T) { // INV-RPC-STOP-ENDS
	everyWay(t, func(b *bench) {
		t := b.T
		entered, release := make(chan struct{}), make(chan struct{})
		b.units.during(func(context.Context, proto.Message) error {
			close(entered)
			<-release
			return nil
		})
		answered := make(chan error, 1)
		go func() {
			_, err := b.client().CreateUnit(t.Context(), &registrypb.CreateUnitRequest{Unit: unit()})
			answered <- err
		}()
		<-entered
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			b.Stop(t.Context())
		}()
		eventually(t, "new calls are refused", func() bool {
			_, err := registrypb.NewUnitServiceClient(b.Conn()).ListUnits(t.Context(), &registrypb.ListUnitsRequest{})
			return fault.KindOf(fault.FromStatus(status.Convert(err))) == fault.KindUnavailable
		})
		select {
		case <-stopped:
			t.Fatal("the stop did not wait")
		case err := <-answered:
			t.Fatalf("the call did not wait: %v", err)
		default:
		}
		close(release)
		if err := <-answered; err != nil {
			t.Fatalf("the call under way: %v", err)
		}
		<-stopped
		_, err := b.client().GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/a"})
		refused(t, err, fault.KindUnavailable, faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
	})
}

func TestStopCutsWhatDoesNotFinish(t *testing.T) { // INV-RPC-STOP-ENDS
	everyWay(t, func(b *bench) {
		t := b.T
		entered := make(chan struct{})
		b.units.during(func(ctx context.Context, _ proto.Message) error {
			close(entered)
			<-ctx.Done()
			return ctx.Err()
		})
		answered := make(chan error, 1)
		go func() {
			_, err := b.client().GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/a"})
			answered <- err
		}()
		<-entered
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		b.Stop(ctx)
		refused(t, <-answered, fault.KindUnavailable, faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
		if log := b.log.String(); !strings.Contains(log, `"msg":"calls were cut"`) || !strings.Contains(log, `"calls":1`) {
			t.Errorf("not logged:\n%s", log)
		}
	})
}

func TestStopEndsBesideCallThatDoesNot(t *testing.T) { // INV-RPC-STOP-ENDS
	everyWay(t, func(b *bench) {
		t := b.T
		entered, release := make(chan struct{}), make(chan struct{})
		b.units.during(func(context.Context, proto.Message) error {
			close(entered)
			<-release
			return nil
		})
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			// On TCP the caller hears at once that the connection is gone, in memory it waits for the answer.
			_, err := b.client().GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/a"})
			if err == nil {
				t.Error("answered a unit that is not there")
			}
		}()
		<-entered
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		b.Stop(ctx)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("the stop took %v", took)
		}
		if b.addr != "" {
			<-answered
		}
		close(release)
		<-answered
		b.Stop(t.Context())
	})
}

func TestStopEndsStreams(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		entered := make(chan struct{})
		waiting := b.open(t, func(ss grpc.ServerStream) error {
			close(entered)
			<-ss.Context().Done()
			return ss.Context().Err()
		})
		<-entered
		start := time.Now()
		b.Stop(t.Context())
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("the stop took %v", took)
		}
		refused(t, waiting.RecvMsg(&registrypb.Unit{}), fault.KindUnavailable, faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
	})
}

func TestServeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := newBench(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	lis, err := new(net.ListenConfig).Listen(ctx, "unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx, lis) }()
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	// Once stopped, it does not serve again.
	again, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Serve(t.Context(), again); err != nil {
		t.Errorf("Serve after a stop: %v", err)
	}
	if err := again.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener was left open: %v", err)
	}
}

func TestNoNetworkWithoutCertificates(t *testing.T) { // INV-RPC-CERTIFICATES
	t.Parallel()
	b := newBench(t, false)
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0"} {
		lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Serve(t.Context(), lis); !errors.Is(err, rpc.ErrClearText) {
			t.Errorf("Serve on %s: %v", addr, err)
		}
		if err := lis.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener was left open: %v", err)
		}
	}
}

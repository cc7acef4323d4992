package rpc_test

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"coso/services/platform/fault"
	"coso/services/platform/rpc"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// Over a Unix socket and in memory: a call that rests on an old copy is refused, the others say how old it is.
func TestOldCopies(t *testing.T) {
	b := newBench(t, false)
	b.create(t)
	srv := rpc.New(rpc.Options{Service: "registry", Store: b.store, Tokens: b.own.Verifier(), OldCopies: func(method string) (string, error) {
		if method == registrypb.UnitService_CreateUnit_FullMethodName {
			return "", fault.Unavailable(faultpb.Reason_REASON_COPY_TOO_OLD, "", "name", "award", "current", "6m0s", "limit", "5m0s")
		}
		return "award=360s", nil
	}})
	registrypb.RegisterUnitServiceServer(srv, b.units)
	path := filepath.Join(t.TempDir(), "registry.sock")
	lis, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(context.WithoutCancel(t.Context()), lis) }()
	conn, err := rpc.DialSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []grpc.ClientConnInterface{srv.Conn(), conn} {
		client := registrypb.NewUnitServiceClient(b.own.As("lan", way))
		_, err := client.CreateUnit(t.Context(), &registrypb.CreateUnitRequest{Unit: unit(), UnitId: "ba-dinh"})
		refused(t, err, fault.KindUnavailable, faultpb.Reason_REASON_COPY_TOO_OLD, "")
		var header metadata.MD
		if _, err := client.GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/tay-ho"}, grpc.Header(&header)); err != nil {
			t.Fatal(err)
		}
		if got := only(t, header, rpc.CopyAgeHeader); got != "award=360s" {
			t.Errorf("a read says %q", got)
		}
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	srv.Stop(ctx)
	if err := <-served; err != nil {
		t.Error(err)
	}
}

package backup_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/backup"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/rpc/rpctest"
	"coso/services/platform/run"
	"coso/services/platform/store"
)

// service is a registry with a few units, reached by a listener.
func service(t *testing.T, network, address string) (*run.Service, *grpc.ClientConn) {
	t.Helper()
	units := store.NewTable("units", (*registrypb.Unit).GetName)
	here := rpctest.NewNetwork(t)
	s, err := run.New(run.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), TLS: here.As("registry")}, run.Parts{
		Name: "registry", Schema: store.NewSchema(units), Register: func(grpc.ServiceRegistrar, *store.Store) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := access.WithMethod(access.With(t.Context(), access.Principal{Name: "principals/lan"}), "/test")
	for _, name := range []string{"units/a", "units/b", "units/c"} {
		if _, err := store.Update(ctx, s.Store(), nil, func(tx *store.Tx) (*registrypb.Unit, error) {
			u := &registrypb.Unit{Name: name, DisplayName: "Quận ủy", Level: "DISTRICT_COMMITTEE", ValidFrom: "2008-08-01"}
			return units.Create(tx, u, &registrypb.UnitCreated{})
		}); err != nil {
			t.Fatal(err)
		}
	}
	lis, err := new(net.ListenConfig).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Server().Serve(context.WithoutCancel(t.Context()), lis) }()
	dial := func() (*grpc.ClientConn, error) { return rpc.DialSocket(lis.Addr().String()) }
	if network == "tcp" {
		dial = func() (*grpc.ClientConn, error) {
			return rpc.DialService(lis.Addr().String(), "registry", here.As("award"))
		}
	}
	conn, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := conn.Close()
		s.Server().Stop(context.Background())
		if err := errors.Join(err, <-done, s.Close()); err != nil {
			t.Error(err)
		}
	})
	return s, conn
}

// By its socket a service gives a file that is its whole journal, and says what it is.
func TestTake(t *testing.T) {
	s, conn := service(t, "unix", filepath.Join(t.TempDir(), "s"))
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := backup.Take(t.Context(), conn, f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if b.GetService() != "registry" || b.GetPosition() != 3 || b.GetSequence() != 3 || b.GetIncarnation() != s.Store().Incarnation().String() {
		t.Errorf("it says %v", b)
	}
	if found, err := store.VerifyBackup(t.Context(), dir, "registry", nil); err != nil || found.Entries != 3 {
		t.Errorf("the file holds %+v, %v", found, err)
	}
}

// INV-BACKUP-OWNER: the network and the process itself get none.
func TestOnlyTheSocketGivesBackups(t *testing.T) {
	s, conn := service(t, "tcp", "127.0.0.1:0")
	// Whoever has come by a socket to another service of the process has not come by this one's.
	operator := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.UnixAddr{Net: "unix", Name: "s"}})
	for name, c := range map[string]grpc.ClientConnInterface{"tcp": conn, "memory": s.Conn(), "neighbour": s.ConnOf("planning")} {
		var got bytes.Buffer
		_, err := backup.Take(operator, c, &got)
		f := fault.From(fault.FromStatus(status.Convert(err)))
		if err == nil || f.Kind != fault.KindPermissionDenied || f.Reason != faultpb.Reason_REASON_OPERATOR_ONLY || got.Len() > 0 {
			t.Errorf("%s: %v, %d bytes", name, err, got.Len())
		}
	}
}

var errFull = errors.New("the disk is full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// A receiver that cannot keep it ends the backup.
func TestTakeOntoAFullDisk(t *testing.T) {
	_, conn := service(t, "unix", filepath.Join(t.TempDir(), "s"))
	if _, err := backup.Take(t.Context(), conn, fullDisk{}); !errors.Is(err, errFull) {
		t.Errorf("says %v", err)
	}
}

package run_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"

	"coso/services/platform/run"
	"coso/services/platform/store"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// The operator's socket is its owner's alone from the moment in which there is one, also in a folder that others may enter;
// what a start that was cut off has left is in nobody's way.
func TestTheSocketIsNeverOpenToOthers(t *testing.T) {
	dir := t.TempDir()
	s, err := run.New(run.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)}, run.Parts{
		Name: "registry", Schema: store.NewSchema(store.NewTable("units", (*registrypb.Unit).GetName)), Register: func(grpc.ServiceRegistrar, *store.Store) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // such a folder is what the test is about
		t.Fatal(err)
	}
	path, left := run.Socket(dir, "registry"), filepath.Join(dir, ".registry")
	if err := errors.Join(os.Mkdir(left, 0o700), os.WriteFile(filepath.Join(left, "s"), nil, 0o600), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	stop, watched := make(chan struct{}), make(chan fs.FileMode, 1)
	go func() { watched <- widest(path, stop) }()
	for range 200 {
		sockets, err := run.Sockets(t.Context(), dir, slog.New(slog.DiscardHandler), s)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
			t.Fatalf("the socket is %v, %v", info, err)
		}
		for range 2 { // closing is heard of twice by some
			if err := sockets[0].Listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Fatal(err)
			}
		}
		for _, gone := range []string{path, left} {
			if _, err := os.Lstat(gone); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("afterwards %s: %v", gone, err)
			}
		}
	}
	close(stop)
	if mode := <-watched; mode != 0o600 {
		t.Errorf("others saw a socket of mode %v", mode)
	}
}

// widest watches a path until stop, and gives all permissions that it ever had.
func widest(path string, stop <-chan struct{}) (all fs.FileMode) {
	for {
		select {
		case <-stop:
			return all
		default:
		}
		if info, err := os.Lstat(path); err == nil {
			all |= info.Mode().Perm()
		}
	}
}

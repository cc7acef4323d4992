//go:build system

package copying

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"coso/services/platform/streamlog/streamlogtest"
)

// This test needs root and mounts; `make test-system` runs it.

// smallDisk is a disk of its own, of a size as mount has it.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.Background(), "umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}

// A disk that is full ends the fetch, which says so; it goes on where it was once there is room. A disk that is full at the other
// end is no copy, and harms nobody.
func TestFetchOntoAFullDisk(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	p := newPeer(t, c)
	p.create(0, 1500)
	dir := smallDisk(t, "32m")
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 31<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	err := fetch(t.Context(), dir, "registry", p.as("registry"))
	if !errors.Is(err, syscall.ENOSPC) || there(Options{Dir: dir, Service: "registry"}) {
		t.Fatalf("it says %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "registry.db.part"))
	if err != nil || info.Size() == 0 {
		t.Errorf("nothing of it is kept: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := fetch(t.Context(), dir, "registry", p.as("registry")); err != nil {
		t.Fatal(err)
	}
	p.mustTail(c, dir)

	p.server.o.Dir = smallDisk(t, "1m")
	if err := os.Symlink(filepath.Join(p.dir, "registry.db"), filepath.Join(p.server.o.Dir, "registry.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.server.make(t.Context()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a copy onto a full disk: %v", err)
	}
	if left, err := os.ReadDir(p.server.o.Dir); err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v", left, err)
	}
	p.create(1500, 1501)
}

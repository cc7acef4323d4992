package run_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"coso/services/platform/run"
)

// Several processes note their stores in one folder at once; each then misses its own and no other's.
func TestStoresThatAreGone(t *testing.T) {
	dir := t.TempDir()
	names := []string{"registry", "membership", "planning", "award"}
	if err := run.Whole(dir, names...); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	var all sync.WaitGroup
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name+".db"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			for range 2 {
				if err := run.Settled(dir, name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := run.Whole(dir, names...); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "planning.db")); err != nil {
		t.Fatal(err)
	}
	if err := run.Whole(dir, "planning"); err == nil || !strings.Contains(err.Error(), "lacks planning.db") {
		t.Errorf("says %v", err)
	}
	if err := run.Whole(dir, "registry"); err != nil {
		t.Error(err)
	}
}

func TestUsable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	shut := filepath.Join(dir, "shut")
	if err := os.Mkdir(shut, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // nothing is shut to root but what is no place for files
		shut = "/proc"
	}
	for path, want := range map[string]string{
		dir: "", filepath.Join(dir, "a", "b"): "",
		file:                          "the data folder " + file + " cannot be: " + file + " is a file;",
		filepath.Join(file, "a", "b"): "the data folder " + file + "/a/b cannot be: " + file + " is a file;",
		filepath.Join(shut, "a"):      "the data folder " + shut + "/a cannot be used: nothing can be written into " + shut + " (",
	} {
		if err := run.Usable(path); (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("it left %v, %v", left, err)
	}
}

package store

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// failing is what a test and a property have in common.
type failing interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// derivedRows are all rows of all derived tables.
func derivedRows(t failing, b *bench) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := b.db.View(func(in reading) error {
		for _, r := range b.recipes {
			for _, bucket := range r.buckets {
				for k, v := range in.ascend(bucket, nil, nil) {
					out[fmt.Sprintf("%s %x", bucket, k)] = fmt.Sprintf("%x", v)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sameDerived holds the derived tables of a store against those that a foreground rebuild of a copy makes, byte for byte.
func sameDerived(t failing, b *bench, root string) {
	t.Helper()
	dir := copyStore(t, b, root)
	forgetVersions(t, dir)
	anew := openWith(t, dir, b.now, func(o *Options) { o.stepRows = -1 << 30 })
	whole(t, anew)
	live, built := derivedRows(t, b), derivedRows(t, anew)
	for _, k := range slices.Sorted(maps.Keys(live)) {
		if live[k] != built[k] {
			t.Fatalf("row %s: live %s, built anew %s", k, live[k], built[k])
		}
	}
	if len(live) != len(built) {
		t.Fatalf("%d live rows, %d built anew", len(live), len(built))
	}
	if err := anew.Close(); err != nil {
		t.Fatal(err)
	}
}

// copyStore copies the files as they are now: what a kill at this moment leaves.
func copyStore(t failing, b *bench, root string) string {
	t.Helper()
	dir, err := os.MkdirTemp(root, "copy")
	if err != nil {
		t.Fatal(err)
	}
	b.db.changing.Lock()
	defer b.db.changing.Unlock()
	if b.wal != nil {
		for _, path := range b.wal.paths {
			copyFileTo(t, path, dir)
		}
	}
	if err := b.db.file.View(func(tx *bolt.Tx) error { return tx.CopyFile(filepath.Join(dir, "registry.db"), 0o600) }); err != nil {
		t.Fatal(err)
	}
	return dir
}

func copyFileTo(t failing, path, dir string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, filepath.Base(path)), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// hasty lets a store not wait for the disk, where no test of it is what the test is about.
func hasty(b *bench) *bench {
	b.db.file.writing.Lock()
	defer b.db.file.writing.Unlock()
	b.db.file.db.NoSync = true
	if b.wal != nil {
		b.wal.sync = func(*os.File) error { return nil }
	}
	return b
}

// whole finishes every rebuild by hand.
func whole(t failing, b *bench) {
	t.Helper()
	for _, r := range b.unbuilt {
		for done := false; !done; {
			var err error
			if done, err = b.rebuildStep(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.building.Store(false)
}

func openWith(t failing, dir string, now time.Time, change func(*Options)) *bench {
	t.Helper()
	b := &bench{schema: newSchema(), dir: dir, now: now}
	o := Options{Dir: dir, Service: "registry", Schema: b.all, Clock: func() time.Time { return b.now }, Logger: slog.New(slog.DiscardHandler)}
	change(&o)
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	b.Store = s
	return b
}

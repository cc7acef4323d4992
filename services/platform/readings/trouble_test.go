package readings

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// disk is one that fails as it is told.
type disk struct {
	mu sync.Mutex
	// write and sync are what becomes of writes and syncs; nil: they succeed.
	write func(f *os.File, b []byte, at int64) error
	sync  func(f *os.File) error
}

// under puts the disk under a book.
func (d *disk) under(b *Book) {
	write, flush := b.writeAt, b.sync
	b.writeAt = func(f *os.File, raw []byte, at int64) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.write != nil {
			return d.write(f, raw, at)
		}
		return write(f, raw, at)
	}
	b.sync = func(f *os.File) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.sync != nil {
			return d.sync(f)
		}
		return flush(f)
	}
	b.most = 2000
}

func (d *disk) become(write func(f *os.File, b []byte, at int64) error, sync func(f *os.File) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.write, d.sync = write, sync
}

// INV-READINGS-BACK: a full disk, a write that ends in the middle, a failed sync: nothing is said to be kept that is not, and
// nothing stays in the way; when the cause has gone the book goes on by itself, in a whole chain.
func TestTroubleAndBack(t *testing.T) {
	full := func(*os.File, []byte, int64) error { return syscall.ENOSPC }
	half := func(f *os.File, raw []byte, at int64) error {
		_, err := f.WriteAt(raw[:len(raw)/2], at)
		return errors.Join(err, syscall.ENOSPC)
	}
	unsynced := func(*os.File) error { return syscall.EIO }
	for name, fails := range map[string]func(d *disk){
		"full":     func(d *disk) { d.become(full, nil) },
		"half":     func(d *disk) { d.become(half, nil) },
		"unsynced": func(d *disk) { d.become(nil, unsynced) },
		"both":     func(d *disk) { d.become(half, unsynced) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d := &disk{}
			b := opened(t, dir, d.under)
			kept := 0
			for range 4 { // over the end of a file, too
				for range 3 {
					keep(t, b, shown("lan", "minh", "hoa", "tuan"))
					kept++
				}
				fails(d)
				wantReason(t, b.Keep(t.Context(), shown("lost", "minh")), fault.KindUnavailable, faultpb.Reason_REASON_READINGS_UNWRITTEN)
				wantReason(t, b.Ready(), fault.KindUnavailable, faultpb.Reason_REASON_READINGS_UNWRITTEN)
				if err := b.Healthy(); !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EIO) {
					t.Errorf("the cause is lost: %v", err)
				}
				if got := all(t, b); len(got) != kept {
					t.Errorf("%d readings, %d were kept", len(got), kept)
				}
				d.become(nil, nil)
				until(t, "it can be written again", func() bool { return b.Ready() == nil })
			}
			keep(t, b, shown("lan", "minh"))
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			found := sound(t, dir, kept+1)
			if found.Cut != 0 || found.Files < 2 {
				t.Errorf("%+v", found)
			}
			for _, r := range all(t, opened(t, dir, nil)) {
				if r.GetPrincipal() != "principals/lan" {
					t.Errorf("%v is there, and was refused", r)
				}
			}
		})
	}
}

// A file that was taken away, or another in its place, is noticed before anybody is answered; put back, it is gone on with.
func TestAFileThatIsTakenAway(t *testing.T) {
	dir := t.TempDir()
	b := opened(t, dir, nil)
	keep(t, b, shown("lan", "minh"))
	path := filepath.Join(dir, fileName(service, 1))
	aside := filepath.Join(dir, "aside")
	if err := os.Rename(path, aside); err != nil {
		t.Fatal(err)
	}
	wantReason(t, b.Keep(t.Context(), shown("lan", "hoa")), fault.KindUnavailable, faultpb.Reason_REASON_READINGS_UNWRITTEN)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "another file is tried", func() bool { return errors.Is(b.Healthy(), errGone) })
	if err := os.Rename(aside, path); err != nil {
		t.Fatal(err)
	}
	until(t, "it is back", func() bool { return b.Ready() == nil })
	keep(t, b, shown("lan", "tuan"))
	sound(t, dir, 2)
}

// A folder that cannot be read at the start is tried again.
func TestAFolderThatComesLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	b := opened(t, dir, nil)
	wantReason(t, b.Keep(t.Context(), shown("lan", "minh")), fault.KindUnavailable, faultpb.Reason_REASON_READINGS_UNWRITTEN)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	until(t, "the folder is there", func() bool { return b.Ready() == nil })
	keep(t, b, shown("lan", "minh"))
	sound(t, dir, 1)
}

package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"coso/services/platform/logfile"

	bolt "go.etcd.io/bbolt"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// onLog replaces how the store's write-ahead log reaches the disk; nil leaves a part as it is.
func onLog(b *bench, write func(*os.File, []byte, int64) error, sync func(*os.File) error) {
	b.db.changing.Lock()
	defer b.db.changing.Unlock()
	if write != nil {
		b.wal.writeAt = write
	}
	if sync != nil {
		b.wal.sync = sync
	}
}

func writeFile(f *os.File, p []byte, at int64) error {
	_, err := f.WriteAt(p, at)
	return err
}

func noRoom(*os.File, []byte, int64) error { return syscall.ENOSPC }

// A full disk changes nothing: every caller is told, reading goes on, and the store recovers by itself.
func TestFullDisk(t *testing.T) {
	b := open(t, t.TempDir())
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), "r-1"); err != nil {
		t.Fatal(err)
	}
	onLog(b, noRoom, nil)
	for range 3 {
		out := inOneGroup(b, newCall(b, 2, "b", "r-2"), newCall(b, 1, "a", "r-1"), newCall(b, 3, "a", ""))
		for _, o := range out {
			wantReason(t, o.err, faultpb.Reason_REASON_DISK_FULL)
			if !errors.Is(o.err, syscall.ENOSPC) {
				t.Errorf("the cause is lost: %v", o.err)
			}
		}
		if n := count(t, b); n != 1 || b.Head().GetPosition() != 1 {
			t.Errorf("%d enterprises at position %d", n, b.Head().GetPosition())
		}
		wantReason(t, b.Healthy(), faultpb.Reason_REASON_DISK_FULL)
	}
	onLog(b, writeFile, nil)
	if _, err := create(caller(), b, enterprise(2, "units/u", "b"), "r-2"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, b); n != 2 || b.Healthy() != nil {
		t.Errorf("%d enterprises, %v", n, b.Healthy())
	}
}

// INV-STORE-DURABLE: as long as a sync has not succeeded, the writer is told so, no reader sees the entry, and no event of
// it leaves. Another entry may take its place; after a kill before that, it is there or not, and the repeated request
// takes effect once.
func TestNobodyReadsWhatMayBeLost(t *testing.T) {
	b := open(t, t.TempDir())
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), "r-1"); err != nil {
		t.Fatal(err)
	}
	onLog(b, nil, func(*os.File) error { return syscall.EIO })
	_, err := create(caller(), b, enterprise(2, "units/u", "b"), "r-2")
	wantReason(t, err, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
	if n := count(t, b); n != 1 {
		t.Errorf("%d enterprises are seen", n)
	}
	if events, err := b.Events(t.Context(), 2, 10); err != nil || len(events) != 0 {
		t.Errorf("%d events leave, %v", len(events), err)
	}
	killed := open(t, copyStore(t, b, t.TempDir())) // the write itself had succeeded, so it is there
	if n := count(t, killed); n != 2 {
		t.Errorf("%d enterprises after a kill", n)
	}
	if _, err := create(caller(), killed, enterprise(2, "units/u", "b"), "r-2"); err != nil || killed.Head().GetEvents() != 2 {
		t.Errorf("the repeated request: %v, %d events", err, killed.Head().GetEvents())
	}

	onLog(b, nil, logfile.Sync)
	if _, err := create(caller(), b, enterprise(3, "units/u", "c"), "r-3"); err != nil {
		t.Fatal(err)
	}
	for _, at := range []*bench{b, open(t, copyStore(t, b, t.TempDir()))} {
		if n := count(t, at); n != 2 || at.Head().GetPosition() != 2 {
			t.Errorf("%d enterprises at position %d once another entry has the place", n, at.Head().GetPosition())
		}
		if _, err := get(at, "enterprises/e3"); err != nil {
			t.Error(err)
		}
	}
}

// While a sync is under way nobody is told anything, and readers do not wait for it.
func TestReadersDoNotWaitForTheDisk(t *testing.T) {
	b := open(t, t.TempDir())
	began, ended := make(chan struct{}), make(chan struct{})
	onLog(b, nil, func(f *os.File) error {
		close(began)
		<-ended
		return logfile.Sync(f)
	})
	written := make(chan error, 1)
	go func() {
		_, err := create(caller(), b, enterprise(1, "units/u", "a"), "")
		written <- err
	}()
	<-began
	if n := count(t, b); n != 0 {
		t.Errorf("%d enterprises are seen before the sync has ended", n)
	}
	select {
	case err := <-written:
		t.Errorf("the writer was answered before the sync had ended: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(ended)
	if err := <-written; err != nil {
		t.Error(err)
	}
	onLog(b, nil, logfile.Sync)
}

// What was acknowledged is there after a kill at any moment: before, while and after a checkpoint, of which some fail.
func TestKilledAroundCheckpoints(t *testing.T) {
	r := seeded(t)
	b := hasty(open(t, t.TempDir()))
	root := t.TempDir()
	for i := range 40 {
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		switch r.IntN(5) {
		case 0:
			if err := b.db.flush(context.Background(), b.stop); err != nil {
				t.Fatal(err)
			}
		case 1:
			onCommit(b, full)
			if err := b.db.flush(context.Background(), b.stop); !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			onCommit(b, (*bolt.Tx).Commit)
		}
		if r.IntN(4) > 0 {
			continue
		}
		killed := open(t, copyStore(t, b, root))
		if n := count(t, killed); n != i+1 || killed.Head().GetEvents() != uint64(i)+1 {
			t.Fatalf("%d enterprises and %d events after a kill, %d were acknowledged", n, killed.Head().GetEvents(), i+1)
		}
		sameDerived(t, killed, root)
		killed.check(t)
	}
}

// disk is what a power cut leaves of the two files of a log: all that was synced, and of the rest any pages.
type disk struct {
	synced, written map[string][]byte
}

func (d *disk) write(f *os.File, p []byte, at int64) error {
	b := d.written[f.Name()]
	if end := int(at) + len(p); end > len(b) {
		b = append(b, make([]byte, end-len(b))...)
	}
	copy(b[at:], p)
	d.written[f.Name()] = b
	return writeFile(f, p, at)
}

func (d *disk) sync(f *os.File) error {
	d.synced[f.Name()] = bytes.Clone(d.written[f.Name()])
	return nil
}

// cut writes what is left into a folder.
func (d *disk) cut(t *testing.T, r *rand.Rand, paths [2]string, to [2]string) {
	t.Helper()
	const page = 4096
	for i, path := range paths {
		left := bytes.Clone(d.synced[path])
		now := d.written[path]
		for at := 0; at < len(now); at += page {
			if r.IntN(2) == 0 {
				continue
			}
			end := min(at+page, len(now))
			if end > len(left) {
				left = append(left, make([]byte, end-len(left))...)
			}
			copy(left[at:end], now[at:end])
		}
		if err := os.WriteFile(to[i], left, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// INV-STORE-DURABLE under power cuts: entries of all sizes, checkpoints in between, the last write cut at any page. All
// that was acknowledged is there, and the store opens without a complaint.
func TestPowerCuts(t *testing.T) {
	r := seeded(t)
	b := hasty(open(t, t.TempDir()))
	d := &disk{synced: map[string][]byte{}, written: map[string][]byte{}}
	for _, path := range b.wal.paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d.synced[path], d.written[path] = raw, bytes.Clone(raw)
	}
	onLog(b, d.write, d.sync)
	acknowledged := 0
	for i := range 120 {
		e := enterprise(i, "units/u", fmt.Sprint(i))
		if r.IntN(3) == 0 {
			e.DisplayName = string(bytes.Repeat([]byte("x"), 1+r.IntN(200)))
		}
		if r.IntN(10) == 0 {
			if err := b.db.flush(context.Background(), b.stop); err != nil {
				t.Fatal(err)
			}
		}
		lost := r.IntN(4) == 0
		if lost { // the power fails before the sync
			onLog(b, nil, func(*os.File) error { return syscall.EIO })
		}
		_, err := create(caller(), b, e, "")
		switch {
		case err == nil && !lost:
			acknowledged++
		case lost:
			wantReason(t, err, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
			onLog(b, nil, d.sync)
		default:
			t.Fatal(err)
		}
		if lost || r.IntN(6) == 0 {
			to := copyStore(t, b, t.TempDir())
			d.cut(t, r, b.wal.paths, walPaths(to, "registry"))
			cut := open(t, to)
			if n := count(t, cut); n < acknowledged || n > acknowledged+1 {
				t.Fatalf("%d enterprises after a power cut, %d were acknowledged", n, acknowledged)
			}
			cut.check(t)
		}
	}
}

// A log that is damaged, of another store, or that does not go on where the file ends is refused by name, and nothing is
// changed; what a kill has left half-written, which only the last record can be, is not: INV-WAL-ONE-OPEN.
func TestADamagedLogIsRefused(t *testing.T) {
	b := open(t, t.TempDir())
	for i := range 6 {
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
	}

	at := func(path string, n int) int64 { // where the payload of a record begins; 0 is the file's own
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var from int
		for range n {
			size := int(binary.BigEndian.Uint32(raw[from+8:]))
			from += logfile.Header + (size+7)/8*8
		}
		return int64(from) + logfile.Header
	}
	other := open(t, t.TempDir())
	if _, err := create(caller(), other, enterprise(1, "units/u", "a"), ""); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(path string) error
		reason faultpb.Reason
		left   int
	}{
		"untouched":        {func(string) error { return nil }, 0, 6},
		"the third entry":  {func(path string) error { return flip(path, at(path, 3)+20) }, faultpb.Reason_REASON_DATA_DAMAGED, 0},
		"the last entry":   {func(path string) error { return flip(path, at(path, 6)+20) }, 0, 5},
		"cut":              {func(path string) error { return os.Truncate(path, at(path, 4)+20) }, 0, 3},
		"the mark":         {func(path string) error { return flip(path, 3) }, faultpb.Reason_REASON_DATA_DAMAGED, 0},
		"the first length": {func(path string) error { return flip(path, 10) }, faultpb.Reason_REASON_DATA_DAMAGED, 0},
		"empty":            {func(path string) error { return os.Truncate(path, 0) }, faultpb.Reason_REASON_DATA_DAMAGED, 0},
		"gone":             {os.Remove, faultpb.Reason_REASON_DATA_DAMAGED, 0},
		"of another store": {func(path string) error {
			raw, err := os.ReadFile(other.wal.paths[other.wal.using])
			return errors.Join(err, os.WriteFile(path, raw, 0o600))
		}, faultpb.Reason_REASON_INCARNATION_FOREIGN, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyStore(t, b, t.TempDir())
			path := walPaths(dir, "registry")[b.wal.using]
			if err := c.change(path); err != nil {
				t.Fatal(err)
			}
			_, errVerify := VerifyFile(context.Background(), dir, "registry", nil)
			if c.reason == 0 {
				if errVerify != nil {
					t.Error(errVerify)
				}
				if n := count(t, open(t, dir)); n != c.left {
					t.Errorf("%d entries, want %d", n, c.left)
				}
				return
			}
			wantReason(t, errVerify, c.reason)
			before, err := os.ReadFile(path)
			if err != nil && name != "gone" {
				t.Fatal(err)
			}
			_, err = Open(Options{Dir: dir, Service: "registry", Schema: newSchema().all})
			wantReason(t, err, c.reason)
			if after, err := os.ReadFile(path); err == nil && !slices.Equal(before, after) {
				t.Error("the log was changed")
			}
		})
	}
}

// A log whose beginning is missing, because the file is an older copy, is refused.
func TestALogWithoutItsBeginningIsRefused(t *testing.T) {
	b := open(t, t.TempDir())
	old := copyStore(t, b, t.TempDir())
	for i := range 4 {
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
		if err := b.db.flush(context.Background(), b.stop); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range b.wal.paths {
		copyFileTo(t, path, old)
	}
	_, err := Open(Options{Dir: old, Service: "registry", Schema: newSchema().all})
	wantReason(t, err, faultpb.Reason_REASON_DATA_DAMAGED)
}

// VerifyFile walks what the log holds too.
func TestVerifyReadsTheLog(t *testing.T) {
	b := open(t, t.TempDir())
	for i := range 5 {
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			if err := b.db.flush(context.Background(), b.stop); err != nil {
				t.Fatal(err)
			}
		}
	}
	found, err := VerifyFile(context.Background(), copyStore(t, b, t.TempDir()), "registry", nil)
	if err != nil || found.Entries != 5 || found.Events != 5 {
		t.Errorf("%+v, %v", found, err)
	}
}

func flip(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	b[0] ^= 4
	_, err2 := f.WriteAt(b[:], at)
	return errors.Join(err, err2, f.Close())
}

package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"coso/services/platform/fault"

	bolt "go.etcd.io/bbolt"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// onCommit replaces how the store's file ends its transactions.
func onCommit(b *bench, commit func(*bolt.Tx) error) {
	b.db.file.writing.Lock()
	defer b.db.file.writing.Unlock()
	b.db.file.commit = commit
}

// full is a commit that finds no room: nothing counts.
func full(tx *bolt.Tx) error { return errors.Join(syscall.ENOSPC, tx.Rollback()) }

// unsynced is a commit whose last sync fails: it shows, and is on the disk or not.
func unsynced(tx *bolt.Tx) error { return errors.Join(tx.Commit(), syscall.EIO) }

// A data file that cannot be written stops nobody, as long as there is room in memory; then it does, and all goes on by
// itself once it can be written.
func TestFullDataFile(t *testing.T) {
	b := open(t, t.TempDir())
	onCommit(b, full)
	write := func(i int) error {
		_, err := Update(caller(), b.Store, &registrypb.UpdateEnterpriseRequest{}, func(tx *Tx) (*registrypb.Enterprise, error) {
			return b.enterprises.Create(tx, enterprise(i, "units/u", fmt.Sprint(i)), &registrypb.EnterpriseCreated{})
		})
		return err
	}
	if err := write(0); err != nil {
		t.Fatal(err)
	}
	if err := b.db.flush(context.Background(), b.stop); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a checkpoint on a full disk: %v", err)
	}
	b.db.most.Store(20_000)
	written := 1
	for ; written < 1000; written++ {
		if err := write(written); err != nil {
			wantReason(t, err, faultpb.Reason_REASON_DISK_FULL)
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("the cause is lost: %v", err)
			}
			break
		}
	}
	if n := count(t, b); n != written || written < 2 || written == 1000 {
		t.Errorf("%d enterprises, %d were written", n, written)
	}
	wantReason(t, b.Healthy(), faultpb.Reason_REASON_DISK_FULL)
	onCommit(b, (*bolt.Tx).Commit)
	until(t, "there is room again", func() bool { return write(written) == nil })
	if n := count(t, b); n != written+1 || b.Healthy() != nil {
		t.Errorf("%d enterprises after %d, %v", n, written+1, b.Healthy())
	}
}

// What a shared log has granted is applied however long the file takes; the caller is told that the outcome is unknown.
func TestAFileThatIsAwayUnderASharedLog(t *testing.T) {
	log := quietLog()
	b := open(t, t.TempDir(), log.on)
	back, _ := away(t, b)
	ctx, cancel := context.WithTimeout(caller(), 50*time.Millisecond)
	defer cancel()
	_, err := create(ctx, b, enterprise(1, "units/u", "a"), "r-1")
	wantReason(t, err, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
	back()
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), "r-1"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, b); n != 1 || b.Head().GetEvents() != 1 || len(log.entries) < 1 {
		t.Errorf("%d enterprises, %d events, %d entries", n, b.Head().GetEvents(), len(log.entries))
	}
}

// away lets a store's file fail and not be opened again, until back is called.
func away(t *testing.T, b *bench) (back func(), cause error) {
	t.Helper()
	again := b.db.file.open
	cause = errors.New("the disk is away")
	b.db.file.writing.Lock()
	b.db.file.open, b.db.file.commit = func() (*bolt.DB, error) { return nil, cause }, full
	b.db.file.writing.Unlock()
	if err := b.db.Update(putRow(bucketMeta, []byte("dirty"), nil)); err != nil {
		t.Fatal(err)
	}
	if err := b.db.flush(context.Background(), b.stop); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a checkpoint: %v", err)
	}
	return func() {
		b.db.file.writing.Lock()
		defer b.db.file.writing.Unlock()
		b.db.file.open, b.db.file.commit, b.db.file.tried = again, (*bolt.Tx).Commit, time.Time{}
	}, cause
}

// A file that cannot be opened again is Unavailable for readers and writers until it can.
func TestAFileThatIsAway(t *testing.T) {
	b := open(t, t.TempDir())
	back, cause := away(t, b)
	_, err := create(caller(), b, enterprise(1, "units/u", "a"), "")
	wantReason(t, err, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
	if !errors.Is(err, cause) {
		t.Errorf("writing: %v", err)
	}
	if _, err := get(b, "enterprises/e1"); !errors.Is(err, cause) || fault.KindOf(err) != fault.KindUnavailable {
		t.Errorf("reading: %v", err)
	}
	back()
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), ""); err != nil {
		t.Fatal(err)
	}
}

// A failed checkpoint may not leave anything behind that a later one, or a reader before, trips over: many in a row, of
// both kinds, under readers.
func TestManyFailedCheckpoints(t *testing.T) {
	r := seeded(t)
	b := open(t, t.TempDir())
	until(t, "the file has its digest", func() bool { return b.db.now.Load().digest != nil })
	var fail atomic.Int32
	onCommit(b, func(tx *bolt.Tx) error {
		switch fail.Swap(0) {
		case 1:
			return full(tx)
		case 2:
			return unsynced(tx)
		}
		return tx.Commit()
	})
	stopReading := readAlways(t, b)
	failed := 0 // some of the failures fall to checkpoints of the store's own
	for i := range 60 {
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		kind := r.Int32N(3)
		fail.Store(kind)
		err := b.db.flush(context.Background(), b.stop)
		if err != nil {
			failed++
		}
		if err != nil && kind == 0 {
			t.Fatalf("a checkpoint that should succeed: %v", err)
		}
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	stopReading()
	if n, events := count(t, b), b.Head().GetEvents(); n != 60 || events != 60 || failed < 10 {
		t.Errorf("%d enterprises, %d events, after %d failed checkpoints", n, events, failed)
	}
}

// readAlways reads everything again and again, and demands that each snapshot is one state: as many enterprises as its
// counter says.
func readAlways(t *testing.T, b *bench) (stop func()) {
	t.Helper()
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			default:
			}
			_, err := View(caller(), b.Store, func(tx *ReadTx) (int, error) {
				n := uint64(0)
				for e, err := range b.enterprises.All(tx) {
					if err != nil || e.GetRevision() != 1 {
						return 0, fmt.Errorf("%v: %w", e, err)
					}
					n++
				}
				counted, _ := Key(b.perUnit.In(tx).Get(Text("units/u"))).Split().Uint64()
				if counted != n {
					return 0, fmt.Errorf("%d enterprises, the counter says %d", n, counted)
				}
				return 0, nil
			})
			if err != nil {
				t.Error(err)
				return
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

// INV-STORE-ONE-STATE: a version is not read over a file that may hold later changes; over one that holds fewer, or the
// same, it is the state it was.
func TestAVersionAndItsFile(t *testing.T) {
	b := open(t, t.TempDir())
	write := func(i int) *version {
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
		return b.db.now.Load()
	}
	seen := func(v *version) (n uint64) {
		if err := b.db.file.View(func(tx *bolt.Tx) error {
			n, _ = Key(v.over(boltSpace{tx}).get(b.perUnit.bucket, Text("units/u"))).Split().Uint64()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	flush := func() {
		if err := b.db.flush(context.Background(), b.stop); err != nil {
			t.Fatal(err)
		}
	}
	write(1)
	two := write(2)
	flush()
	if !b.db.outdated(two) || seen(two) != 2 {
		t.Errorf("before the checkpoint: outdated %t, it shows %d", b.db.outdated(two), seen(two))
	}
	three := write(3)
	if b.db.outdated(three) || seen(three) != 3 {
		t.Errorf("after it: outdated %t, it shows %d", b.db.outdated(three), seen(three))
	}
}

// A file that was cut short is refused by name; it does not bring the process down.
func TestAFileCutShortIsRefused(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	for i := range 200 {
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
	}
	b.check(t)
	path := filepath.Join(dir, "registry.db")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, keep := range []int{len(raw) * 3 / 4, len(raw) / 2, len(raw) / 4, 20000, 9000} {
		at := t.TempDir()
		if err := os.WriteFile(filepath.Join(at, "registry.db"), raw[:keep], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(Options{Dir: at, Service: "registry", Schema: newSchema().all, MapSize: 64 << 20})
		if err == nil { // what was cut off was free
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			continue
		}
		wantReason(t, err, faultpb.Reason_REASON_DATA_DAMAGED)
	}
}

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
)

// onCommit replaces how the store's file ends its transactions.
func onCommit(b *bench, commit func(*bolt.Tx) error) {
	b.db.writing.Lock()
	defer b.db.writing.Unlock()
	b.db.commit = commit
}

// full is a commit that finds no room: nothing counts.
func full(tx *bolt.Tx) error { return errors.Join(syscall.ENOSPC, tx.Rollback()) }

// unsynced is a commit whose last sync fails: it shows, and is on the disk or not.
func unsynced(tx *bolt.Tx) error { return errors.Join(tx.Commit(), syscall.EIO) }

// A full disk changes nothing: every caller is told, reading goes on, and the store recovers by itself.
func TestFullDisk(t *testing.T) {
	b := open(t, t.TempDir())
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), "r-1"); err != nil {
		t.Fatal(err)
	}
	onCommit(b, full)
	for range 3 {
		out := inOneGroup(b, newCall(b, 2, "b", "r-2"), newCall(b, 1, "a", "r-1"), newCall(b, 3, "a", ""))
		for _, o := range out {
			wantReason(t, o.err, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
			if !errors.Is(o.err, syscall.ENOSPC) {
				t.Errorf("the cause is lost: %v", o.err)
			}
		}
		if n := count(t, b); n != 1 || b.Head().GetPosition() != 1 {
			t.Errorf("%d enterprises at position %d", n, b.Head().GetPosition())
		}
		wantReason(t, b.Healthy(), faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
	}
	onCommit(b, (*bolt.Tx).Commit)
	if _, err := create(caller(), b, enterprise(2, "units/u", "b"), "r-2"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, b); n != 2 || b.Healthy() != nil {
		t.Errorf("%d enterprises, %v", n, b.Healthy())
	}
}

// A commit whose last sync failed shows in the file. Another commit on top of it proves it durable: then it is
// acknowledged, once.
func TestFailedSyncThatCounts(t *testing.T) {
	b := open(t, t.TempDir())
	var commits atomic.Int32
	onCommit(b, func(tx *bolt.Tx) error {
		if commits.Add(1) == 1 {
			return unsynced(tx)
		}
		return tx.Commit()
	})
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), ""); err != nil {
		t.Fatal(err)
	}
	if n := count(t, b); n != 1 || b.Head().GetPosition() != 1 || commits.Load() != 2 {
		t.Errorf("%d enterprises at position %d after %d commits", n, b.Head().GetPosition(), commits.Load())
	}
}

// INV-STORE-READS-DURABLE: as long as it is not known whether an entry is on the disk, its writer is told so, no reader is
// answered from it, and no event of it leaves. Once the disk is well again this ends by itself, with nobody writing.
func TestNobodyReadsWhatMayBeLost(t *testing.T) {
	b := open(t, t.TempDir())
	onCommit(b, unsynced)
	_, err := create(caller(), b, enterprise(1, "units/u", "a"), "r-1")
	wantReason(t, err, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
	soon, cancel := context.WithTimeout(caller(), 5*time.Millisecond)
	defer cancel()
	_, err = View(soon, b.Store, func(tx *ReadTx) (bool, error) {
		_, found, err := b.enterprises.Find(tx, "enterprises/e1")
		return found, err
	})
	wantReason(t, err, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
	if events, err := b.Events(t.Context(), 1, 10); err != nil || len(events) != 0 {
		t.Errorf("%d events leave, %v", len(events), err)
	}
	onCommit(b, (*bolt.Tx).Commit)
	if e, err := get(b, "enterprises/e1"); err != nil || e.GetRevision() != 1 {
		t.Errorf("after the disk is well again: %v, %v", e, err)
	}
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), "r-1"); err != nil || b.Head().GetEvents() != 1 {
		t.Errorf("the repeated request: %v, %d events", err, b.Head().GetEvents())
	}
}

// bbolt shows a commit before its last sync has ended; a reader that comes in between waits for it.
func TestReadersWaitForTheLastSync(t *testing.T) {
	b := open(t, t.TempDir())
	shown, synced := make(chan struct{}), make(chan struct{})
	onCommit(b, func(tx *bolt.Tx) error {
		err := tx.Commit()
		close(shown)
		<-synced
		return err
	})
	written, read := make(chan error), make(chan error)
	go func() {
		_, err := create(caller(), b, enterprise(1, "units/u", "a"), "")
		written <- err
	}()
	<-shown
	looked := make(chan struct{})
	go func() {
		_, err := View(caller(), b.Store, func(tx *ReadTx) (bool, error) {
			defer close(looked)
			_, found, err := b.enterprises.Find(tx, "enterprises/e1")
			return found, err
		})
		read <- err
	}()
	<-looked
	select {
	case err := <-read:
		t.Errorf("a reader was answered before the sync had ended: %v", err)
	case err := <-written:
		t.Errorf("the writer was answered before the sync had ended: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(synced)
	if err := errors.Join(<-written, <-read); err != nil {
		t.Error(err)
	}
	onCommit(b, (*bolt.Tx).Commit)
}

// What a shared log has granted is applied however long the file takes; the caller is told that the outcome is unknown.
func TestFullDiskUnderASharedLog(t *testing.T) {
	log := quietLog()
	b := open(t, t.TempDir(), log.on)
	onCommit(b, full)
	ctx, cancel := context.WithCancel(caller())
	unknown := make(chan error)
	go func() {
		_, err := create(ctx, b, enterprise(1, "units/u", "a"), "r-1")
		unknown <- err
	}()
	until(t, "the file is full", func() bool { return b.Healthy() != nil })
	cancel()
	wantReason(t, <-unknown, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
	onCommit(b, (*bolt.Tx).Commit)
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), "r-1"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, b); n != 1 || b.Head().GetEvents() != 1 || len(log.entries) < 1 {
		t.Errorf("%d enterprises, %d events, %d entries", n, b.Head().GetEvents(), len(log.entries))
	}
}

// A file that cannot be opened again is Unavailable for readers and writers until it can.
func TestAFileThatIsAway(t *testing.T) {
	b := open(t, t.TempDir())
	again := b.db.open
	errAway := errors.New("the disk is away")
	b.db.open = func() (*bolt.DB, error) { return nil, errAway }
	onCommit(b, full)
	_, err := create(caller(), b, enterprise(1, "units/u", "a"), "")
	wantReason(t, err, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
	if _, err := get(b, "enterprises/e1"); !errors.Is(err, errAway) || fault.KindOf(err) != fault.KindUnavailable {
		t.Errorf("reading: %v", err)
	}
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), ""); !errors.Is(err, errAway) {
		t.Errorf("writing: %v", err)
	}
	b.db.writing.Lock()
	b.db.open, b.db.commit, b.db.tried = again, (*bolt.Tx).Commit, time.Time{}
	b.db.writing.Unlock()
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), ""); err != nil {
		t.Fatal(err)
	}
}

// A failed commit may not leave anything behind that a later one, or a reader before, trips over: many in a row, of both
// kinds, under readers.
func TestManyFailedCommits(t *testing.T) {
	r := seeded(t)
	b := open(t, t.TempDir())
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
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := View(caller(), b.Store, func(tx *ReadTx) (int, error) {
				n := 0
				for e, err := range b.enterprises.All(tx) {
					if err != nil || e.GetRevision() != 1 {
						return n, fmt.Errorf("%v: %w", e, err)
					}
					n++
				}
				return n, nil
			}); err != nil {
				t.Error(err)
			}
		}
	}()
	for i := range 60 {
		kind := r.Int32N(3)
		fail.Store(kind)
		e := enterprise(i, "units/u", fmt.Sprint(i))
		_, err := create(caller(), b, e, fmt.Sprint(i))
		if (err != nil) != (kind == 1) {
			t.Fatalf("commit of kind %d: %v", kind, err)
		}
		if _, err := create(caller(), b, e, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-stopped
	if n, events := count(t, b), b.Head().GetEvents(); n != 60 || events != 60 {
		t.Errorf("%d enterprises, %d events", n, events)
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

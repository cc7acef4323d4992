package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/timestamppb"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// stuck is a receiver that stands still until it is freed.
type stuck struct{ began, free chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	select {
	case <-s.free:
	default:
		close(s.began)
		<-s.free
	}
	return len(p), nil
}

// A backup whose receiver stands still holds up nobody, not even when a checkpoint fails meanwhile.
func TestABackupThatStandsStill(t *testing.T) {
	b := open(t, t.TempDir())
	w := stuck{make(chan struct{}), make(chan struct{})}
	taken := make(chan error, 1)
	go func() {
		_, err := b.Backup(context.WithoutCancel(t.Context()), w)
		taken <- err
	}()
	<-w.began
	onCommit(b, full)
	if _, err := create(caller(), b, enterprise(1, "units/u", "1"), ""); err != nil {
		t.Fatal(err)
	}
	if err := b.db.flush(t.Context(), b.stop); err == nil {
		t.Fatal("a checkpoint on a full disk")
	}
	onCommit(b, (*bolt.Tx).Commit)
	if n := count(t, b); n != 1 {
		t.Errorf("%d enterprises", n)
	}
	if err := b.Healthy(); err != nil {
		t.Error(err)
	}
	close(w.free)
	if err := <-taken; err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(b.dir, ".backup-*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// Whoever waited for the file to be opened again does not make the next one wait for the readers once more: all readers of
// a wave read at the same time.
func TestReadersAfterAFailedCommitReadTogether(t *testing.T) {
	b := open(t, t.TempDir())
	const readers = 8
	again := b.db.file.open
	came := make(chan struct{}, readers)
	b.db.file.writing.Lock()
	b.db.file.commit = full
	b.db.file.open = func() (*bolt.DB, error) { // while it is opened, the readers come
		for range readers {
			go func() {
				came <- struct{}{}
				_, err := View(caller(), b.Store, func(*ReadTx) (int, error) {
					came <- struct{}{}
					came <- struct{}{} // until all of them are here
					return 0, nil
				})
				if err != nil {
					t.Error(err)
				}
				came <- struct{}{}
			}()
		}
		for range readers {
			<-came
		}
		return again()
	}
	b.db.file.writing.Unlock()
	if err := b.db.Update(putRow(bucketMeta, []byte("dirty"), nil)); err != nil {
		t.Fatal(err)
	}
	if err := b.db.flush(t.Context(), b.stop); err == nil {
		t.Fatal("a checkpoint on a full disk")
	}
	b.db.file.writing.Lock()
	b.db.file.commit, b.db.file.open = (*bolt.Tx).Commit, again
	b.db.file.writing.Unlock()
	in := 0
	until(t, "all readers are inside together", func() bool {
		in += len(came) - in
		return in >= readers
	})
	for range 3 * readers {
		<-came
	}
}

// A process of another version that comes while the data file is away changes nothing in it.
func TestAnotherVersionInTheWindow(t *testing.T) {
	b := open(t, t.TempDir())
	for i := range 3 {
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
	}
	again := b.db.file.open
	var came atomic.Int32
	b.db.file.writing.Lock()
	b.db.file.commit = full
	b.db.file.open = func() (*bolt.DB, error) {
		sc := newSchema()
		sc.byUnit = NewIndex("unit-anew", func(e *registrypb.Enterprise) []Key { return []Key{Text(e.GetUnit())} })
		sc.enterprises = NewTable("enterprises", (*registrypb.Enterprise).GetName, sc.byUnit, sc.byCode, sc.perUnit)
		_, err := Open(Options{Dir: b.dir, Service: "registry", Schema: NewSchema(sc.enterprises, sc.units)})
		wantReason(t, err, faultpb.Reason_REASON_DATA_LOCKED)
		_, err = VerifyFile(context.Background(), b.dir, "registry", nil)
		wantReason(t, err, faultpb.Reason_REASON_DATA_LOCKED)
		came.Add(1)
		return again()
	}
	b.db.file.writing.Unlock()
	if err := b.db.flush(t.Context(), b.stop); err == nil || came.Load() != 1 {
		t.Fatalf("a checkpoint: %v; %d came", err, came.Load())
	}
	onCommit(b, (*bolt.Tx).Commit)
	if err := b.db.flush(t.Context(), b.stop); err != nil {
		t.Fatal(err)
	}
	n, err := View(caller(), b.Store, func(tx *ReadTx) (n int, err error) {
		for _, err := range b.enterprises.By(tx, b.byUnit, Text("units/u")) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	})
	if n != 3 || err != nil {
		t.Errorf("%d by unit, %v", n, err)
	}
}

// A store that had no room for what the tail brought goes on by itself once it has: nothing was missing in the log.
func TestATailThatFoundNoRoom(t *testing.T) {
	log := quietLog()
	writer, reader := open(t, t.TempDir(), log.on), open(t, t.TempDir(), log.on)
	write := func(i int) {
		if _, err := create(caller(), writer, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
	}
	onCommit(reader, full)
	write(0)
	until(t, "the reader has the first", func() bool { return reader.Head().GetPosition() == 1 })
	if err := reader.db.flush(t.Context(), reader.stop); err == nil {
		t.Fatal("a checkpoint on a full disk")
	}
	reader.db.most.Store(1)
	for i := range 5 {
		write(1 + i)
	}
	onCommit(reader, (*bolt.Tx).Commit)
	if err := reader.db.flush(t.Context(), reader.stop); err != nil {
		t.Fatal(err)
	}
	reader.db.most.Store(maxUnwritten)
	write(6)
	until(t, "the reader has all", func() bool { return reader.Head().GetPosition() == writer.Head().GetPosition() })
	if err := reader.Healthy(); err != nil {
		t.Error(err)
	}
}

// A log of which one file is gone is refused: it may have held what was acknowledged last.
func TestALogOfWhichOneFileIsGone(t *testing.T) {
	b := open(t, t.TempDir())
	for i := range 3 {
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if err := b.db.flush(t.Context(), b.stop); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, change := range []func(string) error{os.Remove, func(path string) error { return os.Truncate(path, 0) }} {
		for file := range 2 {
			dir := copyStore(t, b, t.TempDir())
			if err := change(walPaths(dir, "registry")[file]); err != nil {
				t.Fatal(err)
			}
			_, err := VerifyFile(t.Context(), dir, "registry", nil)
			wantReason(t, err, faultpb.Reason_REASON_DATA_DAMAGED)
			if _, err = Open(Options{Dir: dir, Service: "registry", Schema: newSchema().all}); err == nil {
				t.Fatalf("opened without file %d, change %d", file, i)
			}
			wantReason(t, err, faultpb.Reason_REASON_DATA_DAMAGED)
		}
	}
}

// A cursor on a row that an activation has brought in is restored like any other.
func TestRestoreOfARowBroughtIn(t *testing.T) {
	p := openPair(t, t.TempDir())
	begin(t, p.registry)
	if _, err := stage(p.registry, load, "", 0, 4); err != nil {
		t.Fatal(err)
	}
	if _, err := activate(p.registry, ""); err != nil {
		t.Fatal(err)
	}
	p.takes(t, 3)
	if _, err := Restore(t.Context(), p.backUp(t), filepath.Join(t.TempDir(), "new"), pairOf, p.registry.now); err != nil {
		t.Error(err)
	}
}

// A rebuild of request ids does not walk what it has forgotten: each step begins where the last one ended.
func TestRebuildOfRequestIDsGoesForward(t *testing.T) {
	o, b := newOverlay(nowhere{}), &journalpb.Rebuild{}
	const entries = 1500
	at := timestamppb.New(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	for i := range uint64(entries) {
		at = timestamppb.New(at.AsTime().Add(onceKept / 100))
		c := &journalpb.Command{Principal: "principals/a", Method: "m", RequestId: fmt.Sprint(i), Fingerprint: make([]byte, 16)}
		_, raw, err := seal(&journalpb.Head{Position: i, Hash: make([]byte, 32)}, make([]byte, 16), "", at, []*journalpb.Command{c})
		if err != nil {
			t.Fatal(err)
		}
		if err := feedOnce(o, b, raw); err != nil {
			t.Fatal(err)
		}
	}
	first := Key(nil)
	for k := range o.ascend(bucketOnceTime, nil, nil) {
		first = append(first, k...)
		break
	}
	if string(b.GetForgotten()) >= string(first) || len(b.GetForgotten()) == 0 {
		t.Errorf("forgotten up to %x, the first kept is %x", b.GetForgotten(), first)
	}
	kept := 0
	for range o.ascend(bucketOnceTime, nil, b.GetForgotten()) {
		kept++
	}
	if kept > 102 {
		t.Errorf("%d are kept", kept)
	}
}

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// backUp takes a backup of a store into a folder.
func backUp(t *testing.T, b *bench, dir string) *journalpb.Head {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, b.Service()+".db"))
	if err != nil {
		t.Fatal(err)
	}
	head, err := b.Backup(t.Context(), f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return head
}

// A backup taken while commands go on is one state: what was acknowledged before it began is in it, whole.
func TestBackupWhileCommandsGoOn(t *testing.T) {
	b := open(t, t.TempDir())
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := i*4 + w
				if _, err := create(caller(), b, enterprise(id, "units/u", fmt.Sprint(id)), fmt.Sprint(id)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 8 {
		before := b.Head().GetPosition()
		dir := t.TempDir()
		head := backUp(t, b, dir)
		if head.GetPosition() < before {
			t.Errorf("the backup ends at %d, position %d had been acknowledged", head.GetPosition(), before)
		}
		if found, err := VerifyBackup(t.Context(), dir, "registry", nil); err != nil || found.Entries != head.GetPosition() {
			t.Errorf("the backup holds %+v, want %d entries: %v", found, head.GetPosition(), err)
		}
		whole := filepath.Join(dir, "restored")
		if _, err := Restore(t.Context(), dir, whole, []string{"registry"}, b.now); err != nil {
			t.Fatal(err)
		}
		copied := open(t, whole)
		if n := count(t, copied); uint64(n) != head.GetEvents() {
			t.Errorf("%d enterprises, %d events", n, head.GetEvents())
		}
		sameDerived(t, copied, t.TempDir())
		copied.check(t)
	}
	close(stop)
	wg.Wait()
}

// pair is a registry and a planning that has taken its events up to a number.
type pair struct{ registry, planning *bench }

func openPair(t *testing.T, dir string) pair {
	t.Helper()
	return pair{open(t, dir), open(t, dir, func(o *Options) { o.Service, o.Sources = "planning", []string{"registry"} })}
}

func (p pair) takes(t *testing.T, number uint64) {
	t.Helper()
	events, err := p.registry.Events(t.Context(), number, 1)
	if err != nil || len(events) != 1 {
		t.Fatalf("event %d: %v", number, err)
	}
	c := &journalpb.Cursor{
		Source: "registry", Incarnation: p.registry.incarnation, Sequence: number, Position: events[0].Position, Hash: events[0].Hash[:],
	}
	if _, err := Update(caller(), p.planning.Store, nil, func(tx *Tx) (*journalpb.Cursor, error) { return c, SetCursor(tx, c) }); err != nil {
		t.Fatal(err)
	}
}

func (p pair) found(t *testing.T, ids ...int) {
	t.Helper()
	for _, id := range ids {
		if _, err := create(caller(), p.registry, enterprise(id, "units/u", fmt.Sprint(id)), fmt.Sprint(id)); err != nil {
			t.Fatal(err)
		}
	}
}

func (p pair) backUp(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	backUp(t, p.planning, dir)
	backUp(t, p.registry, dir)
	return dir
}

func (p pair) close(t *testing.T) {
	t.Helper()
	p.registry.check(t)
	p.planning.check(t)
}

var pairOf = []string{"registry", "planning"}

// INV-RESTORE-NEW-INCARNATION: restored journals are whole, begin a new incarnation that says which one it continues, and
// their followers go on where they were. It can be done again with a backup of what was restored.
func TestRestore(t *testing.T) {
	p := openPair(t, t.TempDir())
	p.found(t, 0, 1, 2)
	p.takes(t, 2)
	from := p.backUp(t)
	p.found(t, 3) // is lost
	lost, err := get(p.registry, "enterprises/e3")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(Options{Dir: from, Service: "registry", Schema: newSchema().all})
	wantReason(t, err, faultpb.Reason_REASON_DATA_DAMAGED) // a backup is not started as it is
	for round := range 2 {
		dir := filepath.Join(t.TempDir(), "new")
		restored, err := Restore(t.Context(), from, dir, pairOf, p.registry.now)
		if err != nil {
			t.Fatal(err)
		}
		before := p.registry.Incarnation()
		p.close(t)
		for _, service := range pairOf {
			if _, err := VerifyFile(t.Context(), dir, service, nil); err != nil {
				t.Error(err)
			}
		}
		p = openPair(t, dir)
		c, err := p.planning.Cursor(t.Context(), "registry")
		if err != nil || !bytes.Equal(c.GetIncarnation(), p.registry.incarnation) || c.GetSequence() != 2 {
			t.Errorf("the cursor: %v, %v", c, err)
		}
		if r := restored[0]; r.From != before || r.To != p.registry.Incarnation() || r.Position != p.registry.Head().GetPosition() {
			t.Errorf("restored %+v", r)
		}
		if n, events := count(t, p.registry), p.registry.Head().GetEvents(); n != 3+round || events != uint64(n) {
			t.Errorf("%d enterprises, %d events", n, events)
		}
		again, err := create(caller(), p.registry, enterprise(0, "units/u", "0"), "0")
		if err != nil || again.GetRevision() != 1 {
			t.Errorf("a repeated request: %v, %v", again, err)
		}
		p.found(t, 3+round)
		fresh, err := get(p.registry, "enterprises/e3")
		if err != nil || fresh.GetEtag() == lost.GetEtag() {
			t.Errorf("revision 1 has the etag %s of a revision that was lost (%v)", fresh.GetEtag(), err)
		}
		if events, err := p.registry.Events(t.Context(), 1, 1); err != nil || events[0].Incarnation != p.registry.Incarnation() {
			t.Errorf("an old event belongs to %v (%v)", events, err)
		}
		sameDerived(t, p.registry, t.TempDir())
		from = p.backUp(t)
	}
	p.close(t)
}

// What cannot be restored leaves an empty folder and says why.
func TestRestoreRefuses(t *testing.T) {
	p := openPair(t, t.TempDir())
	p.found(t, 0, 1)
	early := t.TempDir()
	backUp(t, p.registry, early)
	p.found(t, 2)
	p.takes(t, 3)
	backUp(t, p.planning, early)
	whole := p.backUp(t)
	damaged := t.TempDir()
	for _, service := range pairOf {
		copyFileTo(t, filepath.Join(whole, service+".db"), damaged)
	}
	if err := os.Truncate(filepath.Join(damaged, "planning.db"), 9000); err != nil {
		t.Fatal(err)
	}
	alone := t.TempDir()
	copyFileTo(t, filepath.Join(whole, "planning.db"), alone)
	for name, c := range map[string]struct {
		from     string
		services []string
		reason   faultpb.Reason
	}{
		"the followed service is older":    {early, pairOf, faultpb.Reason_REASON_SOURCE_WENT_BACK},
		"damaged":                          {damaged, pairOf, faultpb.Reason_REASON_DATA_DAMAGED},
		"a file is missing":                {alone, pairOf, faultpb.Reason_REASON_RESOURCE_NOT_FOUND},
		"the followed service is left out": {whole, []string{"planning"}, faultpb.Reason_REASON_RESOURCE_NOT_FOUND},
	} {
		dir := t.TempDir()
		_, err := Restore(context.Background(), c.from, dir, c.services, p.registry.now)
		wantReason(t, err, c.reason)
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: %v is left, %v", name, left, err)
		}
	}
	_, err := Restore(context.Background(), whole, p.registry.dir, pairOf, p.registry.now)
	wantReason(t, err, faultpb.Reason_REASON_RESOURCE_EXISTS)
}

// Another journal under the same numbers is told by its hash.
func TestRestoreTellsJournalsApart(t *testing.T) {
	p := openPair(t, t.TempDir())
	other := copyStore(t, p.registry, t.TempDir())
	p.found(t, 0)
	p.takes(t, 1)
	from := t.TempDir()
	backUp(t, p.planning, from)
	forked := open(t, other)
	if _, err := create(caller(), forked, enterprise(7, "units/u", "7"), ""); err != nil {
		t.Fatal(err)
	}
	backUp(t, forked, from)
	_, err := Restore(t.Context(), from, t.TempDir(), pairOf, p.registry.now)
	wantReason(t, err, faultpb.Reason_REASON_SOURCE_WENT_BACK)
}

// An incarnation that does not say what it continues, or says another, breaks the chain.
func TestAnIncarnationMustSayWhatItContinues(t *testing.T) {
	one, two := bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 16)
	first := &journalpb.Entry{Format: entryFormat, Incarnation: one, Position: 1, PreviousHash: make([]byte, 32)}
	for name, c := range map[string]struct {
		from []byte
		fits bool
	}{"nothing": {nil, false}, "another": {two, false}, "the one before": {one, true}} {
		at := &chain{head: &journalpb.Head{}}
		raw, err := deterministic.Marshal(first)
		if err := errors.Join(err, at.take(first, raw)); err != nil {
			t.Fatal(err)
		}
		next := &journalpb.Entry{Format: entryFormat, Incarnation: two, Position: 2, PreviousHash: at.head.GetHash(), RestoredFrom: c.from}
		if err := at.take(next, nil); (err == nil) != c.fits || err != nil && fault.KindOf(err) != fault.KindDataLoss {
			t.Errorf("it continues %s: %v", name, err)
		}
	}
}

// A backup that nobody reads any more ends.
func TestBackupEndsWithItsReader(t *testing.T) {
	b := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Backup(ctx, &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	_, err := Update(caller(), b.Store, nil, func(tx *Tx) (*registrypb.Enterprise, error) {
		_, err := b.Backup(tx.ctx, &bytes.Buffer{})
		return nil, err
	})
	wantReason(t, err, faultpb.Reason_REASON_INTERNAL)
}

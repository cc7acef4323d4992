package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"coso/services/platform/fault"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// What is summed up, and how, is final: files and replicas of other versions are compared by it.
func TestDigestGolden(t *testing.T) {
	var l lanes
	empty := hex.EncodeToString(sliceOf(l.sum()))
	l.add(rowLanes("table/units", []byte("units/a\x00"), []byte{1, 2, 3}))
	one := hex.EncodeToString(sliceOf(l.sum()))
	l.add(rowLanes("table/enterprises", []byte("enterprises/e1\x00"), []byte{1}))
	two := hex.EncodeToString(sliceOf(l.sum()))
	got := fmt.Sprintf("version %d\n%s\n%s\n%s\n", digestVersion, empty, one, two)
	want := `version 1
e5a00aa9991ac8a5ee3109844d84a55583bd20572ad3ffcd42792f3c36b183ad
73ed84d42c19b83a0b4ea66c6c3c7a5d47732e9841252ef3772fc7a6593530e5
bff56e6de6a763f0ff72179ad2fc0c530ec08c2388c59ef006d47e84e979e78f
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// rowLanes are the lanes of a row by themselves.
func rowLanes(bucket string, key, value []byte) *lanes { return new(drawer).draw(bucket, key, value) }

func sliceOf(b [32]byte) []byte { return b[:] }

// The sum is of a set: order does not count, what was taken out was never there, and every part of a row counts.
func TestDigestIsOfASet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type row struct {
			table      string
			key, value []byte
		}
		rows := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) row {
			return row{
				rapid.SampledFrom([]string{"table/a", "table/ab", "table/b"}).Draw(rt, "table"),
				rapid.SliceOfN(rapid.Byte(), 1, 4).Draw(rt, "key"), rapid.SliceOfN(rapid.Byte(), 1, 4).Draw(rt, "value"),
			}
		}), 1, 12).Draw(rt, "rows")
		var forward, backward lanes
		for i := range rows {
			r, b := rows[i], rows[len(rows)-1-i]
			forward.add(rowLanes(r.table, r.key, r.value))
			backward.add(rowLanes(b.table, b.key, b.value))
		}
		if forward != backward {
			rt.Fatal("order counts")
		}
		without := forward
		gone := rapid.SampledFrom(rows).Draw(rt, "gone")
		without.sub(rowLanes(gone.table, gone.key, gone.value))
		if without == forward {
			rt.Fatal("a row that was taken out still counts")
		}
		if without.add(rowLanes(gone.table, gone.key, gone.value)); without != forward {
			rt.Fatal("a row that was taken out and put back does not count as before")
		}
		moved := append(append([]byte{}, gone.key...), gone.value[:1]...)
		for name, other := range map[string]*lanes{
			"table": rowLanes(gone.table+"x", gone.key, gone.value), "end of the key": rowLanes(gone.table, moved, gone.value[1:]),
			"value": rowLanes(gone.table, gone.key, append([]byte{7}, gone.value...)),
		} {
			if *other == *rowLanes(gone.table, gone.key, gone.value) {
				rt.Fatalf("the %s does not count", name)
			}
		}
	})
}

// INV-STORE-DIGEST: what entries, activations, restarts and a restore leave is what a recount finds, and the ring knows what it
// was before. The recount itself is in every store test: bench.check verifies.
func TestDigestAcrossAStoresLife(t *testing.T) {
	b := open(t, t.TempDir())
	begin(t, b)
	for i := range 5 {
		if _, err := create(caller(), b, enterprise(100+i, "units/u", fmt.Sprintf("c%d", i)), ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := stage(b, load, "", 0, 9); err != nil {
		t.Fatal(err)
	}
	before := b.State()
	if _, err := activate(b, ""); err != nil {
		t.Fatal(err)
	}
	after := b.State()
	if !before.Known || !after.Known || before.Digest == after.Digest || after.Position != before.Position+1 {
		t.Fatalf("an activation leads from %+v to %+v", before, after)
	}
	b.check(t)
	b = open(t, b.dir)
	if again := b.State(); again.Digest != after.Digest || !bytes.Equal(again.Hash, after.Hash) {
		t.Errorf("after a restart %+v, before %+v", again, after)
	}
	if _, err := rename(caller(), b, "enterprises/e100", "khác", ""); err != nil {
		t.Fatal(err)
	}
	changed := b.State()
	if _, err := rename(caller(), b, "enterprises/e101", "khác", ""); err != nil {
		t.Fatal(err)
	}
	b.check(t)
	found, err := VerifyFile(t.Context(), b.dir, "registry", nil)
	if err != nil || !found.Counted || found.Rows == 0 || changed.Digest == b.State().Digest {
		t.Errorf("the file: %+v, %v", found, err)
	}
}

// Stores on one log show one digest at one position, also for the positions before, and other digests at others.
func TestDigestOfTwoStores(t *testing.T) {
	log := quietLog()
	a, b := open(t, t.TempDir(), log.on), open(t, t.TempDir(), log.on)
	digests := map[[32]byte]uint64{}
	for i := range 12 {
		at := a
		if i%3 == 0 {
			at = b
		}
		if _, err := create(caller(), at, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "both have all", func() bool { return a.Head().GetPosition() == b.Head().GetPosition() })
	for p := uint64(1); p <= a.Head().GetPosition(); p++ {
		of, err := a.StateAt(p)
		there, err2 := b.StateAt(p)
		if err != nil || err2 != nil || !of.Known || of.Digest != there.Digest || !bytes.Equal(of.Hash, there.Hash) {
			t.Fatalf("at %d: %+v and %+v (%v, %v)", p, of, there, err, err2)
		}
		if other, twice := digests[of.Digest]; twice && len(of.Hash) > 0 {
			t.Errorf("entries %d and %d leave one digest", other, p)
		}
		digests[of.Digest] = p
	}
	if at, err := a.StateAt(a.Head().GetPosition() + 1); at != nil || err != nil {
		t.Errorf("a position to come: %v, %v", at, err)
	}
}

// A file of an earlier version has no digest, or one that stayed behind: its rows are counted while commands go on, through
// restarts in the middle, and the digest is what it would have been.
func TestDigestOfAnEarlierFile(t *testing.T) {
	for name, spoil := range map[string]func(old []byte) []byte{
		"none":         func([]byte) []byte { return nil },
		"stayed":       func(old []byte) []byte { binary.BigEndian.PutUint64(old[1:], 1); return old },
		"another form": func(old []byte) []byte { old[0]++; return old },
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, t.TempDir())
			const rows = 3 * countRows
			for i := range rows {
				if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
					t.Fatal(err)
				}
			}
			b.check(t)
			want := b.State()
			inFile(t, b.dir, func(tx *bolt.Tx) error {
				old := bytes.Clone(boltSpace{tx}.get(bucketMeta, keyDigest))
				if err := (boltSpace{tx}).del(bucketMeta, keyDigest); err != nil {
					return err
				}
				if now := spoil(old); now != nil {
					return boltSpace{tx}.put(bucketMeta, keyDigest, now)
				}
				return nil
			})
			if found, err := VerifyFile(t.Context(), b.dir, "registry", nil); err != nil || found.Counted {
				t.Errorf("before it is counted: %+v, %v", found, err)
			}
			b = open(t, b.dir)
			var wg sync.WaitGroup
			errs := make([]error, 40)
			for i := range errs { // before, behind and at where the recount is
				wg.Go(func() {
					_, errs[i] = rename(caller(), b, fmt.Sprintf("enterprises/e%d", i*rows/len(errs)), "khác", "")
				})
			}
			wg.Wait()
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			until(t, "all rows are counted", func() bool { return b.State().Known })
			for i := range errs {
				if _, err := rename(caller(), b, fmt.Sprintf("enterprises/e%d", i*rows/len(errs)), fmt.Sprintf("Công ty %d", i*rows/len(errs)), ""); err != nil {
					t.Fatal(err)
				}
			}
			if got := b.State(); got.Digest == want.Digest {
				t.Error("the revisions of records do not count")
			}
			b.check(t)
			if found, err := VerifyFile(t.Context(), b.dir, "registry", nil); err != nil || !found.Counted {
				t.Errorf("after it was counted: %+v, %v", found, err)
			}
		})
	}
}

// inFile changes the file of a store that does not run.
func inFile(t *testing.T, dir string, change func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, "registry.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A row that changed otherwise than by an entry is found: in a stopped file by verify, on a shared log by the recount at the
// start, which sets the store aside. What it holds is shown to nobody, its journal still.
func TestDigestFindsAChangedRow(t *testing.T) {
	log := quietLog()
	b := open(t, t.TempDir(), log.on)
	for i := range 20 {
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
	}
	b.check(t)
	inFile(t, b.dir, func(tx *bolt.Tx) error {
		v := bytes.Clone(boltSpace{tx}.get("table/enterprises", Text("enterprises/e7")))
		v[bytes.Index(v, []byte("ty 7"))+3] ^= 1
		return boltSpace{tx}.put("table/enterprises", Text("enterprises/e7"), v)
	})
	_, err := VerifyFile(t.Context(), b.dir, "registry", nil)
	if wantReason(t, err, faultpb.Reason_REASON_TABLES_DAMAGED); fault.KindOf(err) != fault.KindDataLoss {
		t.Errorf("verify: %v", err)
	}
	var said logged
	damaged := &bench{schema: newSchema(), dir: b.dir}
	o := Options{Dir: b.dir, Service: "registry", Schema: damaged.all}
	log.on(&o)
	said.to(&o)
	damaged.Store, err = Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := damaged.Close(); err != nil {
			t.Error(err)
		}
	}()
	until(t, "the store is set aside", func() bool { return damaged.Aside() != nil })
	wantReason(t, damaged.Healthy(), faultpb.Reason_REASON_TABLES_DAMAGED)
	_, err = get(damaged, "enterprises/e3")
	if wantReason(t, err, faultpb.Reason_REASON_REPLICA_SET_ASIDE); fault.KindOf(err) != fault.KindUnavailable {
		t.Errorf("a reading: %v", err)
	}
	_, err = create(caller(), damaged, enterprise(99, "units/u", "new"), "")
	wantReason(t, err, faultpb.Reason_REASON_TABLES_DAMAGED)
	if events, err := damaged.Events(t.Context(), 1, 100); err != nil || len(events) != 20 {
		t.Errorf("its journal: %d events, %v", len(events), err)
	}
	if !bytes.Contains([]byte(said.String()), []byte("set aside")) {
		t.Errorf("nobody was told: %s", said.String())
	}
}

// An entry of the journal that changed in the file is found by the walk at the start of a store on a shared log, which sets it aside:
// the tables still add up.
func TestAChangedEntryIsFound(t *testing.T) {
	log := quietLog()
	b := open(t, t.TempDir(), log.on)
	for i := range 20 {
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
	}
	b.check(t)
	inFile(t, b.dir, func(tx *bolt.Tx) error {
		v := bytes.Clone(boltSpace{tx}.get(bucketJournal, positionKey(7)))
		v[len(v)/2] ^= 1
		return boltSpace{tx}.put(bucketJournal, positionKey(7), v)
	})
	damaged := &bench{schema: newSchema(), dir: b.dir}
	o := Options{Dir: b.dir, Service: "registry", Schema: damaged.all}
	log.on(&o)
	var err error
	if damaged.Store, err = Open(o); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := damaged.Close(); err != nil {
			t.Error(err)
		}
	}()
	until(t, "the store is set aside", func() bool { return damaged.Aside() != nil })
	if kind := fault.KindOf(damaged.Healthy()); kind != fault.KindDataLoss {
		t.Errorf("it says %v", damaged.Healthy())
	}
}

// A page that makes no sense ends the recount with an alarm, not the process.
func TestDigestOfAPageThatCannotBeRead(t *testing.T) {
	b := open(t, t.TempDir())
	err := readable("registry.db", func() error {
		return b.db.View(func(reading) error { panic("page 7: page type is unknown") })
	})
	wantReason(t, err, faultpb.Reason_REASON_DATA_DAMAGED)
}

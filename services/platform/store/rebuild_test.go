package store

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"coso/services/platform/fault"

	"pgregory.net/rapid"

	faultpb "coso/proto/gen/coso/fault/v1"
	historypb "coso/proto/gen/coso/history/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// INV-STORE-REBUILD-ONCE: while tables are built anew, step by step between commands, reopenings and refusals, every row
// counts once; what can be read is right, what cannot is Unavailable, and in the end all is as a foreground rebuild
// makes it.
func TestRebuildModel(t *testing.T) {
	root := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		dir := filepath.Join(root, strconv.Itoa(runs))
		runs++
		byHand := func(o *Options) { o.stepRows = -rapid.IntRange(1, 4).Draw(rt, "rows") }
		b := hasty(open(t, dir, byHand))
		m := &model{have: map[string]fact{}}
		for i := range rapid.IntRange(5, 15).Draw(rt, "at first") {
			e := enterprise(i, "units/u", fmt.Sprint(i))
			if _, err := create(caller(), b, e, fmt.Sprintf("r-%d", i)); err != nil {
				rt.Fatal(err)
			}
			m.create(e)
		}
		b.check(t)
		forgetVersions(rt, dir)
		b = hasty(open(t, dir, byHand))
		asked := 0
		name := rapid.IntRange(0, 20)
		unit := rapid.SampledFrom([]string{"units/u", "units/u1", "units/u10"})
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				n := name.Draw(rt, "name")
				e := enterprise(n, unit.Draw(rt, "unit"), fmt.Sprint(n%12))
				asked++
				_, err := create(caller(), b, e, rapid.SampledFrom([]string{"", fmt.Sprintf("s-%d", asked)}).Draw(rt, "request"))
				if fault.ReasonOf(err) == faultpb.Reason_REASON_INDEX_REBUILDING {
					return
				}
				if want := m.create(e); (err == nil) != want {
					rt.Fatalf("create %v: %v, the model says %v", e, err, want)
				}
			},
			"move": func(rt *rapid.T) {
				n, u := fmt.Sprintf("enterprises/e%d", name.Draw(rt, "name")), unit.Draw(rt, "unit")
				_, err := Update(caller(), b.Store, nil, func(tx *Tx) (*registrypb.Enterprise, error) {
					cur, err := b.enterprises.Get(tx, n)
					if err != nil {
						return nil, err
					}
					cur.Unit = u
					return b.enterprises.Put(tx, cur, &registrypb.EnterpriseUpdated{})
				})
				if want := m.change(n, func(f *fact) { f.unit = u }); (err == nil) != want {
					rt.Fatalf("move %s: %v, the model says %v", n, err, want)
				}
			},
			"step": func(rt *rapid.T) {
				left := b.Rebuilding()
				if len(left) == 0 {
					return
				}
				i := rapid.IntRange(0, len(left)-1).Draw(rt, "table")
				r := b.unbuilt[slices.IndexFunc(b.unbuilt, func(r *recipe) bool { return r.name == left[i].Table })]
				if _, err := b.rebuildStep(r); err != nil {
					rt.Fatal(err)
				}
			},
			"load": func(rt *rapid.T) {
				first := 100 + 10*asked
				asked++
				if !loadSome(rt, b, first, first+2) {
					return
				}
				for i := first; i <= first+2; i++ {
					m.create(enterprise(i, fmt.Sprintf("units/u%d", i%3), fmt.Sprint(i)))
				}
			},
			"reopen": func(*rapid.T) {
				b.check(t)
				b = hasty(open(t, dir, byHand))
			},
			"": func(rt *rapid.T) { readDuringRebuild(rt, b, m) },
		})
		whole(rt, b)
		compare(rt, b, m)
		sameDerived(rt, b, root)
		b.check(t)
	})
}

// loadSome brings enterprises in by an operation, if the index of unique keys is whole.
func loadSome(rt *rapid.T, b *bench, first, last int) bool {
	op := fmt.Sprintf("operations/%d", first)
	run := func(fn func(tx *Tx) (*journalpb.Operation, error)) error {
		_, err := Update(caller(), b.Store, nil, fn)
		return err
	}
	err := run(func(tx *Tx) (*journalpb.Operation, error) { return BeginOperation(tx, op) })
	if fault.ReasonOf(err) == faultpb.Reason_REASON_INDEX_REBUILDING {
		return false
	}
	must(rt, err)
	_, err = stage(b, op, "", first, last)
	if fault.ReasonOf(err) == faultpb.Reason_REASON_INDEX_REBUILDING {
		must(rt, run(func(tx *Tx) (*journalpb.Operation, error) {
			return AbandonOperation(tx, op, faultpb.Reason_REASON_CANCELLED)
		}))
		return false
	}
	must(rt, err)
	must(rt, run(func(tx *Tx) (*journalpb.Operation, error) { return activateOperation(tx, op) }))
	return true
}

// readDuringRebuild holds what can be read against the model.
func readDuringRebuild(rt *rapid.T, b *bench, m *model) {
	var building []string
	for _, r := range b.Rebuilding() {
		building = append(building, r.Table)
	}
	for _, u := range []string{"units/u", "units/u1", "units/u10"} {
		want := 0
		for _, f := range m.have {
			if f.unit == u {
				want++
			}
		}
		n, err := View(caller(), b.Store, func(tx *ReadTx) (int, error) {
			n, _ := Key(b.perUnit.In(tx).Get(Text(u))).Split().Uint64()
			return int(n), nil
		})
		readOrRebuilding(rt, slices.Contains(building, "derived/per-unit"), err, n == want, "counter of "+u)
		n, err = View(caller(), b.Store, func(tx *ReadTx) (n int, err error) {
			for _, err := range b.enterprises.By(tx, b.byUnit, Text(u)) {
				if err != nil {
					return 0, err
				}
				n++
			}
			return n, nil
		})
		readOrRebuilding(rt, slices.Contains(building, "index/enterprises/unit"), err, n == want, "index of "+u)
	}
	for _, name := range slices.Sorted(maps.Keys(m.have))[:1] {
		f := m.have[name]
		h, err := View(caller(), b.Store, func(tx *ReadTx) (*historypb.History, error) {
			return b.enterprises.History(tx, &registrypb.ListEnterpriseHistoryRequest{Name: name})
		})
		readOrRebuilding(rt, slices.Contains(building, bucketHistory), err, int64(len(h.GetRevisions())) == f.revision, "history of "+name)
	}
}

func readOrRebuilding(rt *rapid.T, building bool, err error, right bool, what string) {
	switch {
	case building && fault.ReasonOf(err) != faultpb.Reason_REASON_INDEX_REBUILDING:
		rt.Fatalf("%s, which is being built, answers %v", what, err)
	case !building && (err != nil || !right):
		rt.Fatalf("%s is wrong (%v)", what, err)
	}
}

// A store serves while its tables are built in the background: writers go on, and a kill in the middle loses nothing.
func TestRebuildGoesOnWhileTheStoreServes(t *testing.T) {
	root := t.TempDir()
	b := open(t, filepath.Join(root, "first"))
	for i := range 30 {
		change(t, b, func(tx *Tx) error {
			for j := range 10 {
				if _, err := b.enterprises.Create(tx, enterprise(i*10+j, "units/u", fmt.Sprint(i*10+j)), &registrypb.EnterpriseCreated{}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	b.check(t)
	forgetVersions(t, b.dir)
	b = open(t, b.dir, func(o *Options) { o.stepRows = -3 })
	if _, err := b.rebuildStep(b.unbuilt[0]); err != nil || len(b.Rebuilding()) == 0 {
		t.Fatalf("nothing is being built, %v", err)
	}
	killed := copyStore(t, b, root)
	b.background.Go(b.rebuildLoop)
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for i := w; i < 60; i += 3 {
				name := fmt.Sprintf("enterprises/e%d", i*5)
				_, err := Update(caller(), b.Store, nil, func(tx *Tx) (*registrypb.Enterprise, error) {
					cur, err := b.enterprises.Get(tx, name)
					if err != nil {
						return nil, err
					}
					cur.Unit = fmt.Sprintf("units/u%d", i%4)
					return b.enterprises.Put(tx, cur, &registrypb.EnterpriseUpdated{})
				})
				if err != nil {
					t.Errorf("a write during the rebuild: %v", err)
				}
			}
		})
	}
	writers.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	untilWhole(ctx, t, b)
	sameDerived(t, b, root)
	after := open(t, killed, func(o *Options) { o.stepRows = 50 })
	untilWhole(ctx, t, after)
	sameDerived(t, after, root)
	if n := count(t, after); n != 300 {
		t.Errorf("%d enterprises after the kill", n)
	}
}

// untilWhole waits for the background rebuild.
func untilWhole(ctx context.Context, t *testing.T, b *bench) {
	t.Helper()
	for b.building.Load() {
		select {
		case <-ctx.Done():
			t.Fatalf("still building %v", b.Rebuilding())
		case <-time.After(time.Millisecond):
		}
	}
	if left := b.Rebuilding(); len(left) > 0 {
		t.Fatalf("whole, but building %v", left)
	}
}

// What a rebuild makes impossible is refused as Unavailable; the rest goes on.
func TestWhatARebuildRefuses(t *testing.T) {
	b := open(t, t.TempDir())
	for i := range 9 {
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
	}
	b.check(t)
	forgetVersions(t, b.dir)
	b = open(t, b.dir, func(o *Options) { o.stepRows = -2 })
	left := b.Rebuilding()
	want := "[history once index/enterprises/unit index/enterprises/tax-code derived/per-unit]"
	var names []string
	for _, r := range left {
		names = append(names, r.Table)
	}
	if fmt.Sprint(names) != want || left[0].Done != 2 || left[0].Version != historyVersion {
		t.Errorf("rebuilding %v", left)
	}
	_, err := create(caller(), b, enterprise(20, "units/u", "20"), "")
	wantReason(t, err, faultpb.Reason_REASON_INDEX_REBUILDING)
	_, err = create(caller(), b, enterprise(20, "units/u", "20"), "r-1")
	wantReason(t, err, faultpb.Reason_REASON_INDEX_REBUILDING)
	if _, err := rename(caller(), b, "enterprises/e7", "Đổi tên", ""); err != nil {
		t.Errorf("a change that keeps its unique key: %v", err)
	}
	_, err = View(caller(), b.Store, func(tx *ReadTx) (int, error) {
		items, _, err := b.enterprises.List(tx, &registrypb.ListEnterprisesRequest{}, Having(b.byUnit, Text("units/u")), nil)
		return len(items), err
	})
	wantReason(t, err, faultpb.Reason_REASON_INDEX_REBUILDING)
	_, err = Update(caller(), b.Store, nil, func(tx *Tx) (*registrypb.Enterprise, error) {
		if v := b.perUnit.In(tx).Get(Text("units/u")); v != nil {
			t.Errorf("a counter that is not whole answers %x", v)
		}
		return b.enterprises.Get(tx, "enterprises/e1")
	})
	wantReason(t, err, faultpb.Reason_REASON_INDEX_REBUILDING)
	whole(t, b)
	if _, err := create(caller(), b, enterprise(20, "units/u", "20"), "r-1"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	sameDerived(t, b, t.TempDir())
}

// A derived table that a program does not know is not kept in step by it, so a program that knows it again builds it.
func TestADerivedTableThatWasForgottenIsBuiltAnew(t *testing.T) {
	b := open(t, t.TempDir())
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), ""); err != nil {
		t.Fatal(err)
	}
	b.check(t)
	less := newSchema()
	less.enterprises = NewTable("enterprises", (*registrypb.Enterprise).GetName, less.byUnit)
	less.all = NewSchema(less.enterprises, less.units)
	other := &bench{schema: less, dir: b.dir, now: b.now}
	s, err := Open(Options{Dir: b.dir, Service: "registry", Schema: less.all, Clock: func() time.Time { return b.now }})
	if err != nil {
		t.Fatal(err)
	}
	other.Store = s
	if _, err := create(caller(), other, enterprise(2, "units/u", "a"), ""); err != nil {
		t.Fatal(err)
	}
	other.check(t)
	b = open(t, b.dir)
	n, err := View(caller(), b.Store, func(tx *ReadTx) (uint64, error) {
		n, _ := Key(b.perUnit.In(tx).Get(Text("units/u"))).Split().Uint64()
		return n, nil
	})
	if err != nil || n != 2 {
		t.Errorf("the counter says %d (%v), want 2", n, err)
	}
	sameDerived(t, b, t.TempDir())
}

// Request ids that were forgotten and used again are rebuilt as they are.
func TestRebuildOfForgottenRequestIDs(t *testing.T) {
	b := open(t, t.TempDir())
	for round := range 3 {
		for i := range 5 {
			id := fmt.Sprintf("r-%d", i+round)
			if _, err := create(caller(), b, enterprise(round*10+i, "units/u", fmt.Sprint(round, i)), id); err != nil {
				t.Fatal(err)
			}
			b.now = b.now.Add(time.Hour)
		}
		change(t, b, func(tx *Tx) error {
			return b.units.Put(tx, &registrypb.Unit{Name: "units/u", DisplayName: strings.Repeat("x", round)})
		})
		b.now = b.now.Add(onceKept - 3*time.Hour)
	}
	sameDerived(t, b, t.TempDir())
}

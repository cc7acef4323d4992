package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"coso/services/platform/access"
	"coso/services/platform/fault"

	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// fact is what the model knows of one enterprise.
type fact struct {
	unit, code, display string
	revision            int64
}

// model is a store as a map: the judge of the real one.
type model struct {
	have   map[string]fact
	events int
}

func (m *model) create(e *registrypb.Enterprise) bool {
	if _, taken := m.have[e.GetName()]; taken {
		return false
	}
	for _, f := range m.have {
		if f.code == e.GetTaxCode() {
			return false
		}
	}
	m.have[e.GetName()] = fact{e.GetUnit(), e.GetTaxCode(), e.GetDisplayName(), 1}
	m.events++
	return true
}

func (m *model) change(name string, f func(*fact)) bool {
	x, ok := m.have[name]
	if !ok {
		return false
	}
	f(&x)
	x.revision++
	m.have[name] = x
	m.events++
	return true
}

// INV-STORE-MODEL: after any script of commands, refusals, panics, reopenings and rebuilds, on its own log or on a faulty
// one with another writer, the store holds what the model holds, and its indexes, counters and history equal a recount.
func TestModel(t *testing.T) {
	root := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		dir := filepath.Join(root, strconv.Itoa(runs))
		runs++
		log := anyLog(rt)
		b := hasty(open(t, dir, log))
		m := &model{have: map[string]fact{}}
		name := rapid.Custom(func(t *rapid.T) int { return rapid.IntRange(0, 7).Draw(t, "id") })
		unit := rapid.SampledFrom([]string{"units/u", "units/u1", "units/u10"})
		code := rapid.SampledFrom([]string{"a", "aa", "b", "c", "d", "e"})
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				e := enterprise(name.Draw(rt, "name"), unit.Draw(rt, "unit"), code.Draw(rt, "code"))
				_, err := create(caller(), b, e, "")
				if want := m.create(e); (err == nil) != want {
					rt.Fatalf("create %v: %v, the model says %v", e, err, want)
				}
			},
			"move": func(rt *rapid.T) {
				n, u := fmt.Sprintf("enterprises/e%d", name.Draw(rt, "name")), unit.Draw(rt, "unit")
				_, err := Update(caller(), b.Store, &registrypb.UpdateEnterpriseRequest{}, func(tx *Tx) (*registrypb.Enterprise, error) {
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
			"together": func(rt *rapid.T) { together(rt, b, m, code.Draw(rt, "code")) },
			"panic": func(rt *rapid.T) {
				_, err := Update(caller(), b.Store, &registrypb.UpdateEnterpriseRequest{}, func(tx *Tx) (*registrypb.Enterprise, error) {
					for e, err := range b.enterprises.All(tx) {
						if err != nil {
							return nil, err
						}
						if _, err := b.enterprises.Put(tx, e, &registrypb.EnterpriseUpdated{}); err != nil {
							return nil, err
						}
					}
					panic("after writing everything")
				})
				if err == nil {
					rt.Fatal("a panic was accepted")
				}
			},
			"reopen": func(*rapid.T) {
				b.check(t)
				b = hasty(open(t, dir, log))
			},
			"rebuild": func(rt *rapid.T) {
				b.check(t)
				forgetVersions(rt, dir)
				b = hasty(open(t, dir, log))
				untilWhole(t.Context(), t, b)
			},
			"": func(rt *rapid.T) { compare(rt, b, m) },
		})
		b.check(t)
	})
}

// together sends commands that conflict with each other at the same time: exactly one may take a tax code.
func together(rt *rapid.T, b *bench, m *model, code string) {
	var wg sync.WaitGroup
	errs := make([]error, 5)
	first := 100 + m.events*10
	for i := range errs {
		wg.Go(func() { _, errs[i] = create(caller(), b, enterprise(first+i, "units/u1", code), "") })
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		if err == nil && !m.create(enterprise(first+i, "units/u1", code)) {
			rt.Fatalf("two enterprises took the tax code %s", code)
		}
		if err == nil {
			won++
		}
	}
	if won == 1 {
		return
	}
	for _, f := range m.have {
		if f.code == code {
			return
		}
	}
	rt.Fatalf("nobody took the free tax code %s: %v", code, errors.Join(errs...))
}

func forgetVersions(rt failing, dir string) {
	db, err := bolt.Open(dir+"/registry.db", 0o600, nil)
	if err != nil {
		rt.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			rt.Fatal(err)
		}
	}()
	err = db.Update(func(tx *bolt.Tx) error {
		var versions [][]byte
		for k := range (boltSpace{tx}).ascend(bucketMeta, []byte("version/"), []byte("version/")) {
			versions = append(versions, bytes.Clone(k))
		}
		for _, k := range versions {
			if err := (boltSpace{tx}).del(bucketMeta, k); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		rt.Fatal(err)
	}
}

// compare holds records, both indexes, the counter, history and events against the model.
func compare(rt *rapid.T, b *bench, m *model) {
	_, err := View(caller(), b.Store, func(tx *ReadTx) (bool, error) {
		got := map[string]fact{}
		for e, err := range b.enterprises.All(tx) {
			if err != nil {
				return false, err
			}
			got[e.GetName()] = fact{e.GetUnit(), e.GetTaxCode(), e.GetDisplayName(), e.GetRevision()}
		}
		if !maps.Equal(got, m.have) {
			rt.Fatalf("stored %v, the model holds %v", got, m.have)
		}
		units := map[string][]string{}
		for _, n := range slices.Sorted(maps.Keys(m.have)) {
			f := m.have[n]
			units[f.unit] = append(units[f.unit], n)
			for e, err := range b.enterprises.By(tx, b.byCode, Text(f.code)) {
				if err != nil || e.GetName() != n {
					rt.Fatalf("tax code %s leads to %v, %v", f.code, e, err)
				}
			}
			h, err := b.enterprises.History(tx, &registrypb.ListEnterpriseHistoryRequest{Name: n})
			if err != nil || int64(len(h.GetRevisions())) != f.revision {
				rt.Fatalf("%s has %d revisions in its history, want %d (%v)", n, len(h.GetRevisions()), f.revision, err)
			}
		}
		for _, u := range []string{"units/u", "units/u1", "units/u10"} {
			var found []string
			for e, err := range b.enterprises.By(tx, b.byUnit, Text(u)) {
				if err != nil {
					return false, err
				}
				found = append(found, e.GetName())
			}
			n, _ := Key(b.perUnit.In(tx).Get(Text(u))).Split().Uint64()
			if !slices.Equal(found, units[u]) || int(n) != len(units[u]) {
				rt.Fatalf("%s: index %v, counter %d, the model says %v", u, found, n, units[u])
			}
		}
		return true, nil
	})
	if err != nil {
		rt.Fatal(err)
	}
	events, err := b.Events(context.Background(), 1, 1<<20)
	if err != nil || len(events) != m.events {
		rt.Fatalf("%d events, the model says %d (%v)", len(events), m.events, err)
	}
	for i, e := range events {
		if e.Number != uint64(i)+1 {
			rt.Fatalf("event %d has number %d", i+1, e.Number)
		}
	}
	if err := b.recount(); err != nil || !b.State().Known {
		rt.Fatalf("digest: %v", err)
	}
	from, err := b.Events(context.Background(), uint64(m.events/2)+1, 1)
	if m.events > 0 && (err != nil || len(from) == 0 || from[0].Number != uint64(m.events/2)+1) {
		rt.Fatalf("reading from event %d answers %v (%v)", m.events/2+1, from, err)
	}
}

// An answer never leaves before its group's outcome: with a log that refuses, nobody is told anything else, not even those
// whose commands were refused or were replays.
func TestNoAnswerBeforeTheGroupsOutcome(t *testing.T) {
	b := open(t, t.TempDir())
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), "r-1"); err != nil {
		t.Fatal(err)
	}
	g, left, err := b.runGroup([]*call{
		newCall(b, 2, "b", ""), newCall(b, 1, "c", ""), newCall(b, 1, "a", "r-1"),
	})
	if err != nil || len(left) != 0 || len(g.commands) != 1 {
		t.Fatalf("%d commands, %d left, %v", len(g.commands), len(left), err)
	}
	if g.outcomes[0].err != nil || fault.KindOf(g.outcomes[1].err) != fault.KindAlreadyExists || g.outcomes[2].err != nil {
		t.Fatalf("outcomes %v", g.outcomes)
	}
	for _, c := range g.calls {
		select {
		case out := <-c.done:
			t.Fatalf("answered %v before the outcome", out)
		default:
		}
	}
}

func newCall(b *bench, id int, code, requestID string) *call {
	e := enterprise(id, "units/u", code)
	req := &registrypb.CreateEnterpriseRequest{Enterprise: proto.CloneOf(e), RequestId: requestID}
	return &call{
		ctx: context.Background(), principal: access.Principal{Name: "principals/lan"}, requestID: requestID,
		fingerprint: fingerprint(b.fingerprintKey, req, "request_id"), done: make(chan outcome, 1),
		answer: func() proto.Message { return &registrypb.Enterprise{} },
		run: func(tx *Tx) (proto.Message, error) {
			return b.enterprises.Create(tx, e, &registrypb.EnterpriseCreated{})
		},
	}
}

// A full entry ends the group; what did not fit runs again in the next one and nothing is lost or done twice.
func TestGroupsAreCut(t *testing.T) {
	b := open(t, t.TempDir())
	var wg sync.WaitGroup
	errs := make([]error, 40)
	for i := range errs {
		wg.Go(func() {
			e := enterprise(i, "units/u", fmt.Sprint(i))
			_, errs[i] = Update(caller(), b.Store, &registrypb.GetUnitRequest{}, func(tx *Tx) (*registrypb.Enterprise, error) {
				if err := b.units.Put(tx, &registrypb.Unit{Name: fmt.Sprintf("units/%d", i), DisplayName: strings.Repeat("x", 60<<10)}); err != nil {
					return nil, err
				}
				return b.enterprises.Create(tx, e, &registrypb.EnterpriseCreated{})
			})
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n := count(t, b); n != 40 {
		t.Errorf("%d enterprises", n)
	}
	for p := uint64(1); p <= b.Head().GetPosition(); p++ {
		if size := len(entryBytes(t, b, p)); size > maxEntry {
			t.Errorf("entry %d has %d bytes", p, size)
		}
	}
}

func TestSchemaGolden(t *testing.T) {
	want := `journal v1 [position]
  history v1 [text table, key, position descending, command descending]
  once v1 [text principal, text request id]
copy cursors v1 [text]: coso.journal.v1.Cursor
copy skips v1 [text]: coso.journal.v1.Skip
copy timers v1 [text]: coso.journal.v1.Timer
  index/timers/due v1 [… text]
copy operations v1 [text]: coso.journal.v1.Operation
  index/operations/open v1 [… text]
copy acceptances v1 [text]: coso.replica.v1.Acceptance
record enterprises v1 [text]: coso.registry.v1.Enterprise
  index/enterprises/unit v1 [… text]
  index/enterprises/tax-code v1 [… text] unique
  derived/per-unit v1 [as its reducer says]
copy units v1 [text]: coso.registry.v1.Unit
`
	if got := newSchema().all.String(); got != want {
		t.Errorf("got\n%s", got)
	}
}

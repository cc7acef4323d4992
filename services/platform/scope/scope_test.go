package scope_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	accesspb "coso/proto/gen/coso/access/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/scope"
	"coso/services/platform/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// office is a store of units and grants with a book on them, on 30 November 2020.
type office struct {
	units       *store.Table[*registrypb.Unit]
	stamp       *store.Stamp[*registrypb.Unit]
	grants      *store.Table[*registrypb.Grant]
	byPrincipal *store.Index[*registrypb.Grant]
	grantsStamp *store.Stamp[*registrypb.Grant]
	book        *scope.Book
	store       *store.Store
	now         time.Time
}

func open(t testing.TB, dir string) *office {
	t.Helper()
	o := &office{now: time.Date(2020, 11, 30, 8, 0, 0, 0, time.UTC), byPrincipal: scope.NewByPrincipal(), grantsStamp: scope.NewGrantsStamp()}
	o.stamp = store.NewWholeStamp[*registrypb.Unit]("units-stamp")
	o.units = store.NewTable("units", (*registrypb.Unit).GetName, o.stamp)
	o.grants = store.NewTable("grants", (*registrypb.Grant).GetName, o.byPrincipal, o.grantsStamp)
	o.book = o.fresh()
	s, err := store.Open(store.Options{
		Dir: dir, Service: "registry", Schema: store.NewSchema(o.units, o.grants),
		Clock: func() time.Time { return o.now }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	o.store = s
	return o
}

// fresh is a book that has kept nothing.
func (o *office) fresh() *scope.Book {
	return scope.NewBook(o.units, o.stamp, o.grants, o.byPrincipal, o.grantsStamp)
}

// failer ends a test or a run of a property.
type failer interface{ Fatal(args ...any) }

// put records something as it is, whatever a registry would say of it; in have is what was recorded before, and is now.
func put[T interface {
	proto.Message
	GetName() string
}](t failer, o *office, table *store.Table[T], event proto.Message, rec T, have map[string]T) {
	ctx := access.With(context.Background(), access.Principal{Name: "principals/lan"})
	_, there := have[rec.GetName()]
	next, err := store.Update(ctx, o.store, nil, func(tx *store.Tx) (T, error) {
		if there {
			return table.Put(tx, proto.CloneOf(rec), event)
		}
		return table.Create(tx, proto.CloneOf(rec), event)
	})
	if err != nil {
		t.Fatal(err)
	}
	have[rec.GetName()] = next
}

// ask reads what somebody may do now.
func (o *office) ask(t failer, book *scope.Book, principal string, look func(store.Power) error) {
	_, err := store.View(context.Background(), o.store, func(tx *store.ReadTx) (struct{}, error) {
		power, err := book.PowerOf(tx, access.Principal{Name: principal}, o.now)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, look(power)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// model is the judge: the units and grants, and the scope of a grant by its plainest meaning.
type model struct {
	units  map[string]*registrypb.Unit
	grants map[string]*registrypb.Grant
}

// superiors are the units right above one on a day, one in each tree: where it has been last, or will be first.
func (m *model) superiors(name, day string) map[string]string {
	begun, coming := map[string]*registrypb.Placement{}, map[string]*registrypb.Placement{}
	for _, p := range m.units[name].GetPlacements() {
		if p.GetFromDate() <= day {
			if cur := begun[p.GetTree()]; cur == nil || cur.GetFromDate() < p.GetFromDate() {
				begun[p.GetTree()] = p
			}
		} else if cur := coming[p.GetTree()]; cur == nil || cur.GetFromDate() > p.GetFromDate() {
			coming[p.GetTree()] = p
		}
	}
	maps.DeleteFunc(coming, func(tree string, _ *registrypb.Placement) bool { return begun[tree] != nil })
	maps.Copy(coming, begun)
	out := map[string]string{}
	for tree, p := range coming {
		out[tree] = p.GetParent()
	}
	return out
}

// covers says whether a unit is another or hangs below it, by walking down until nothing is found any more.
func (m *model) covers(root, unit, day string) bool {
	below := map[string]bool{root: true}
	for found := true; found; {
		found = false
		for name := range m.units {
			for _, parent := range m.superiors(name, day) {
				if below[parent] && parent != "" && !below[name] {
					below[name], found = true, true
				}
			}
		}
	}
	return below[unit]
}

// inForce says whether a grant, or none for nil, holds at a moment.
func (m *model) inForce(g *registrypb.Grant, now time.Time) bool {
	return g != nil && !g.GetStartTime().AsTime().After(now) && (g.GetEndTime() == nil || g.GetEndTime().AsTime().After(now))
}

// in are the grants in force that give somebody a permission in a unit; "": everywhere. That of a substitute is in force while
// the one it rests on is too.
func (m *model) in(principal string, what accesspb.Permission, unit string, now time.Time) (own bool, steads []string) {
	day := civil.Today(now).String()
	for _, g := range m.grants {
		force := m.inForce(g, now) && (g.GetSubstituteFor() == "" || m.inForce(m.grants[g.GetSubstituteFor()], now))
		if g.GetPrincipal() != principal || !force || !access.Holds(g.GetRole(), what) {
			continue
		}
		if g.GetUnit() == "" || unit != "" && m.covers(g.GetUnit(), unit, day) {
			own = own || g.GetOnBehalfOf() == ""
			if g.GetOnBehalfOf() != "" {
				steads = append(steads, g.GetOnBehalfOf())
			}
		}
	}
	return own, steads
}

const day = 24 * time.Hour

// days are those on which placements begin, before and after every test's clock.
func days() []string {
	return []string{"2010-01-01", "2020-11-29", "2020-12-01", "2020-12-03", "2030-01-01"}
}

func everybody() []string { return []string{"principals/lan", "principals/minh"} }

func unitNames() []string {
	return []string{"units/a", "units/a1", "units/b", "units/c", "units/d", "units/e", "units/f", "units/g"}
}

// INV-SCOPE-SUBTREE: whatever units and grants there are, on whatever day, with circles even, a grant holds exactly where
// the model says; asking for one unit, for all of them, a book that has kept what it read and one that has not agree
// (INV-SCOPE-KEPT), whatever was written and however much time has passed since, or however little: a clock may go back.
func TestAGrantHoldsInItsSubtree(t *testing.T) {
	root := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		o := open(t, filepath.Join(root, strconv.Itoa(runs)))
		runs++
		defer func() {
			if err := o.store.Close(); err != nil {
				t.Error(err)
			}
		}()
		m := &model{units: map[string]*registrypb.Unit{}, grants: map[string]*registrypb.Grant{}}
		rt.Repeat(map[string]func(*rapid.T){
			"place": func(rt *rapid.T) { o.place(rt, m) },
			"close": func(rt *rapid.T) {
				u := m.units[rapid.SampledFrom(unitNames()).Draw(rt, "unit")]
				if u == nil {
					return
				}
				u.ClosedOn = rapid.SampledFrom(days()).Draw(rt, "closed on")
				put(rt, o, o.units, &registrypb.UnitClosed{}, u, m.units)
			},
			"give":    func(rt *rapid.T) { o.give(rt, m) },
			"refused": func(rt *rapid.T) { o.refused(rt) },
			"end": func(rt *rapid.T) {
				if len(m.grants) == 0 {
					return
				}
				g := m.grants[rapid.SampledFrom(slices.Sorted(maps.Keys(m.grants))).Draw(rt, "grant")]
				g.EndTime = timestamppb.New(o.now)
				put(rt, o, o.grants, &registrypb.GrantEnded{}, g, m.grants)
			},
			"wait": func(rt *rapid.T) {
				o.now = o.now.Add(rapid.SampledFrom([]time.Duration{time.Second, time.Hour, day, -time.Second}).Draw(rt, "for"))
			},
			"": func(rt *rapid.T) { o.agree(rt, m) },
		})
	})
}

// place records a unit, or hangs one elsewhere from some day on.
func (o *office) place(rt *rapid.T, m *model) {
	name := rapid.SampledFrom(unitNames()).Draw(rt, "unit")
	p := &registrypb.Placement{
		Tree:     rapid.SampledFrom([]string{"party", "administrative"}).Draw(rt, "tree"),
		Parent:   rapid.SampledFrom(append(unitNames(), "", "units/unknown")).Draw(rt, "under"),
		FromDate: rapid.SampledFrom(days()).Draw(rt, "from"),
	}
	u, there := m.units[name]
	if !there {
		u = &registrypb.Unit{Name: name, DisplayName: name, Level: "DISTRICT_COMMITTEE", ValidFrom: p.GetFromDate()}
	}
	u.Placements = slices.DeleteFunc(u.GetPlacements(), func(old *registrypb.Placement) bool { // none begins beside another
		return old.GetTree() == p.GetTree() && old.GetFromDate() == p.GetFromDate()
	})
	u.Placements = append(u.Placements, p)
	put(rt, o, o.units, &registrypb.UnitReparented{}, u, m.units)
}

// give gives a grant, perhaps one of a substitute.
func (o *office) give(rt *rapid.T, m *model) {
	g := &registrypb.Grant{
		Name:      fmt.Sprintf("grants/g%d", len(m.grants)),
		Principal: rapid.SampledFrom(append(everybody(), "principals/hoa", "principals/tuan")).Draw(rt, "principal"),
		Role:      rapid.SampledFrom([]accesspb.Role{accesspb.Role_ROLE_VIEWER, accesspb.Role_ROLE_PLANNER}).Draw(rt, "role"),
		Unit:      rapid.SampledFrom(append(unitNames(), "", "units/unknown")).Draw(rt, "in"), Reason: "as the test says",
		StartTime: timestamppb.New(o.now.Add(rapid.SampledFrom([]time.Duration{-day, 0, time.Second, day}).Draw(rt, "from"))),
	}
	if after := rapid.SampledFrom([]time.Duration{0, time.Second, 2 * day}).Draw(rt, "lasts"); after > 0 {
		g.EndTime = timestamppb.New(g.GetStartTime().AsTime().Add(after))
	}
	if on := rapid.SampledFrom(append(slices.Sorted(maps.Keys(m.grants)), "", "", "grants/never-heard-of")).Draw(rt, "stands in for"); on != "" {
		g.OnBehalfOf, g.SubstituteFor = "principals/hoa", on
		if its := m.grants[on]; its != nil {
			g.OnBehalfOf = its.GetPrincipal()
		}
	}
	put(rt, o, o.grants, &registrypb.GrantGiven{}, g, m.grants)
}

// agree holds every answer against the model.
func (o *office) agree(rt *rapid.T, m *model) {
	for _, principal := range everybody() {
		for _, what := range []accesspb.Permission{access.UnitsRead, access.TargetsPropose, access.GrantsManage} {
			for _, book := range []*scope.Book{o.book, o.fresh()} {
				o.ask(rt, book, principal, func(power store.Power) error { return agrees(rt, m, power, principal, what, o.now) })
			}
		}
	}
}

// agrees asks for one unit after the other, as long as a fresh book knows no tree, and then for all.
func agrees(rt *rapid.T, m *model, power store.Power, principal string, what accesspb.Permission, now time.Time) error {
	in := map[string]bool{}
	for _, unit := range append(unitNames(), "", "units/unknown", "units/never-heard-of") {
		own, steads := m.in(principal, what, unit, now)
		in[unit] = own || len(steads) > 0
		basis, err := power.At(what, unit)
		if err != nil {
			return err
		}
		steads = slices.Compact(slices.Sorted(slices.Values(steads)))
		if basis.Own != own || !own && !slices.Equal(basis.Steads, steads) || basis.Held() != in[unit] {
			rt.Fatalf("%s, %v in %q: %+v; the model says of their own %v, of others %v", principal, what, unit, basis, own, steads)
		}
	}
	among, err := power.Units(what)
	if err != nil {
		return err
	}
	anywhere := false
	for unit, want := range in {
		anywhere = anywhere || want
		if unit != "" && among.Has(unit) != want || unit == "" && among.Everywhere != want {
			rt.Fatalf("%s, %v: %q in the scope: %v, the model says %v", principal, what, unit, !want, want)
		}
	}
	if got := power.Anywhere(what); got != anywhere {
		rt.Fatalf("%s, %v: anywhere %v, the model says %v", principal, what, got, anywhere)
	}
	return nil
}

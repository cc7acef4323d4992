package scope_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	accesspb "coso/proto/gen/coso/access/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/scope"
	"coso/services/platform/store"
)

var errRefused = errors.New("refused")

// refused runs a command that changes grants and units and is refused: in it the book that keeps what it read answers as one that has
// kept nothing, and afterwards, as every step asks, as if it had never been.
func (o *office) refused(rt *rapid.T) {
	who := rapid.SampledFrom(everybody()).Draw(rt, "who")
	unit := rapid.SampledFrom(unitNames()).Draw(rt, "unit")
	ctx := access.With(context.Background(), access.Principal{Name: "principals/admin"})
	_, err := store.Update(ctx, o.store, nil, func(tx *store.Tx) (*registrypb.Grant, error) {
		if err := o.same(tx, who, unit, tx.At()); err != nil {
			return nil, err
		}
		g := &registrypb.Grant{
			Name: "grants/never", Principal: who, Role: accesspb.Role_ROLE_PLANNER, Unit: unit, Reason: "never", StartTime: timestamppb.New(tx.At()),
		}
		if _, err := o.grants.Create(tx, g, &registrypb.GrantGiven{}); err != nil {
			return nil, err
		}
		u := &registrypb.Unit{
			Name: "units/never", DisplayName: "never", Level: "PROVINCE_COMMITTEE", ValidFrom: "2010-01-01",
			Placements: []*registrypb.Placement{{Tree: "party", Parent: unit, FromDate: "2010-01-01"}},
		}
		if _, err := o.units.Create(tx, u, &registrypb.UnitCreated{}); err != nil {
			return nil, err
		}
		for _, where := range []string{unit, "units/never", ""} {
			if err := o.same(tx, who, where, tx.At()); err != nil {
				return nil, err
			}
		}
		return nil, errRefused
	})
	if !errors.Is(err, errRefused) {
		rt.Fatal(err)
	}
}

// same holds the book that has kept what it read against one that has kept nothing, as one transaction sees the records.
func (o *office) same(r store.Reader, who, unit string, now time.Time) error {
	var said []string
	for _, book := range []*scope.Book{o.book, o.fresh()} {
		power, err := book.PowerOf(r, access.Principal{Name: who}, now)
		if err != nil {
			return err
		}
		for _, what := range []accesspb.Permission{access.UnitsRead, access.TargetsPropose} {
			basis, err := power.At(what, unit)
			if err != nil {
				return err
			}
			among, err := power.Units(what)
			if err != nil {
				return err
			}
			said = append(said, fmt.Sprintf("%v %v %v %v", power.Anywhere(what), basis, among.Everywhere, among.Has(unit)))
		}
	}
	if said[0] != said[2] || said[1] != said[3] {
		return fmt.Errorf("%s in %q: kept %v, read %v", who, unit, said[:2], said[2:])
	}
	return nil
}

// A grant begins and ends by the clock alone: nothing is written at that moment, and what is kept does not outlive it.
func TestAGrantBeginsAndEndsByTheClock(t *testing.T) {
	o := open(t, t.TempDir())
	defer func() {
		if err := o.store.Close(); err != nil {
			t.Error(err)
		}
	}()
	begins, ends := o.now.Add(time.Hour), o.now.Add(2*time.Hour)
	put(t, o, o.grants, &registrypb.GrantGiven{}, &registrypb.Grant{
		Name: "grants/g", Principal: "principals/lan", Role: accesspb.Role_ROLE_VIEWER, Unit: "units/a", Reason: "as the test says",
		StartTime: timestamppb.New(begins), EndTime: timestamppb.New(ends),
	}, map[string]*registrypb.Grant{})
	for _, at := range []struct {
		moment time.Time
		want   bool
	}{
		{o.now, false},
		{begins.Add(-1), false},
		{begins, true},
		{ends.Add(-1), true},
		{ends, false},
		{begins.Add(-1), false}, // the clock goes back
		{begins, true},
	} {
		o.now = at.moment
		for range 2 { // read, and kept
			o.ask(t, o.book, "principals/lan", func(power store.Power) error {
				basis, err := power.At(access.UnitsRead, "units/a")
				if basis.Held() != at.want || power.Anywhere(access.UnitsRead) != at.want {
					t.Errorf("%s: %v, want %v", at.moment.Format(time.RFC3339Nano), basis, at.want)
				}
				return err
			})
		}
	}
}

// INV-SCOPE-REST: what somebody holds as a substitute ends with the grant it rests on, whoever writes nothing more about it.
func TestWhatASubstituteHoldsEndsWithTheGrantItRestsOn(t *testing.T) {
	o := open(t, t.TempDir())
	defer func() {
		if err := o.store.Close(); err != nil {
			t.Error(err)
		}
	}()
	grants := map[string]*registrypb.Grant{}
	put(t, o, o.grants, &registrypb.GrantGiven{}, &registrypb.Grant{
		Name: "grants/hoa", Principal: "principals/hoa", Role: accesspb.Role_ROLE_VIEWER, Unit: "units/a", Reason: "as the test says",
		StartTime: timestamppb.New(o.now), EndTime: timestamppb.New(o.now.Add(2 * time.Hour)),
	}, grants)
	put(t, o, o.grants, &registrypb.GrantGiven{}, &registrypb.Grant{
		Name: "grants/lan", Principal: "principals/lan", Role: accesspb.Role_ROLE_VIEWER, Unit: "units/a", Reason: "as the test says",
		StartTime: timestamppb.New(o.now), EndTime: timestamppb.New(o.now.Add(4 * time.Hour)),
		SubstituteFor: "grants/hoa", OnBehalfOf: "principals/hoa",
	}, grants)
	holds := func(want bool) {
		t.Helper()
		for range 2 { // read, and kept
			o.ask(t, o.book, "principals/lan", func(power store.Power) error {
				basis, err := power.At(access.UnitsRead, "units/a")
				if basis.Held() != want {
					t.Errorf("%s: %v, want %v", o.now.Format(time.RFC3339Nano), basis, want)
				}
				return err
			})
		}
	}
	holds(true)
	o.now = o.now.Add(2 * time.Hour) // by the clock
	holds(false)
	o.now = o.now.Add(-time.Hour)
	holds(true)
	ended := grants["grants/hoa"]
	ended.EndTime = timestamppb.New(o.now) // by a command about it alone
	put(t, o, o.grants, &registrypb.GrantEnded{}, ended, grants)
	holds(false)
}

// counted counts the grants that are read.
type counted struct {
	scope.Grants

	read int
}

func (c *counted) From(r store.Reader, in *store.Index[*registrypb.Grant], key, from store.Key) func(func(*registrypb.Grant, error) bool) {
	return func(yield func(*registrypb.Grant, error) bool) {
		c.Grants.From(r, in, key, from)(func(g *registrypb.Grant, err error) bool {
			c.read++
			return yield(g, err)
		})
	}
}

// INV-SCOPE-BOUNDED: however many grants somebody has held, those that have ended are not read.
func TestGrantsThatHaveEndedAreNotRead(t *testing.T) {
	o := open(t, t.TempDir())
	defer func() {
		if err := o.store.Close(); err != nil {
			t.Error(err)
		}
	}()
	grants := map[string]*registrypb.Grant{}
	for i := range 100 {
		g := &registrypb.Grant{
			Name: fmt.Sprintf("grants/g%d", i), Principal: "principals/lan", Role: accesspb.Role_ROLE_VIEWER, Unit: "units/a",
			Reason: "as the test says", StartTime: timestamppb.New(o.now.Add(-time.Hour)),
		}
		switch i % 10 {
		case 0:
		case 1:
			g.EndTime = timestamppb.New(o.now.Add(time.Nanosecond))
		case 2: // in an hour
			g.StartTime = timestamppb.New(o.now.Add(time.Hour))
		default:
			g.EndTime = timestamppb.New(o.now.Add(-time.Duration(i%3) * time.Nanosecond))
		}
		put(t, o, o.grants, &registrypb.GrantGiven{}, g, grants)
	}
	in := &counted{Grants: o.grants}
	book := scope.NewBook(o.units, o.stamp, in, o.byPrincipal, o.grantsStamp)
	o.ask(t, book, "principals/lan", func(power store.Power) error {
		basis, err := power.At(access.UnitsRead, "units/a")
		if !basis.Own {
			t.Errorf("%+v", basis)
		}
		return err
	})
	// 30 hold or will; those that end at this very moment are met and passed over.
	if atThisMoment := 24; in.read < 30 || in.read > 30+atThisMoment {
		t.Errorf("%d of %d grants were read", in.read, len(grants))
	}
}

// INV-SCOPE-LASTING: how long somebody holds a permission is how long one grant of its own that holds now does.
func TestHowLongAPermissionIsHeld(t *testing.T) {
	o := open(t, t.TempDir())
	defer func() {
		if err := o.store.Close(); err != nil {
			t.Error(err)
		}
	}()
	grants := map[string]*registrypb.Grant{}
	give := func(unit string, from, until time.Duration, on string) {
		g := &registrypb.Grant{
			Name: fmt.Sprintf("grants/g%d", len(grants)), Principal: "principals/lan", Role: accesspb.Role_ROLE_VIEWER, Unit: unit,
			Reason: "as the test says", StartTime: timestamppb.New(o.now.Add(from)),
		}
		if until != 0 {
			g.EndTime = timestamppb.New(o.now.Add(until))
		}
		if on != "" {
			g.SubstituteFor, g.OnBehalfOf = on, "principals/lan"
		}
		put(t, o, o.grants, &registrypb.GrantGiven{}, g, grants)
	}
	give("units/a", -day, time.Hour, "")
	give("units/a", -day, day, "")
	give("units/a", day, 0, "")           // not yet
	give("units/a", -day, 0, "grants/g1") // another's
	give("units/b", -day, 0, "")
	give("units/b", -day, day, "")
	for _, tc := range []struct {
		what  accesspb.Permission
		unit  string
		until time.Time
		ok    bool
	}{
		{access.UnitsRead, "units/a", o.now.Add(day), true},
		{access.UnitsRead, "units/b", time.Time{}, true},
		{access.UnitsRead, "units/c", time.Time{}, false},
		{access.UnitsRead, "", time.Time{}, false},
		{access.UnitsManage, "units/b", time.Time{}, false},
	} {
		_, err := store.View(context.Background(), o.store, func(tx *store.ReadTx) (int, error) {
			until, ok, err := o.book.Lasting(tx, access.Principal{Name: "principals/lan"}, o.now, tc.what, tc.unit)
			if !until.Equal(tc.until) || ok != tc.ok {
				t.Errorf("%v in %q: until %v, %v; want %v, %v", tc.what, tc.unit, until, ok, tc.until, tc.ok)
			}
			return 0, err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// Many ask one book while grants and units change: each is answered by what its own transaction sees.
func TestManyAskWhileGrantsChange(t *testing.T) {
	o := open(t, t.TempDir())
	defer func() {
		if err := o.store.Close(); err != nil {
			t.Error(err)
		}
	}()
	units, grants := map[string]*registrypb.Unit{}, map[string]*registrypb.Grant{}
	for i, name := range unitNames() {
		u := &registrypb.Unit{Name: name, DisplayName: name, Level: "DISTRICT_COMMITTEE", ValidFrom: "2010-01-01"}
		p := &registrypb.Placement{Tree: "party", FromDate: "2010-01-01"}
		if i > 0 {
			p.Parent = unitNames()[i-1]
		}
		u.Placements = []*registrypb.Placement{p}
		put(t, o, o.units, &registrypb.UnitCreated{}, u, units)
	}
	done := make(chan struct{})
	var asking sync.WaitGroup
	for n := range 4 {
		asking.Go(func() {
			for i := n; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				_, err := store.View(context.Background(), o.store, func(tx *store.ReadTx) (int, error) {
					return 0, o.same(tx, everybody()[i%2], unitNames()[i%len(unitNames())], o.now)
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 150 {
		if i%10 == 9 {
			u := units[unitNames()[1+i%7]]
			u.Placements[0].Parent = unitNames()[i%3]
			put(t, o, o.units, &registrypb.UnitReparented{}, u, units)
			continue
		}
		name := fmt.Sprintf("grants/g%d", i%5)
		g, given := grants[name]
		if !given {
			g = &registrypb.Grant{Name: name, Role: accesspb.Role_ROLE_PLANNER, Reason: "as the test says", StartTime: timestamppb.New(o.now)}
		}
		g.Principal, g.Unit, g.EndTime = everybody()[i%2], unitNames()[i%len(unitNames())], nil
		if i%3 == 0 {
			g.EndTime = g.GetStartTime()
		}
		put(t, o, o.grants, &registrypb.GrantGiven{}, g, grants)
	}
	close(done)
	asking.Wait()
}

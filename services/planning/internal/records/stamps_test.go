package records

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
	"coso/services/platform/store"
)

// Two stores with the same records have the same stamps, whatever came before; with others they have others; with none
// they have none.
func TestStampsSayWhatIsThere(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		one, closeOne := open(rt, dir+"/one", Schema)
		defer closeOne()
		other, closeOther := open(rt, dir+"/other", Schema)
		defer closeOther()
		states := []*registrypb.Unit{
			{Name: "units/a", Revision: 1}, {Name: "units/a", Revision: 2, ClosedOn: "2020-01-01"}, {Name: "units/b", Revision: 1}, nil,
		}
		for _, s := range []*store.Store{one, other} {
			for range rapid.IntRange(0, 4).Draw(rt, "changes") {
				set(rt, s, rapid.SampledFrom(states).Draw(rt, "state"))
			}
		}
		if same := units(rt, one) == units(rt, other); same != (stampIn(rt, one) == stampIn(rt, other)) {
			rt.Fatalf("%s and %s have the stamps %x and %x", units(rt, one), units(rt, other), stampIn(rt, one), stampIn(rt, other))
		}
		if (units(rt, one) == "") != (stampIn(rt, one) == store.Mark{}) {
			rt.Fatalf("%q has the stamp %x", units(rt, one), stampIn(rt, one))
		}
	})
}

// set puts a unit, or deletes all.
func set(t failing, s *store.Store, u *registrypb.Unit) {
	command(t, s, func(tx *store.Tx) error {
		if u != nil {
			return Units.Put(tx, proto.CloneOf(u))
		}
		if err := Units.Delete(tx, "units/a"); err != nil {
			return err
		}
		return Units.Delete(tx, "units/b")
	})
}

func units(t failing, s *store.Store) (out string) {
	read(t, s, func(tx *store.ReadTx) error {
		for u, err := range Units.All(tx) {
			if err != nil {
				return err
			}
			out += u.GetName() + u.GetClosedOn() + " "
		}
		return nil
	})
	return out
}

func stampIn(t failing, s *store.Store) (sum store.Mark) {
	read(t, s, func(tx *store.ReadTx) error {
		sum = unitStamp.Of(tx, "")
		return nil
	})
	return sum
}

// The targets of a period have a stamp of their own.
func TestTargetsAreStampedByPeriod(t *testing.T) {
	s, closed := open(t, t.TempDir(), Schema)
	defer closed()
	foundPlan(t, s, 1)
	read(t, s, func(tx *store.ReadTx) error {
		if targetStamp.Of(tx, "periods/2020") == (store.Mark{}) || targetStamp.Of(tx, "periods/2021") != (store.Mark{}) {
			t.Error("the stamps are not those of the periods")
		}
		return nil
	})
}

// What was used last stays, as much as the shelf bears, and the last thing whatever it weighs.
func TestShelfKeepsTheLast(t *testing.T) {
	made := 0
	s := shelf[string, *planningpb.Period]{limit: 3}
	take := func(key string, weight int) (again bool) {
		before := made
		_, err := s.take(key, func() (*planningpb.Period, int, error) {
			made++
			return &planningpb.Period{Name: key}, weight, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return made == before
	}
	for i, step := range []struct {
		key    string
		weight int
		kept   bool
	}{
		{"a", 1, false},
		{"b", 1, false},
		{"c", 1, false},
		{"a", 1, true},
		{"d", 1, false},
		{"b", 1, false},
		{"a", 1, true},
		{"heavy", 9, false},
		{"heavy", 9, true},
		{"a", 1, false},
		{"heavy", 9, false},
	} {
		if kept := take(step.key, step.weight); kept != step.kept {
			t.Errorf("step %d, %s: kept %t", i, step.key, kept)
		}
	}
}

// Registry allows no circles; should it ever announce one, a walk ends all the same, with every unit once.
func TestCircleIsWalkedOnce(t *testing.T) {
	g := newGazetteer()
	for _, names := range [][2]string{{"units/a", "units/b"}, {"units/b", "units/a"}, {"units/c", "units/b"}, {"units/d", "units/d"}} {
		g.add(&registrypb.Unit{Name: names[0], ValidFrom: "2020-01-01", Placements: []*registrypb.Placement{
			{Tree: "party", Parent: names[1], FromDate: "2020-01-01"},
		}})
	}
	for root, want := range map[string]int{"units/a": 3, "units/b": 3, "units/c": 1, "units/d": 1, "units/e": 0} {
		s, err := g.subtree(root, "party", civil.MustParse("2020-06-01"))
		if err != nil || len(s.units) != want {
			t.Errorf("%s has %d units, want %d; %v", root, len(s.units), want, err)
		}
	}
}

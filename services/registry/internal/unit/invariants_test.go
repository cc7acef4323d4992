package unit_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/registry/internal/unit"
)

// The days of the random worlds, and one after the last on which anything changes.
const lastDay = 9

func day(n int) string { return fmt.Sprintf("2020-01-%02d", n) }

// INV-UNIT-PLACEMENTS-ORDERED, INV-UNIT-NO-CYCLE, INV-UNIT-PARENT-IN-FORCE, INV-UNIT-ENDS-ONCE: after any sequence of
// commands the world is sound, and a command is refused only if without the rules the world would not be. What is sound
// is judged by looking at every day.
func TestInvariantsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := world{}
		for range rapid.IntRange(1, 25).Draw(t, "commands") {
			name := drawName(t)
			_, exists := w[name]
			switch {
			case !exists:
				create(t, w, name)
			default:
				rapid.SampledFrom([]func(*rapid.T, world, string){
					closeUnit, correctClosing, remove, reparent, reparent, reparent,
				}).Draw(t, "command")(t, w, name)
			}
			if broken := w.broken(); broken != "" {
				t.Fatalf("%s\n%v", broken, w)
			}
		}
	})
}

func drawName(t *rapid.T) string {
	return rapid.SampledFrom([]string{"units/a", "units/b", "units/c", "units/d", "units/e"}).Draw(t, "unit")
}

func drawPlacement(t *rapid.T) *registrypb.Placement {
	parent := ""
	if rapid.IntRange(0, 4).Draw(t, "top") > 0 {
		parent = drawName(t)
	}
	tree := rapid.SampledFrom([]string{party, party, state}).Draw(t, "tree")
	return place(tree, parent, day(rapid.IntRange(1, lastDay).Draw(t, "from")))
}

func create(t *rapid.T, w world, name string) {
	asked := unitOf("", day(rapid.IntRange(1, 5).Draw(t, "valid from")), "")
	for range rapid.IntRange(0, 4).Draw(t, "placements") {
		asked.Placements = append(asked.Placements, drawPlacement(t))
	}
	got, _, err := unit.Create(asked, name, w.lookup)

	naive := proto.CloneOf(asked)
	naive.Name = name
	w.settle(t, "create", naive, got, err)
}

func reparent(t *rapid.T, w world, name string) {
	p := drawPlacement(t)
	cmd := &registrypb.ReparentUnitRequest{Name: name, Tree: p.GetTree(), Parent: p.GetParent(), FromDate: p.GetFromDate()}
	got, _, err := unit.Reparent(w[name], cmd, w.lookup)

	naive := proto.CloneOf(w[name])
	naive.Placements = slices.DeleteFunc(naive.GetPlacements(), func(q *registrypb.Placement) bool {
		return q.GetTree() == p.GetTree() && q.GetFromDate() == p.GetFromDate()
	})
	naive.Placements = append(naive.Placements, p)
	w.settle(t, "reparent", naive, got, err)
}

func closeUnit(t *rapid.T, w world, name string) {
	end := day(rapid.IntRange(1, lastDay).Draw(t, "closed on"))
	got, _, err := unit.Close(w[name], &registrypb.CloseUnitRequest{Name: name, ClosedOn: end}, w.holdings())

	if w[name].GetClosedOn() != "" {
		if err == nil {
			t.Fatalf("INV-UNIT-ENDS-ONCE: %s ended twice", name)
		}
		return
	}
	naive := proto.CloneOf(w[name])
	naive.ClosedOn = end
	w.settle(t, "close", naive, got, err)
}

func correctClosing(t *rapid.T, w world, name string) {
	end := ""
	if rapid.Bool().Draw(t, "ends") {
		end = day(rapid.IntRange(1, lastDay).Draw(t, "corrected to"))
	}
	cmd := &registrypb.CorrectUnitClosingRequest{Name: name, ClosedOn: end, Reason: "ghi nhầm"}
	got, _, err := unit.CorrectClosing(w[name], cmd, w.holdings(), w.lookup)
	was := w[name].GetClosedOn()
	if was == "" {
		if err == nil {
			t.Fatalf("%s was not closed, and its closing corrected", name)
		}
		return
	}
	naive := proto.CloneOf(w[name])
	if naive.ClosedOn = end; end != was {
		naive.CorrectionReason = "ghi nhầm"
	}
	w.settle(t, "correct closing", naive, got, err)
}

func remove(t *rapid.T, w world, name string) {
	if len(w[name].GetPlacements()) == 0 {
		return
	}
	p := rapid.SampledFrom(w[name].GetPlacements()).Draw(t, "placement")
	cmd := &registrypb.RemoveUnitPlacementRequest{Name: name, Tree: p.GetTree(), FromDate: p.GetFromDate(), Reason: "ghi nhầm"}
	got, _, err := unit.RemovePlacement(w[name], cmd, w.lookup)
	naive := proto.CloneOf(w[name])
	naive.Placements = slices.DeleteFunc(naive.GetPlacements(), func(q *registrypb.Placement) bool { return proto.Equal(p, q) })
	naive.CorrectionReason = "ghi nhầm"
	w.settle(t, "remove", naive, got, err)
}

// settle compares what a rule said with what becomes of the world without rules, and takes over what the rule said.
func (w world) settle(t *rapid.T, command string, naive, got *registrypb.Unit, err error) {
	without := maps.Clone(w)
	without[naive.GetName()] = sorted(naive)
	broken := without.broken()
	switch {
	case err == nil && broken != "":
		t.Fatalf("%s of %s was let through: %s", command, naive.GetName(), broken)
	case err != nil && broken == "":
		t.Fatalf("%s of %s was refused for nothing: %v\nwould be %v\nin %v", command, naive.GetName(), err, naive, w)
	case err != nil && fault.KindOf(err) == fault.KindInternal:
		t.Fatalf("%s: %v", command, err)
	case err == nil && !proto.Equal(naive, got):
		t.Fatalf("%s: got %v, want %v", command, got, naive)
	case err == nil:
		w[got.GetName()] = got
	}
}

// broken names an invariant that does not hold, and where; "" if all do.
func (w world) broken() string {
	for name, u := range w {
		if u.GetClosedOn() != "" && u.GetClosedOn() <= u.GetValidFrom() {
			return "INV-UNIT-ENDS-ONCE: " + name
		}
		if !ordered(u) {
			return "INV-UNIT-PLACEMENTS-ORDERED: " + name
		}
		for n := 1; n <= lastDay+1; n++ {
			for _, tree := range []string{party, state} {
				if wrong := w.brokenOn(u, tree, day(n)); wrong != "" {
					return fmt.Sprintf("%s: %s on %s in %s", wrong, name, day(n), tree)
				}
			}
		}
	}
	return ""
}

// brokenOn climbs from a unit to the top of one tree on one day.
func (w world) brokenOn(u *registrypb.Unit, tree, on string) string {
	if parent := w.above(u, tree, on); parent != "" && !exists(w[parent], on) {
		return "INV-UNIT-PARENT-IN-FORCE"
	}
	at := u
	for range len(w) {
		parent := w.above(at, tree, on)
		if parent == "" {
			return ""
		}
		if at = w[parent]; at == nil {
			return "INV-UNIT-PARENT-IN-FORCE"
		}
	}
	return "INV-UNIT-NO-CYCLE"
}

func exists(u *registrypb.Unit, on string) bool {
	return u != nil && u.GetValidFrom() <= on && (u.GetClosedOn() == "" || on < u.GetClosedOn())
}

// above is the superior of a unit in a tree on a day, read off the placements in order.
func (w world) above(u *registrypb.Unit, tree, on string) string {
	if !exists(u, on) {
		return ""
	}
	parent := ""
	for _, p := range u.GetPlacements() {
		if p.GetTree() == tree && p.GetFromDate() <= on {
			parent = p.GetParent()
		}
	}
	return parent
}

func ordered(u *registrypb.Unit) bool {
	for i, p := range u.GetPlacements() {
		if p.GetFromDate() < u.GetValidFrom() || u.GetClosedOn() != "" && p.GetFromDate() >= u.GetClosedOn() {
			return false
		}
		if i > 0 && placementKey(u.GetPlacements()[i-1]) >= placementKey(p) {
			return false
		}
	}
	return true
}

func sorted(u *registrypb.Unit) *registrypb.Unit {
	slices.SortStableFunc(u.GetPlacements(), func(a, b *registrypb.Placement) int {
		if placementKey(a) < placementKey(b) {
			return -1
		}
		if placementKey(a) > placementKey(b) {
			return 1
		}
		return 0
	})
	return u
}

func placementKey(p *registrypb.Placement) string { return p.GetTree() + " " + p.GetFromDate() }

package records

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/indicator"
	"coso/services/planning/internal/progress"
	"coso/services/planning/internal/target"
	"coso/services/platform/civil"
	"coso/services/platform/store"
)

const unitCount = 5

// world is what planning has been told, and what it has told: the judge of what it holds.
type world struct {
	units   map[string]*registrypb.Unit
	facts   map[string]*planningpb.FactSet
	periods map[string]*planningpb.Period
	targets map[string]*planningpb.Target
	cells   *planningpb.Indicator
	// reached and exceeded are what a listener holds to be true, by target; next is the first event it has not read.
	reached, exceeded map[string]notice
	next              uint64
	// figures are what it was told last of the figures of targets that were exceeded once.
	figures map[string]*planningpb.Figure
}

func newWorld() *world {
	return &world{
		units: map[string]*registrypb.Unit{}, facts: map[string]*planningpb.FactSet{},
		periods: map[string]*planningpb.Period{}, targets: map[string]*planningpb.Target{},
		reached: map[string]notice{}, exceeded: map[string]notice{}, next: 1, figures: map[string]*planningpb.Figure{},
	}
}

// found makes units u0 to u4, each below the one before or at the top, an indicator, two periods, and two targets for
// every unit.
func (w *world) found(t *rapid.T, s *store.Store) {
	command(t, s, func(tx *store.Tx) (err error) {
		w.cells, err = Indicators.Create(tx, &planningpb.Indicator{
			Name: "indicators/cells", DisplayName: "Chi bộ", Measure: founded, Kinds: []string{"CELL", "BASE_CELL"},
			Comparator: planningpb.Comparator_COMPARATOR_AT_LEAST, ResultVerb: "thành lập được", CountedNoun: "chi bộ",
		}, &planningpb.IndicatorCreated{})
		if err != nil {
			return err
		}
		for id, cutOff := range map[string]string{"a": "2020-03-31", "b": "2020-11-30"} {
			p, err := Periods.Create(tx, &planningpb.Period{
				Name: "periods/" + id, DisplayName: "kỳ " + id, Kind: planningpb.PeriodKind_PERIOD_KIND_PARTIAL_YEAR,
				StartDate: "2020-01-01", EndDate: "2020-12-31", CutOffDate: cutOff,
			}, &planningpb.PeriodCreated{})
			if err != nil {
				return err
			}
			w.periods[p.GetName()] = p
		}
		return w.foundUnits(t, tx)
	})
}

func (w *world) foundUnits(t *rapid.T, tx *store.Tx) error {
	notes := theAtlas.NewTouched()
	for i := range unitCount {
		u := &registrypb.Unit{Name: unitName(i), DisplayName: fmt.Sprintf("Đơn vị %d", i), ValidFrom: "2019-01-01", Revision: 1}
		if i > 0 {
			u.Placements = []*registrypb.Placement{{Tree: "party", Parent: unitName(i - 1), FromDate: "2019-01-01"}}
		}
		w.units[u.GetName()] = u
		if err := notes.ReplaceUnit(tx, u); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(w.periods)) {
			made, err := Targets.Create(tx, &planningpb.Target{
				Name: "targets/" + u.GetName()[len("units/"):] + name[len("periods/"):], Unit: u.GetName(),
				Indicator: w.cells.GetName(), Period: name, Version: 1,
				AssignedValue: new(rapid.Int64Range(1, 4).Draw(t, "assigned at first")),
			}, &planningpb.TargetRegistered{})
			if err != nil {
				return err
			}
			w.targets[made.GetName()] = made
		}
	}
	return notes.Judge(tx)
}

func unitName(i int) string { return fmt.Sprintf("units/u%d", i) }

var dates = []string{"2019-12-31", "2020-01-01", "2020-02-15", "2020-03-31", "2020-04-01", "2020-11-30", "2020-12-01"}

// INV-CROSSING-TRUE, INV-CROSSING-ONCE: after every command, be it a batch of facts and moves, an assignment or other days
// for a period, what planning holds and what its listeners heard is, for every target, what a plain recount of the facts
// over the tree of the day says.
func TestCrossingsAreTrueAfterEveryCommand(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, closed := open(rt, t.TempDir(), Schema)
		defer closed()
		w := newWorld()
		w.found(rt, s)
		for range rapid.IntRange(1, 14).Draw(rt, "commands") {
			switch rapid.IntRange(0, 6).Draw(rt, "command") {
			case 0:
				w.assign(rt, s)
			case 2:
				w.withdraw(rt, s)
			case 1:
				w.changePeriod(rt, s)
			default:
				w.batch(rt, s)
			}
			w.check(rt, s)
			read(rt, s, func(tx *store.ReadTx) error { return w.compareProgress(rt, tx) })
		}
	})
}

// INV-PROGRESS-OWN-TARGET, INV-COUNT-SUM, INV-ATLAS-STAMP: the progress of any unit on any day is a plain recount, unit by unit, whatever the
// atlas has kept of other stores and of states before.
func (w *world) compareProgress(rt *rapid.T, r store.Reader) error {
	root := rapid.SampledFrom(slices.Sorted(maps.Keys(w.units))).Draw(rt, "asked unit")
	p := w.periods[rapid.SampledFrom(slices.Sorted(maps.Keys(w.periods))).Draw(rt, "asked period")]
	asOf := rapid.SampledFrom(dates).Draw(rt, "as of")
	q, err := theAtlas.Question(r, root, p, "party", civil.MustParse(asOf))
	if err != nil {
		return err
	}
	last := min(asOf, p.GetCutOffDate())
	var below []string
	for name := range w.units {
		if w.below(name, root, last) {
			below = append(below, name)
		}
	}
	var met []string
	for k, n := range q.Nodes {
		met = append(met, n.Unit)
		if got, want := q.Results[k], w.count(n.Unit, last, p.GetStartDate(), last); got != want {
			rt.Fatalf("%s below %s as of %s: %d, recounted %d", n.Unit, root, asOf, got, want)
		}
		for _, t := range w.targets {
			if !target.Withdrawn(t) && t.GetUnit() == n.Unit && t.GetPeriod() == p.GetName() && !proto.Equal(t, n.Targets[0]) {
				rt.Fatalf("the target of %s is %v, not %v", n.Unit, n.Targets[0], t)
			}
		}
	}
	slices.Sort(below)
	slices.Sort(met)
	if !slices.Equal(below, met) {
		rt.Fatalf("below %s as of %s are %v, not %v", root, asOf, below, met)
	}
	return nil
}

// assign gives a target another value, as the server does.
func (w *world) assign(rt *rapid.T, s *store.Store) {
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(w.targets))).Draw(rt, "target")
	value := rapid.Int64Range(0, 4).Draw(rt, "assigned")
	if target.Withdrawn(w.targets[name]) {
		return
	}
	command(rt, s, func(tx *store.Tx) error {
		next := proto.CloneOf(w.targets[name])
		next.AssignedValue, next.Version = &value, next.GetVersion()+1
		next, err := Targets.Put(tx, next, &planningpb.TargetAssigned{})
		if err != nil {
			return err
		}
		w.targets[name] = next
		return theAtlas.Judge(tx, next)
	})
}

// withdraw takes a target back, as the server does, and gives its unit another one, with a value that is assigned at once.
func (w *world) withdraw(rt *rapid.T, s *store.Store) {
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(w.targets))).Draw(rt, "withdrawn")
	if target.Withdrawn(w.targets[name]) {
		return
	}
	command(rt, s, func(tx *store.Tx) error {
		next, event, err := target.Withdraw(w.targets[name], &planningpb.WithdrawTargetRequest{Reason: "nhập nhầm"})
		if err != nil {
			return err
		}
		if next, err = Targets.Put(tx, next, event); err != nil {
			return err
		}
		w.targets[name] = next
		return theAtlas.Judge(tx, next)
	})
	command(rt, s, func(tx *store.Tx) error {
		old := w.targets[name]
		made, err := Targets.Create(tx, &planningpb.Target{
			Name: name + "x", Unit: old.GetUnit(), Indicator: old.GetIndicator(), Period: old.GetPeriod(), Version: 1, AssignedValue: new(int64(2)),
		}, &planningpb.TargetRegistered{})
		if err != nil {
			return err
		}
		w.targets[made.GetName()] = made
		return theAtlas.Judge(tx, made)
	})
}

// changePeriod moves a cut-off, as the server does.
func (w *world) changePeriod(rt *rapid.T, s *store.Store) {
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(w.periods))).Draw(rt, "period")
	cutOff := rapid.SampledFrom(dates[1:]).Draw(rt, "cut-off")
	command(rt, s, func(tx *store.Tx) error {
		next := proto.CloneOf(w.periods[name])
		next.CutOffDate = cutOff
		next, err := Periods.Put(tx, next, &planningpb.PeriodUpdated{})
		if err != nil {
			return err
		}
		w.periods[name] = next
		return theAtlas.JudgePeriod(tx, next)
	})
}

// batch tells some new states of organisations and units in one command, as a follower does.
func (w *world) batch(rt *rapid.T, s *store.Store) {
	command(rt, s, func(tx *store.Tx) error {
		notes := theAtlas.NewTouched()
		for range rapid.IntRange(1, 3).Draw(rt, "events") {
			var err error
			if rapid.IntRange(0, 2).Draw(rt, "unit event") == 0 {
				err = notes.ReplaceUnit(tx, w.moveUnit(rt))
			} else {
				err = notes.ReplaceFacts(tx, w.correct(rt))
			}
			if err != nil {
				return err
			}
		}
		if err := w.compareProgress(rt, tx); err != nil {
			return err
		}
		return notes.Judge(tx)
	})
}

// correct gives a source other facts, none when it is withdrawn. Some are of a unit that is not known yet.
func (w *world) correct(rt *rapid.T) *planningpb.FactSet {
	name := fmt.Sprintf("organisations/%d", rapid.IntRange(0, 5).Draw(rt, "source"))
	set := &planningpb.FactSet{Source: name, SourceRevision: w.facts[name].GetSourceRevision() + 1}
	for range rapid.IntRange(0, 3).Draw(rt, "facts") {
		set.Facts = append(set.Facts, &planningpb.Fact{
			Measure:   rapid.SampledFrom([]planningpb.Measure{founded, founded, founded, members}).Draw(rt, "measure"),
			Kind:      rapid.SampledFrom([]string{"CELL", "BASE_CELL", "TEAM"}).Draw(rt, "kind"),
			Unit:      unitName(rapid.IntRange(0, unitCount).Draw(rt, "unit")),
			LegalDate: rapid.SampledFrom(dates).Draw(rt, "legal date"),
			Amount:    rapid.Int64Range(1, 3).Draw(rt, "amount"),
		})
	}
	w.facts[name] = set
	return set
}

// moveUnit hangs a unit under one with a smaller number, or at the top, or takes a placement back, or closes the unit, or
// takes the closing back.
func (w *world) moveUnit(rt *rapid.T) *registrypb.Unit {
	i := rapid.IntRange(0, unitCount).Draw(rt, "moved unit")
	u := &registrypb.Unit{Name: unitName(i), DisplayName: "Đơn vị mới", ValidFrom: "2020-02-01"}
	if old := w.units[unitName(i)]; old != nil {
		u = proto.CloneOf(old)
	}
	u.Revision++
	switch rapid.IntRange(0, 4).Draw(rt, "change") {
	case 0, 1:
		p := &registrypb.Placement{Tree: "party", FromDate: rapid.SampledFrom(dates).Draw(rt, "from")}
		if i > 0 && rapid.IntRange(0, 4).Draw(rt, "at the top") > 0 {
			p.Parent = unitName(rapid.IntRange(0, i-1).Draw(rt, "parent"))
		}
		u.Placements = slices.DeleteFunc(u.GetPlacements(), func(q *registrypb.Placement) bool { return q.GetFromDate() == p.GetFromDate() })
		u.Placements = append(u.Placements, p)
	case 2:
		if n := len(u.GetPlacements()); n > 0 {
			u.Placements = u.GetPlacements()[:n-1]
		}
	case 3, 4:
		u.ClosedOn = rapid.SampledFrom([]string{"", "2020-02-15", "2020-04-01", "2020-12-01"}).Draw(rt, "closed on")
	}
	w.units[u.GetName()] = u
	return u
}

// result recounts what a target is judged by.
func (w *world) result(target *planningpb.Target) int64 {
	p := w.periods[target.GetPeriod()]
	on := p.GetCutOffDate()
	if closed := w.units[target.GetUnit()].GetClosedOn(); closed != "" && closed <= on {
		on = before(closed)
	}
	return w.count(target.GetUnit(), on, p.GetStartDate(), p.GetCutOffDate())
}

// count recounts: every fact from first to last is a part of a unit's result if one climbs from its unit to that unit.
func (w *world) count(unit, on, first, last string) (sum int64) {
	for _, set := range w.facts {
		for _, f := range set.GetFacts() {
			if indicator.Counts(w.cells, f) && first <= f.GetLegalDate() && f.GetLegalDate() <= last && w.below(f.GetUnit(), unit, on) {
				sum += f.GetAmount()
			}
		}
	}
	return sum
}

// before is the day before one of the closing days that are drawn.
func before(day string) string {
	return map[string]string{"2020-02-15": "2020-02-14", "2020-04-01": "2020-03-31", "2020-12-01": "2020-11-30"}[day]
}

func (w *world) below(unit, root, day string) bool {
	if unit == root {
		return true
	}
	u := w.units[unit]
	if u == nil {
		return false
	}
	on := day
	if u.GetClosedOn() != "" && u.GetClosedOn() <= day {
		on = before(u.GetClosedOn())
	}
	if u.GetValidFrom() > on {
		return false
	}
	parent, from := "", ""
	for _, p := range u.GetPlacements() {
		if p.GetFromDate() <= on && p.GetFromDate() > from {
			parent, from = p.GetParent(), p.GetFromDate()
		}
	}
	return parent != "" && w.below(parent, root, day)
}

func (w *world) check(rt *rapid.T, s *store.Store) {
	w.listen(rt, s)
	read(rt, s, func(tx *store.ReadTx) error {
		for name, t := range w.targets {
			held, _, err := Crossings.Find(tx, name)
			if err != nil {
				return err
			}
			actual := w.result(t)
			live := !target.Withdrawn(t)
			reached := live && t.AssignedValue != nil && actual >= t.GetAssignedValue()
			exceeded := live && t.AssignedValue != nil && actual > t.GetAssignedValue()
			if held.GetReached() != reached || held.GetExceeded() != exceeded {
				rt.Fatalf("%s holds %v, the facts say %d of %d", name, held, actual, t.GetAssignedValue())
			}
			for _, c := range []struct {
				heard notice
				true  bool
			}{{w.reached[name], reached}, {w.exceeded[name], exceeded}} {
				if c.heard.holds != c.true || c.true && c.heard.version != t.GetVersion() {
					rt.Fatalf("of %s version %d was heard %v, the facts say %d of %d", name, t.GetVersion(), c.heard, actual, t.GetAssignedValue())
				}
			}
			if told := w.figures[name]; told != nil && live && !proto.Equal(told, progress.Figure(actual, t)) { // INV-CROSSING-FIGURE
				rt.Fatalf("the figure of %s was told as %v, the facts say %d of %d", name, told, actual, t.GetAssignedValue())
			}
		}
		return nil
	})
}

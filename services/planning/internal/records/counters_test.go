package records

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/civil"
	"coso/services/platform/store"
)

// drawFact draws from few rows and days, so that facts meet. The days reach from before 1970 to a leap day.
func drawFact(t *rapid.T) *planningpb.Fact {
	return &planningpb.Fact{
		Measure:   rapid.SampledFrom([]planningpb.Measure{founded, members}).Draw(t, "measure"),
		Kind:      rapid.SampledFrom([]string{"CELL", "CELLS"}).Draw(t, "kind"),
		Unit:      rapid.SampledFrom([]string{"units/u1", "units/u10"}).Draw(t, "unit"),
		LegalDate: rapid.SampledFrom(days).Draw(t, "day"),
		Amount:    rapid.Int64Range(1, 9).Draw(t, "amount"),
	}
}

var days = []string{"1930-02-03", "1969-12-31", "1970-01-01", "2019-12-31", "2020-01-01", "2020-02-29", "2020-11-30", "2020-12-01", "2999-12-31"}

// INV-COUNT-SUM: whatever facts come, are corrected and withdrawn, in whatever order and batches, late ones included, the
// counters answer every window as a recount of the facts does, inside the command and after it; and they are, byte for
// byte, the counters that are built anew from the facts.
func TestCountersAreARecountOfTheFacts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		s, closed := open(rt, dir, Schema)
		known := map[string]*planningpb.FactSet{}
		for range rapid.IntRange(1, 4).Draw(rt, "commands") {
			replaceSome(rt, s, known)
			read(rt, s, func(tx *store.ReadTx) error { return compareCounts(rt, tx, known) })
		}
		live := dump(rt, s, Counters)
		closed()

		// A derived table of another name is a new one: Open builds it.
		anew := store.NewDerived("counters-anew", 1, recount)
		s, closed = open(rt, dir, store.NewSchema(store.NewCopy("facts", (*planningpb.FactSet).GetSource, anew)))
		defer closed()
		if diff := cmp.Diff(live, dump(rt, s, anew)); diff != "" {
			rt.Fatalf("counters (-live +rebuilt):\n%s", diff)
		}
	})
}

// replaceSome tells some sources' facts, newer and older ones, in one command, and notes what must be known after it.
func replaceSome(rt *rapid.T, s *store.Store, known map[string]*planningpb.FactSet) {
	var sets []*planningpb.FactSet
	for range rapid.IntRange(1, 6).Draw(rt, "events") {
		set := &planningpb.FactSet{
			Source:         fmt.Sprintf("organisations/%d", rapid.IntRange(0, 4).Draw(rt, "source")),
			SourceRevision: rapid.Int64Range(1, 5).Draw(rt, "revision"),
		}
		for range rapid.IntRange(0, 3).Draw(rt, "facts") {
			set.Facts = append(set.Facts, drawFact(rt))
		}
		sets = append(sets, set)
		if old := known[set.GetSource()]; set.GetSourceRevision() > old.GetSourceRevision() {
			known[set.GetSource()] = set
		}
	}
	command(rt, s, func(tx *store.Tx) error {
		notes := NewTouched()
		for _, set := range sets {
			if err := notes.ReplaceFacts(tx, set); err != nil {
				return err
			}
		}
		return compareCounts(rt, tx, known)
	})
}

func compareCounts(t *rapid.T, r store.Reader, known map[string]*planningpb.FactSet) error {
	first := civil.MustParse(rapid.SampledFrom(days).Draw(t, "first"))
	last := civil.MustParse(rapid.SampledFrom(days).Draw(t, "last"))
	for _, m := range []planningpb.Measure{founded, members, planningpb.Measure_MEASURE_OWNERS_ADMITTED} {
		for _, kind := range []string{"CELL", "CELLS"} {
			for _, unit := range []string{"units/u1", "units/u10", "units/u"} {
				got, err := Counted(r, m, kind, unit, first, last)
				if err != nil {
					return err
				}
				var want int64
				for _, set := range known {
					for _, f := range set.GetFacts() {
						day := civil.MustParse(f.GetLegalDate())
						if f.GetMeasure() == m && f.GetKind() == kind && f.GetUnit() == unit && !day.Before(first) && !day.After(last) {
							want += f.GetAmount()
						}
					}
				}
				if got != want {
					t.Fatalf("%s %s of %s from %s to %s: %d, recounted %d", m, kind, unit, first, last, got, want)
				}
			}
		}
	}
	return nil
}

func dump(t failing, s *store.Store, counters *store.Derived[*planningpb.FactSet]) []string {
	var out []string
	read(t, s, func(tx *store.ReadTx) error {
		for k, v := range counters.In(tx).Ascend(nil, nil) {
			out = append(out, hex.EncodeToString(k)+" "+hex.EncodeToString(v))
		}
		return nil
	})
	return out
}

// The key of a counter is stored for good: measure, kind, unit, and the day counted down.
func TestCounterKeysAreFinal(t *testing.T) {
	s, closed := open(t, t.TempDir(), Schema)
	defer closed()
	command(t, s, func(tx *store.Tx) error {
		fact := func(day string, amount int64) *planningpb.Fact {
			return &planningpb.Fact{Measure: founded, Kind: "CELL", Unit: "units/u", LegalDate: day, Amount: amount}
		}
		return Facts.Put(tx, &planningpb.FactSet{
			Source: "organisations/o", Facts: []*planningpb.Fact{fact("1970-01-01", 2), fact("1970-01-02", 3), fact("1969-12-31", 1)},
		})
	})
	want := []string{
		"80000001" + hex.EncodeToString([]byte("CELL")) + "0001" + hex.EncodeToString([]byte("units/u")) + "0001" +
			"ffffffff7ffffffe" + " 0000000000000006" + "0000000000000003",
		"80000001" + hex.EncodeToString([]byte("CELL")) + "0001" + hex.EncodeToString([]byte("units/u")) + "0001" +
			"ffffffff7fffffff" + " 0000000000000003" + "0000000000000002",
		"80000001" + hex.EncodeToString([]byte("CELL")) + "0001" + hex.EncodeToString([]byte("units/u")) + "0001" +
			"ffffffff80000000" + " 0000000000000001" + "0000000000000001",
	}
	if diff := cmp.Diff(want, dump(t, s, Counters)); diff != "" {
		t.Error(diff)
	}
}

package records

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/indicator"
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
		Amount:    rapid.SampledFrom([]int64{1, 2, 3, 5, 8, 200, 70_000, 5_000_000_000}).Draw(t, "amount"), // totals of every width
	}
}

var days = []string{"1930-02-03", "1969-12-31", "1970-01-01", "2019-12-31", "2020-01-01", "2020-02-29", "2020-11-30", "2020-12-01", "2020-12-31", "2999-12-31"}

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
		counters := store.NewDerived("counters-anew", 1, recount)
		s, closed = open(rt, dir, store.NewSchema(store.NewCopy("facts", (*planningpb.FactSet).GetSource, counters)))
		defer closed()
		if diff := cmp.Diff(live, dump(rt, s, counters)); diff != "" {
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
		notes := NewAtlas().NewTouched()
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
	for _, s := range countedUnits(t) {
		got, err := s.results(r, countedLines, first, last)
		if err != nil {
			return err
		}
		for i, u := range s.units {
			for k, in := range countedLines.indicators {
				unit, want := s.g.units[u].GetName(), int64(0)
				for _, set := range known {
					for _, f := range set.GetFacts() {
						day := civil.MustParse(f.GetLegalDate())
						if indicator.Counts(in, f) && f.GetUnit() == unit && !day.Before(first) && !day.After(last) {
							want += f.GetAmount()
						}
					}
				}
				if got := got[i*len(countedLines.indicators)+k]; got != want {
					t.Fatalf("%s of %s from %s to %s: %d, recounted %d", in.GetName(), unit, first, last, got, want)
				}
			}
		}
	}
	return nil
}

// countedLines are indicators that share lines, one that counts everything and one that counts nothing.
var countedLines = func() *catalogue {
	c := &catalogue{at: map[string]int{}}
	for name, in := range map[string]*planningpb.Indicator{
		"cell": {Measure: founded, Kinds: []string{"CELL"}}, "cells": {Measure: founded, Kinds: []string{"CELLS", "CELL"}},
		"members": {Measure: members, Kinds: []string{"CELLS"}}, "owners": {Measure: planningpb.Measure_MEASURE_OWNERS_ADMITTED, Kinds: []string{"CELL"}},
	} {
		in.Name = name
		c.add(in)
	}
	return c
}()

// countedUnits are two subtrees of the same units: one that is small enough to look its rows up, and one whose rows are
// walked. Facts fall on units of which one name begins as the other; one unit has none.
func countedUnits(t *rapid.T) []*subtree {
	g := newGazetteer()
	for i := range 12 {
		u := &registrypb.Unit{Name: fmt.Sprintf("units/u%d", i), ValidFrom: "1900-01-01"}
		if i != 3 {
			u.Placements = []*registrypb.Placement{{Tree: "party", Parent: "units/u3", FromDate: "1900-01-01"}}
		}
		g.add(u)
	}
	slices.SortFunc(g.units, func(a, b *registrypb.Unit) int { return strings.Compare(a.GetName(), b.GetName()) })
	sorted := newGazetteer()
	for _, u := range g.units {
		sorted.add(u)
	}
	var out []*subtree
	for _, root := range []string{"units/u1", "units/u10", "units/u3"} {
		s, err := sorted.subtree(root, "party", civil.MustParse("2020-01-01"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func dump[T proto.Message](t failing, s *store.Store, derived *store.Derived[T]) []string {
	var out []string
	read(t, s, func(tx *store.ReadTx) error {
		for k, v := range derived.In(tx).Ascend(nil, nil) {
			out = append(out, hex.EncodeToString(k)+" "+hex.EncodeToString(v))
		}
		return nil
	})
	return out
}

// Rows are what a row says they are: key, width, lines, days, lines, totals.
func TestRowsAreGolden(t *testing.T) {
	s, closed := open(t, t.TempDir(), Schema)
	defer closed()
	command(t, s, func(tx *store.Tx) error {
		fact := func(kind, day string, amount int64) *planningpb.Fact {
			return &planningpb.Fact{Measure: founded, Kind: kind, Unit: "units/u", LegalDate: day, Amount: amount}
		}
		return Facts.Put(tx, &planningpb.FactSet{Source: "organisations/o", Facts: []*planningpb.Fact{
			fact("CELL", "1970-01-01", 2), fact("TEAM", "1970-01-01", 1), fact("CELL", "1970-03-06", 3), fact("CELL", "1969-12-31", 300),
		}})
	})
	key := func(year string) string { return year + hex.EncodeToString([]byte("units/u")) + "0001" }
	days := func(words ...string) string { return strings.Join(words, "") }
	const none = "0000000000000000"
	const cell, team = "b683e7de5a122040", "568c0d271d9cc47d"
	want := []string{
		key("800007b1") + " 02" + "0001" + days(none, none, none, none, none, "0000100000000000") + cell + "012c",
		key("800007b2") + " 01" + "0002" + days("0000000000000001", "0000000000000001", none, none, none, none) + team + cell + "0102" + "0105",
	}
	if diff := cmp.Diff(want, dump(t, s, Counters)[1:]); diff != "" { // behind the stamp
		t.Error(diff)
	}
}

// Every measure and kind has a line of its own.
func TestLinesAreTheirOwn(t *testing.T) {
	seen := map[uint64]string{}
	for measure := range planningpb.Measure_name {
		for _, names := range []map[int32]string{registrypb.OrganisationKind_name, membershippb.IntakeKind_name} {
			for _, name := range names {
				kind := strings.TrimPrefix(strings.TrimPrefix(name, "ORGANISATION_KIND_"), "INTAKE_KIND_")
				what := fmt.Sprint(measure, " ", kind)
				line := lineOf(planningpb.Measure(measure), kind)
				if other, taken := seen[line]; taken && other != what {
					t.Errorf("%s and %s have the same line", what, other)
				}
				seen[line] = what
			}
		}
	}
}

// What is withdrawn leaves no row, no line and no day behind; less than nothing is refused.
func TestRowsForgetWhatIsWithdrawn(t *testing.T) {
	empty, err := readRow(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := empty
	for _, step := range []struct {
		place

		amount int64
	}{{place{1, 7}, 2}, {place{366, 5}, 300}, {place{1, 5}, 1}, {place{366, 5}, -300}, {place{1, 7}, -2}, {place{1, 5}, -1}} {
		if w, err = w.add(step.place, step.amount); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(empty.bytes, w.bytes); diff != "" {
		t.Error(diff)
	}
	if _, err := w.add(place{1, 7}, -1); err == nil {
		t.Error("a day fell below 0")
	}
	for _, broken := range [][]byte{{}, {1, 0, 0}, make([]byte, linesAt+1)} {
		if _, err := readRow(broken); err == nil {
			t.Errorf("%x was read", broken)
		}
	}
}

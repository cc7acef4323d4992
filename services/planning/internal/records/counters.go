package records

import (
	"fmt"
	"hash/fnv"
	"time"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// Counters adds up the facts: for each year and unit one row with what the unit itself has reached by each day of the
// year (row). What it reached on any run of days is the difference of two totals for each year, so what is read for it
// does not grow with the number of facts. The rows of all units in one year lie one behind the other: a country is read
// in one go. Beside them lies the stamp of the facts.
var Counters = store.NewDerived("counters", 2, recount)

// rowsOf is what the keys of all rows of one year begin with; the unit follows.
func rowsOf(year int) store.Key {
	return store.Key(nil).Int32(int32(year)) //nolint:gosec // a legal date's year
}

// lineOf stands for a measure and kind in the rows. No two that are known are the same; a test sees to that.
func lineOf(m planningpb.Measure, kind string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(append([]byte{byte(m)}, kind...)) //nolint:gosec // few measures; Write never fails
	return h.Sum64()
}

// yearDay is the number of a day in its year, from 1.
func yearDay(d civil.Date) int {
	return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, time.UTC).YearDay()
}

// place is a line on a day in a row.
type place struct {
	day  int
	line uint64
}

// recount takes the old facts of a source out of the counters and puts the new ones in: INV-COUNT-SUM.
func recount(s store.Space, old, next *planningpb.FactSet) error {
	rows := map[string]map[place]int64{}
	for sign, set := range map[int64]*planningpb.FactSet{-1: old, +1: next} {
		for _, f := range set.GetFacts() {
			day, err := civil.Parse(f.GetLegalDate())
			if err != nil {
				return fault.Internal(fmt.Errorf("fact of %s: %w", set.GetSource(), err))
			}
			key := string(rowsOf(day.Year()).Text(f.GetUnit()))
			if rows[key] == nil {
				rows[key] = map[place]int64{}
			}
			rows[key][place{yearDay(day), lineOf(f.GetMeasure(), f.GetKind())}] += sign * f.GetAmount()
		}
	}
	if err := store.Restamp(s, old, next, func(*planningpb.FactSet) store.Key { return factStampKey }); err != nil {
		return err
	}
	for key, change := range rows {
		if err := replace(s, store.Key(key), change); err != nil {
			return fault.Internal(fmt.Errorf("INV-COUNT-SUM: counters %x: %w", key, err))
		}
	}
	return nil
}

// replace adds amounts to a row. A row of nothing is no row.
func replace(s store.Space, key store.Key, change map[place]int64) error {
	old := s.Get(key)
	w, err := readRow(old)
	if err != nil {
		return err
	}
	changed := false
	for p, amount := range change {
		if amount == 0 {
			continue
		}
		if w, err = w.add(p, amount); err != nil {
			return err
		}
		changed = true
	}
	switch {
	case !changed:
		return nil
	case w.lines > 0:
		return s.Put(key, w.bytes)
	case old != nil:
		return s.Delete(key)
	}
	return nil
}

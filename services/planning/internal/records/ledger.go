package records

import (
	"encoding/binary"
	"fmt"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// Ledger has an entry for each fact, under its unit, its line and its day, in order of sources: what a line of a row of
// the counters adds up on a day is found in one go, and nothing else is read.
var Ledger = store.NewDerived("ledger", 1, enter)

// entriesOf is what the keys of all entries of a unit's line on a day begin with; the source follows, and the place of
// the fact among those of the source.
func entriesOf(unit string, line uint64, day int32) store.Key {
	return store.Text(unit).Uint64(line).Int32(day)
}

// mark is where a fact stands among those of one day.
type mark struct {
	source string
	place  uint64
}

func (m mark) after(k store.Key) store.Key { return k.Text(m.source).Uint64(m.place) }

// readMark reads the rest of a key.
func readMark(p *store.Parts) (m mark, ok bool) {
	if m.source, ok = p.Text(); ok {
		m.place, ok = p.Uint64()
	}
	return m, ok && p.Done()
}

// enter takes the old facts of a source out of the ledger and puts the new ones in.
func enter(s store.Space, old, next *planningpb.FactSet) error {
	if err := eachEntry(old, func(k store.Key, _ int64) error { return s.Delete(k) }); err != nil {
		return err
	}
	return eachEntry(next, func(k store.Key, amount int64) error {
		return s.Put(k, binary.BigEndian.AppendUint64(nil, uint64(amount))) //nolint:gosec // above 0
	})
}

// eachEntry calls do with the key and the amount of every fact that counts something.
func eachEntry(set *planningpb.FactSet, do func(k store.Key, amount int64) error) error {
	for i, f := range set.GetFacts() {
		day, err := civil.Parse(f.GetLegalDate())
		if err != nil {
			return fault.Internal(fmt.Errorf("fact of %s: %w", set.GetSource(), err))
		}
		if f.GetAmount() <= 0 {
			continue
		}
		k := entriesOf(f.GetUnit(), lineOf(f.GetMeasure(), f.GetKind()), day.Days())
		if err := do(mark{set.GetSource(), uint64(i)}.after(k), f.GetAmount()); err != nil {
			return err
		}
	}
	return nil
}

package records

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// Counters keeps running totals of the facts: one row per measure, kind and unit, in it one cell per day on which a
// fact falls. A cell holds the total of all facts of its row up to and including its day, so the amount of any run of
// days is the difference of two totals, each found by one seek however many facts there are.
var Counters = store.NewDerived("counters", 1, recount)

// row is the part of a counter's key that is not the day.
type row struct {
	measure    planningpb.Measure
	kind, unit string
}

func (w row) key() store.Key {
	// Clipped: the days' keys are appended to it and must not share what lies behind it.
	return slices.Clip(store.Key(nil).Int32(int32(w.measure)).Text(w.kind).Text(w.unit))
}

// cellKey puts later days first: walking a row from a day on, the first cell met is the last one up to that day.
func cellKey(w store.Key, day int32) store.Key {
	return w.Descending(uint64(uint32(day) ^ 1<<31)) //nolint:gosec // the bit pattern is wanted: earlier days are smaller
}

// cell is the value of a counter.
type cell struct{ total, amount int64 }

func (c cell) bytes() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(c.total)) //nolint:gosec // the bit pattern is wanted
	return binary.BigEndian.AppendUint64(b, uint64(c.amount))                //nolint:gosec // the bit pattern is wanted
}

func readCell(b []byte) (cell, error) {
	if len(b) != 16 {
		return cell{}, fault.Internal(fmt.Errorf("a counter of %d bytes", len(b)))
	}
	return cell{
		total:  int64(binary.BigEndian.Uint64(b)),     //nolint:gosec // the bit pattern is wanted
		amount: int64(binary.BigEndian.Uint64(b[8:])), //nolint:gosec // the bit pattern is wanted
	}, nil
}

// place is one cell of one row.
type place struct {
	row
	day int32
}

// recount takes the old facts of a source out of the counters and puts the new ones in: INV-COUNT-SUM.
func recount(s store.Space, old, next *planningpb.FactSet) error {
	change := map[place]int64{}
	for sign, set := range map[int64]*planningpb.FactSet{-1: old, +1: next} {
		for _, f := range set.GetFacts() {
			day, err := civil.Parse(f.GetLegalDate())
			if err != nil {
				return fault.Internal(fmt.Errorf("fact of %s: %w", set.GetSource(), err))
			}
			change[place{row{f.GetMeasure(), f.GetKind(), f.GetUnit()}, day.Days()}] += sign * f.GetAmount()
		}
	}
	for p, amount := range change {
		if amount == 0 {
			continue
		}
		if err := add(s, p, amount); err != nil {
			return err
		}
	}
	return nil
}

// add adds an amount on a day: to the day's own cell and to the total of every later one.
func add(s store.Space, p place, amount int64) error {
	w := p.key()
	at := cellKey(w, p.day)
	own := cell{}
	type later struct {
		key store.Key
		cell
	}
	var rest []later
	for k, v := range s.Ascend(w, w) {
		c, err := readCell(v)
		if err != nil {
			return err
		}
		if order := bytes.Compare(k, at); order >= 0 {
			own.total = c.total
			if order == 0 {
				own.amount = c.amount
			}
			break
		}
		rest = append(rest, later{bytes.Clone(k), c})
	}
	for _, l := range rest {
		l.total += amount
		if err := s.Put(l.key, l.bytes()); err != nil {
			return err
		}
	}
	own.total += amount
	own.amount += amount
	switch {
	case own.amount < 0:
		return fault.Internal(fmt.Errorf("INV-COUNT-SUM: %s %s of %s fall below 0", p.measure, p.kind, p.unit))
	case own.amount == 0:
		return s.Delete(at)
	}
	return s.Put(at, own.bytes())
}

// Counted is what the facts of one measure and kind in one unit add up to, with legal dates from first to last, both
// included; 0 if last lies before first.
func Counted(r store.Reader, m planningpb.Measure, kind, unit string, first, last civil.Date) (int64, error) {
	if last.Before(first) {
		return 0, nil
	}
	w := row{m, kind, unit}.key()
	upTo, err := total(r, w, last.Days())
	if err != nil || upTo == 0 {
		return 0, err
	}
	before, err := total(r, w, first.Days()-1)
	return upTo - before, err
}

// total is a row's running total on a day.
func total(r store.Reader, w store.Key, day int32) (int64, error) {
	for _, v := range Counters.In(r).Ascend(w, cellKey(w, day)) {
		c, err := readCell(v)
		return c.total, err
	}
	return 0, nil
}

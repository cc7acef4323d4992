package records

import (
	"bytes"
	"encoding/binary"
	"slices"

	"coso/services/platform/civil"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// span is the days of a year from the one after a day to another.
type span struct{ year, after, upTo int }

// spansOf is the days from first to last, both included; none if last lies before first.
func spansOf(first, last civil.Date) []span {
	if last.Before(first) {
		return nil
	}
	var out []span
	for year := first.Year(); year <= last.Year(); year++ {
		s := span{year: year, upTo: 366}
		if year == first.Year() {
			s.after = yearDay(first) - 1
		}
		if year == last.Year() {
			s.upTo = yearDay(last)
		}
		out = append(out, s)
	}
	return out
}

// tally adds rows up: for each unit of a subtree, in order, a number for each indicator.
type tally struct {
	c    *catalogue
	sums []int64
	// met are the indicators that add up each of the lines of the last row.
	met   [][]int
	lines []byte
}

// results is what every unit of a subtree itself reached, with legal dates from first to last, both included: for each
// unit, in order, a number for each indicator.
func (s *subtree) results(r store.Reader, c *catalogue, first, last civil.Date) ([]int64, error) {
	t := &tally{c: c, sums: make([]int64, len(s.units)*len(c.indicators))}
	for _, sp := range spansOf(first, last) {
		if err := s.rows(r, sp.year, func(i int, row []byte) error { return t.add(i, row, sp) }); err != nil {
			return nil, err
		}
	}
	return t.sums, nil
}

// rows reads the rows of a subtree's units in a year, which are told by their places; of a great part of all units, those
// of all, one behind the other, which is faster.
func (s *subtree) rows(r store.Reader, year int, add func(i int, row []byte) error) error {
	const worth = 8 // as many rows are walked in the time in which one is looked up
	read := s.walk
	if len(s.units)*worth < len(s.g.units) {
		read = s.lookUp
	}
	if err := read(Counters.In(r), rowsOf(year), add); err != nil {
		return fault.Internal(err)
	}
	return nil
}

// lookUp reads the rows of the subtree's units, unit by unit.
func (s *subtree) lookUp(counters store.DerivedView, rows store.Key, add func(i int, row []byte) error) error {
	for i, u := range s.units {
		if row := counters.Get(append(slices.Clip(rows), s.g.keys[u]...)); row != nil {
			if err := add(i, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// walk reads the rows of all units.
func (s *subtree) walk(counters store.DerivedView, rows store.Key, add func(i int, row []byte) error) error {
	places := make([]int32, len(s.g.units)) // in s.units, counted from 1
	for i, u := range s.units {
		places[u] = int32(i) + 1
	}
	u := 0 // rows and units are in the same order
	for key, row := range counters.Ascend(rows, rows) {
		name := key[len(rows):]
		for u < len(s.g.keys) && s.g.keys[u] < string(name) {
			u++
		}
		if u == len(s.g.keys) || s.g.keys[u] != string(name) || places[u] == 0 {
			continue
		}
		if err := add(int(places[u])-1, row); err != nil {
			return err
		}
	}
	return nil
}

// add adds what a row says of a span to the unit in place i.
func (t *tally) add(i int, stored []byte, s span) error {
	w, err := readRow(stored)
	if err != nil {
		return err
	}
	upTo := w.upTo(s.upTo)
	if upTo == nil {
		return nil
	}
	var before []byte
	if s.after > 0 {
		before = w.upTo(s.after)
	}
	sums := t.sums[i*len(t.c.indicators):]
	for k, indicators := range t.indicators(w.lineBytes()) {
		amount := w.number(upTo, k)
		if before != nil {
			amount -= w.number(before, k)
		}
		for _, in := range indicators {
			sums[in] += amount
		}
	}
	return nil
}

// indicators are those that add up each of a row's lines. Lines are in order here and there; most rows have the same.
func (t *tally) indicators(lines []byte) [][]int {
	if bytes.Equal(lines, t.lines) {
		return t.met
	}
	t.lines, t.met = lines, t.met[:0]
	known := t.c.lines
	for ; len(lines) > 0; lines = lines[wordBytes:] {
		line := binary.BigEndian.Uint64(lines)
		for len(known) > 0 && known[0].line < line {
			known = known[1:]
		}
		if len(known) > 0 && known[0].line == line {
			t.met = append(t.met, known[0].indicators)
		} else {
			t.met = append(t.met, nil)
		}
	}
	return t.met
}

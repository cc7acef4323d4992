package records

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// row is what one unit reached in one year, as it is stored:
//
//	1 byte          how wide a total is: 1, 2, 4 or 8 bytes
//	2 bytes         the number of lines
//	48 bytes        the days of the year on which something was reached, a bit each, in words of 8 bytes, the first day lowest
//	8 bytes a line  the lines, in order
//	for each of those days, in order, and each line: what was reached from the year's first day to the end of that day
//
// A row says everything in one way: it has no line of which nothing was reached in the year, no day on which nothing was,
// and its totals are as narrow as the largest allows. Numbers are big-endian.
type row struct {
	bytes        []byte
	width, lines int
	days         [6]uint64
}

const (
	wordBytes = 8
	daysAt    = 3
	linesAt   = daysAt + 6*wordBytes
)

// readRow reads a row; nil is one of nothing.
func readRow(b []byte) (w row, err error) {
	if b == nil {
		return row{width: 1, bytes: append([]byte{1}, make([]byte, linesAt-1)...)}, nil
	}
	if len(b) < linesAt {
		return row{}, fmt.Errorf("a row of %d bytes", len(b))
	}
	w = row{bytes: b, width: int(b[0]), lines: int(binary.BigEndian.Uint16(b[1:]))}
	count := 0
	for i := range w.days {
		w.days[i] = binary.BigEndian.Uint64(b[daysAt+i*wordBytes:])
		count += bits.OnesCount64(w.days[i])
	}
	if len(b) != linesAt+w.lines*(wordBytes+count*w.width) {
		return row{}, fmt.Errorf("a row of %d bytes for %d lines on %d days", len(b), w.lines, count)
	}
	return w, nil
}

// lineBytes are the lines as they are stored.
func (w *row) lineBytes() []byte { return w.bytes[linesAt : linesAt+w.lines*wordBytes] }

// before is the number of stored days before a day.
func (w *row) before(day int) (n int) {
	last := (day - 1) / 64
	for _, word := range w.days[:last] {
		n += bits.OnesCount64(word)
	}
	return n + bits.OnesCount64(w.days[last]&(1<<((day-1)%64)-1))
}

// there says whether something was reached on a day.
func (w *row) there(day int) bool { return w.days[(day-1)/64]>>((day-1)%64)&1 == 1 }

// totals are those of a stored day.
func (w *row) totals(i int) []byte {
	from := linesAt + w.lines*(wordBytes+i*w.width)
	return w.bytes[from : from+w.lines*w.width]
}

// each calls do with the days of a span, in order, and the lines of which something was reached on them.
func (w *row) each(s span, do func(day, line int)) {
	for day := s.after + 1; day <= s.upTo; day++ {
		if !w.there(day) {
			continue
		}
		i := w.before(day)
		now := w.totals(i)
		for k := range w.lines {
			if n := w.number(now, k); n > 0 && (i == 0 || n > w.number(w.totals(i-1), k)) {
				do(day, k)
			}
		}
	}
}

// upTo are the totals up to a day; nil: nothing was reached by then.
func (w *row) upTo(day int) []byte {
	n := w.before(day + 1)
	if n == 0 {
		return nil
	}
	return w.totals(n - 1)
}

// number reads a total.
func (w *row) number(totals []byte, line int) int64 {
	switch w.width {
	case 1:
		return int64(totals[line])
	case 2:
		return int64(binary.BigEndian.Uint16(totals[line*2:]))
	case 4:
		return int64(binary.BigEndian.Uint32(totals[line*4:]))
	}
	return int64(binary.BigEndian.Uint64(totals[line*8:])) //nolint:gosec // never above what an int64 holds
}

// put writes a total that fits.
func (w *row) put(totals []byte, line int, n int64) {
	switch w.width {
	case 1:
		totals[line] = byte(n) //nolint:gosec // it fits
	case 2:
		binary.BigEndian.PutUint16(totals[line*2:], uint16(n)) //nolint:gosec // it fits
	case 4:
		binary.BigEndian.PutUint32(totals[line*4:], uint32(n)) //nolint:gosec // it fits
	default:
		binary.BigEndian.PutUint64(totals[line*8:], uint64(n)) //nolint:gosec // a total is not below 0
	}
}

// widthOf is how wide a total is written.
func widthOf(n int64) int {
	switch {
	case n <= math.MaxUint8:
		return 1
	case n <= math.MaxUint16:
		return 2
	case n <= math.MaxUint32:
		return 4
	}
	return 8
}

// add is the row with an amount added on a day. The bytes of w are not touched. An error means that less than nothing
// would have been reached on the day.
func (w *row) add(p place, amount int64) (row, error) {
	line, known := findLine(w.lineBytes(), p.line)
	if known && amount > 0 && widthOf(w.number(w.upTo(366), line)+amount) <= w.width {
		return w.raise(p.day, line, amount), nil
	}
	s := w.spread()
	if err := s.add(p, amount); err != nil {
		return row{}, err
	}
	return s.row(), nil
}

// raise adds an amount above 0 to the totals of a line from a day on, where lines and width stay as they are.
func (w *row) raise(day, line int, amount int64) row {
	next, i := *w, w.before(day)
	if w.there(day) {
		next.bytes = slices.Clone(w.bytes)
	} else {
		unchanged := make([]byte, w.lines*w.width)
		if i > 0 {
			copy(unchanged, w.totals(i-1))
		}
		at := linesAt + w.lines*(wordBytes+i*w.width)
		next.bytes = slices.Concat(w.bytes[:at], unchanged, w.bytes[at:])
		next.mark(day)
	}
	for stored := next.before(367); i < stored; i++ {
		totals := next.totals(i)
		next.put(totals, line, next.number(totals, line)+amount)
	}
	return next
}

// mark notes that something was reached on a day.
func (w *row) mark(day int) {
	i := (day - 1) / 64
	w.days[i] |= 1 << ((day - 1) % 64)
	binary.BigEndian.PutUint64(w.bytes[daysAt+i*wordBytes:], w.days[i])
}

// findLine is the place of a line among others, or where it would be.
func findLine(lines []byte, line uint64) (i int, there bool) {
	for ; i < len(lines)/wordBytes; i++ {
		if at := binary.BigEndian.Uint64(lines[i*wordBytes:]); at >= line {
			return i, at == line
		}
	}
	return i, false
}

// spread is a row taken apart: what was reached of each line on each day.
type spread struct {
	lines   []uint64
	days    []int
	amounts [][]int64 // by day and line
}

func (w *row) spread() *spread {
	s := &spread{}
	for b := w.lineBytes(); len(b) > 0; b = b[wordBytes:] {
		s.lines = append(s.lines, binary.BigEndian.Uint64(b))
	}
	totals := make([]int64, w.lines)
	for day := 1; day <= 366; day++ {
		if !w.there(day) {
			continue
		}
		now, amounts := w.totals(len(s.days)), make([]int64, w.lines)
		for k := range amounts {
			n := w.number(now, k)
			amounts[k], totals[k] = n-totals[k], n
		}
		s.days, s.amounts = append(s.days, day), append(s.amounts, amounts)
	}
	return s
}

func (s *spread) add(p place, amount int64) error {
	line, known := slices.BinarySearch(s.lines, p.line)
	if !known {
		s.lines = slices.Insert(s.lines, line, p.line)
		for i := range s.amounts {
			s.amounts[i] = slices.Insert(s.amounts[i], line, 0)
		}
	}
	day, known := slices.BinarySearch(s.days, p.day)
	if !known {
		s.days = slices.Insert(s.days, day, p.day)
		s.amounts = slices.Insert(s.amounts, day, make([]int64, len(s.lines)))
	}
	s.amounts[day][line] += amount
	if s.amounts[day][line] < 0 {
		return fmt.Errorf("day %d falls to %d", p.day, s.amounts[day][line])
	}
	if !slices.ContainsFunc(s.amounts[day], func(n int64) bool { return n != 0 }) {
		s.days, s.amounts = slices.Delete(s.days, day, day+1), slices.Delete(s.amounts, day, day+1)
	}
	if !slices.ContainsFunc(s.amounts, func(of []int64) bool { return of[line] != 0 }) {
		s.lines = slices.Delete(s.lines, line, line+1)
		for i := range s.amounts {
			s.amounts[i] = slices.Delete(s.amounts[i], line, line+1)
		}
	}
	return nil
}

// row puts the row together again.
func (s *spread) row() row {
	totals := make([]int64, len(s.lines))
	for _, amounts := range s.amounts {
		for k, n := range amounts {
			totals[k] += n
		}
	}
	w := row{lines: len(s.lines), width: 1}
	for k := range totals {
		w.width = max(w.width, widthOf(totals[k]))
		totals[k] = 0
	}
	w.bytes = make([]byte, linesAt+w.lines*(wordBytes+len(s.days)*w.width))
	w.bytes[0] = byte(w.width)                               //nolint:gosec // 1 to 8
	binary.BigEndian.PutUint16(w.bytes[1:], uint16(w.lines)) //nolint:gosec // measures times kinds
	for k, line := range s.lines {
		binary.BigEndian.PutUint64(w.bytes[linesAt+k*wordBytes:], line)
	}
	for i, day := range s.days {
		w.mark(day)
		now := w.totals(i)
		for k, n := range s.amounts[i] {
			totals[k] += n
			w.put(now, k, totals[k])
		}
	}
	return w
}

package records

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// Figure says which facts are asked for: those that the figure of an indicator counts, of a unit and what is below it in a
// tree on the last day, from the first day to the last, both included.
type Figure struct {
	Unit, Tree  string
	Indicator   *planningpb.Indicator
	First, Last civil.Date
}

// Counted is a page of the facts of a figure, in order of legal dates, sources and places among the facts of a source,
// and the key of the first one that does not fit; nil: there is none. from is such a key, or nil.
//
// INV-LEDGER-FIGURE: all pages together hold every fact that the figure counts, once, and nothing else.
//
// The counters of the year say which units have something to show on which days, so a page costs what the figure costs
// when it is counted anew, from the year of its first fact to that of its last, and one look into the ledger for each unit
// and kind with facts on the days that it shows. It does not grow with the number of facts.
// InvalidArgument for a tree in which no unit was ever placed.
func (a *Atlas) Counted(r store.Reader, f Figure, from store.Key, size int) (page []*planningpb.CountedFact, next store.Key, err error) {
	g, err := a.gazetteerWith(r, f.Tree)
	if err != nil {
		return nil, nil, err
	}
	s, err := g.subtree(f.Unit, f.Tree, f.Last)
	if err != nil {
		return nil, nil, err
	}
	c := &collector{r: r, subtree: s, indicator: f.Indicator, kinds: map[uint64]string{}, size: size}
	for _, kind := range f.Indicator.GetKinds() {
		c.kinds[lineOf(f.Indicator.GetMeasure(), kind)] = kind
	}
	first := f.First
	if from != nil {
		if c.from, c.start, err = readPlace(from); err != nil {
			return nil, nil, err
		}
		if day := civil.FromDays(c.from); day.After(first) {
			first = day
		}
	}
	for _, sp := range spansOf(first, f.Last) {
		if err := c.year(sp); err != nil || c.next != nil {
			return c.page, c.next, err
		}
	}
	return c.page, nil, nil
}

// readPlace reads the key at which a page starts.
func readPlace(from store.Key) (day int32, start *mark, err error) {
	parts := from.Split()
	day, ok := parts.Int32()
	if ok {
		var m mark
		if m, ok = readMark(parts); ok {
			return day, &m, nil
		}
	}
	return 0, nil, fault.Internal(fmt.Errorf("a page of facts starts at %x", from))
}

// collector fills a page.
type collector struct {
	r         store.Reader
	subtree   *subtree
	indicator *planningpb.Indicator
	kinds     map[uint64]string // by line
	size      int

	// from is the day on which the page starts, with the fact start; nil: at the beginning.
	from  int32
	start *mark

	page []*planningpb.CountedFact
	next store.Key
}

// spot is a line of a unit, by its place in the subtree, on a day on which something was reached.
type spot struct {
	day, unit int
	line      uint64
}

// year adds the facts of some days of a year, until the page is full.
func (c *collector) year(sp span) error {
	newYear := civil.MustParse(fmt.Sprintf("%04d-01-01", sp.year)).Days()
	spots, err := c.spots(sp, int(c.from-newYear)+1)
	if err != nil {
		return err
	}
	for len(spots) > 0 && c.next == nil {
		n := 1
		for n < len(spots) && spots[n].day == spots[0].day {
			n++
		}
		if err := c.day(spots[:n], newYear+int32(spots[0].day)-1); err != nil { //nolint:gosec // a day of a year
			return err
		}
		spots = spots[n:]
	}
	return nil
}

// spots are those of the first days of a span that fill the page with one fact more, in order of days. Each stands for one
// fact at least, but for those of the day on which the page starts: their facts may all lie before it.
func (c *collector) spots(sp span, started int) ([]spot, error) {
	var out []spot
	want := c.size + 1 - len(c.page)
	limit := 2 * want
	prune := func() {
		slices.SortFunc(out, func(a, b spot) int { return cmp.Compare(a.day, b.day) })
		before := 0
		if c.start != nil {
			before, _ = slices.BinarySearchFunc(out, started+1, func(s spot, day int) int { return cmp.Compare(s.day, day) })
		}
		if enough := before + want; len(out) > enough {
			sp.upTo = out[enough-1].day
			end, _ := slices.BinarySearchFunc(out, sp.upTo+1, func(s spot, day int) int { return cmp.Compare(s.day, day) })
			out = out[:end]
		}
		limit = 2 * max(want, len(out))
	}
	err := c.subtree.rows(c.r, sp.year, func(i int, stored []byte) error {
		w, err := readRow(stored)
		if err != nil {
			return err
		}
		w.each(sp, func(day, line int) {
			if known := binary.BigEndian.Uint64(w.lineBytes()[line*wordBytes:]); c.kinds[known] != "" {
				out = append(out, spot{day, i, known})
			}
		})
		if len(out) > limit {
			prune()
		}
		return nil
	})
	prune()
	return out, err
}

// day adds the facts of one day, found at its spots.
func (c *collector) day(spots []spot, day int32) error {
	var found []entry
	room := c.size + 1 - len(c.page)
	for _, s := range spots {
		var err error
		if found, err = c.look(found, s, day, room); err != nil {
			return err
		}
		if len(found) > 4*room { // a day may hold more than memory should
			found = inOrder(found)[:room]
		}
	}
	for _, e := range inOrder(found) {
		if len(c.page) == c.size {
			c.next = e.mark.after(store.Key(nil).Int32(day))
			return nil
		}
		u := c.subtree.g.units[c.subtree.units[e.spot.unit]]
		c.page = append(c.page, &planningpb.CountedFact{
			Source: e.source, Unit: u.GetName(), UnitDisplayName: u.GetDisplayName(), LegalDate: civil.FromDays(day).String(),
			Measure: c.indicator.GetMeasure(), Kind: c.kinds[e.line], Amount: e.amount,
		})
	}
	return nil
}

// entry is a fact as the ledger has it.
type entry struct {
	mark
	spot

	amount int64
}

func inOrder(entries []entry) []entry {
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(strings.Compare(a.source, b.source), cmp.Compare(a.place, b.place))
	})
	return entries
}

// look appends the first facts of a spot, as many as may be on the page.
func (c *collector) look(found []entry, s spot, day int32, room int) ([]entry, error) {
	prefix := entriesOf(c.subtree.g.units[c.subtree.units[s.unit]].GetName(), s.line, day)
	from := prefix
	if c.start != nil && day == c.from {
		from = c.start.after(slices.Clip(prefix))
	}
	for key, amount := range Ledger.In(c.r).Ascend(prefix, from) {
		if room == 0 {
			break
		}
		room--
		m, ok := readMark(key[len(prefix):].Split())
		if !ok || len(amount) != wordBytes {
			return nil, fault.Internal(fmt.Errorf("an entry of the ledger: %x, %x", key, amount))
		}
		found = append(found, entry{m, s, int64(binary.BigEndian.Uint64(amount))}) //nolint:gosec // as it was entered
	}
	return found, nil
}

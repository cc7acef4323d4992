package sheet

import (
	"slices"
	"strings"
)

// gather takes the rows of a noun from all sheets and refuses those that contradict each other.
func (im *importer) gather(n *noun, sheets []*Sheet) []item {
	var items []item
	var files []string
	for _, s := range sheets {
		if s.noun != n {
			continue
		}
		files = append(files, s.File)
		for _, r := range s.Rows {
			items = append(items, item{sheet: s, row: r})
		}
	}
	if len(items) == 0 {
		return nil
	}
	im.meters[n] = &group{label: strings.Join(files, ", "), all: len(items)}
	im.tell(n, 0)
	im.refuseTwins(items, n.keyColumns(), true)
	standing := items
	if n.room != nil {
		standing = slices.DeleteFunc(slices.Clone(items), func(i item) bool { return n.room(i.row) })
	}
	for _, columns := range n.unique {
		im.refuseTwins(standing, columns, false)
	}
	if n.self != "" {
		im.refuseCircles(n, items)
	}
	return im.good(items)
}

func (im *importer) good(items []item) []item {
	out := items[:0]
	for _, i := range items {
		if !im.isRefused(i) {
			out = append(out, i)
		}
	}
	return out
}

// refuseTwins refuses rows that have the same values in columns that must differ. Of rows that are the same throughout the
// first may stay; where they say different things under one id, none is known to be right.
func (im *importer) refuseTwins(items []item, columns []string, ids bool) {
	first := make(map[string]int, len(items))
	for at, i := range items {
		key, full := joined(i.row, columns)
		if !full || im.isRefused(i) {
			continue
		}
		before, twice := first[key]
		if !twice {
			first[key] = at
			continue
		}
		other := items[before]
		im.refuse(i, twin(i, other, columns))
		if ids && !i.row.says(other.row, i.sheet.noun) {
			im.refuse(other, twin(other, i, columns))
		}
	}
}

func twin(i, other item, columns []string) error {
	value := i.row.Cell(columns[0])
	where, whereEn := place{other.sheet, other.row.Line}.words(i.sheet)
	return &columnError{column: columns[0], value: value, err: &phrase{
		vi: strings.Join(columns, " + ") + " trùng với " + where + "; hãy giữ lại một dòng",
		en: strings.Join(columns, " + ") + " the same as in " + whereEn + "; keep one of the rows",
	}}
}

// words names a row as seen from a sheet.
func (p place) words(from *Sheet) (vi, en string) {
	vi, en = lineWords(p.line)
	if p.sheet != from {
		vi, en = vi+" của "+p.sheet.File, en+" of "+p.sheet.File
	}
	return vi, en
}

// joined are the cells of columns as a key; full: none is empty.
func joined(r Row, columns []string) (key string, full bool) {
	if len(columns) == 1 {
		v := r.Cell(columns[0])
		return v, v != ""
	}
	parts := make([]string, len(columns))
	for i, c := range columns {
		if parts[i] = r.Cell(c); parts[i] == "" {
			return "", false
		}
	}
	return strings.Join(parts, "\x00"), true
}

// says whether two rows say the same in every column of a noun.
func (r Row) says(other Row, n *noun) bool {
	for _, c := range n.columns {
		if r.Cell(c.name) != other.Cell(c.name) {
			return false
		}
	}
	return true
}

// refuseCircles refuses rows that stand above each other in a circle.
func (im *importer) refuseCircles(n *noun, items []item) {
	at := index(items)
	const walking, settled, circle = 1, 2, 3
	state := make([]int8, len(items))
	for start := range items {
		var path []int
		i, known := start, true
		for known && state[i] == 0 {
			state[i] = walking
			path = append(path, i)
			i, known = at[items[i].row.Cell(n.self)]
		}
		in := known && state[i] == walking
		for len(path) > 0 {
			last := path[len(path)-1]
			path = path[:len(path)-1]
			state[last] = settled
			if in {
				state[last] = circle
				in = last != i
			}
		}
	}
	for k, i := range items {
		if state[k] != circle || im.isRefused(i) {
			continue
		}
		above := items[at[i.row.Cell(n.self)]]
		where, whereEn := place{above.sheet, above.row.Line}.words(i.sheet)
		im.refuse(i, &columnError{column: n.self, value: i.row.Cell(n.self), err: &phrase{
			vi: "các dòng lấy nhau làm cấp trên theo vòng tròn (cấp trên của dòng này là " + where + "); hãy sửa lại cấp trên",
			en: "these rows stand above each other in a circle (the one above this is in " + whereEn + "); correct what is above",
		}})
	}
}

func index(items []item) map[string]int {
	at := make(map[string]int, len(items))
	for k, i := range items {
		if id := i.row.Cell("id"); id != "" {
			at[id] = k
		}
	}
	return at
}

// levels puts rows apart so that none refers to a row of its own or a later level.
func levels(n *noun, items []item) [][]item {
	if n.self == "" {
		return [][]item{items}
	}
	at := index(items)
	level := make([]int, len(items))
	var out [][]item
	for k := range items {
		var path []int
		i, known := k, true
		for known && level[i] == 0 {
			path = append(path, i)
			level[i] = -1 // circles are refused by now; this ends the walk all the same
			i, known = at[items[i].row.Cell(n.self)]
		}
		above := 0
		if known {
			above = max(level[i], 0)
		}
		for len(path) > 0 {
			above++
			level[path[len(path)-1]] = above
			path = path[:len(path)-1]
		}
	}
	for k, i := range items {
		for len(out) < level[k] {
			out = append(out, nil)
		}
		out[level[k]-1] = append(out[level[k]-1], i)
	}
	return out
}

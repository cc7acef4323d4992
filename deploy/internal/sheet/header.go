package sheet

import (
	"math"
	"slices"
	"strings"

	"coso/services/platform/text"
)

// reasonColumn is the column that says why a row was refused. It is written into the sheet of refused rows and passed over
// when that is read again.
const reasonColumn = "reason"

// head is a header row: which cell belongs to which column.
type head struct {
	// names are the columns in their order; a passed-over one is empty.
	names []string
	at    map[string]int
}

func newHead(names []string) *head {
	h := &head{names: names, at: make(map[string]int, len(names))}
	for i, n := range names {
		if n != "" {
			h.at[n] = i
		}
	}
	return h
}

// parseHead reads a header row. Empty cells at its end are passed over.
func parseHead(cells []string) (*head, error) {
	for len(cells) > 0 && strings.TrimSpace(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1]
	}
	names := make([]string, len(cells))
	for i, c := range cells {
		switch name := columnName(c); {
		case name == reasonColumn:
		case name == "":
			return nil, say("cột thứ %d không có tên; dòng đầu phải ghi tên các cột", "column %d has no name; the first row names the columns", i+1)
		case slices.Contains(names[:i], name):
			return nil, say("cột %q xuất hiện hai lần; hãy bỏ một cột", "the column %q is there twice; remove one of them", name)
		default:
			names[i] = name
		}
	}
	return newHead(names), nil
}

// nounOf finds the noun whose columns the header names.
func nounOf(h *head) (*noun, error) {
	names := slices.DeleteFunc(slices.Clone(h.names), func(n string) bool { return n == "" })
	best, missing := closest(names)
	if len(missing) == 0 {
		for _, c := range names {
			if best.column(c) != nil {
				continue
			}
			if meant := best.meant(c); meant != "" {
				return nil, say("bảng %[1]s không có cột %[2]q; có phải là %[3]s? Hãy sửa tên cột ở dòng đầu",
					"%[1]s have no column %[2]q; did you mean %[3]s? Correct its name in the first row", best.name, c, meant)
			}
			return nil, say("bảng %s không có cột %q; các cột của bảng là %s",
				"%s have no column %q; their columns are %s", best.name, c, strings.Join(best.names(true), ", "))
		}
		return best, nil
	}
	var known []string
	for _, n := range nouns {
		known = append(known, "\n  "+n.name+": "+strings.Join(n.names(false), ","))
	}
	if wrong, right := best.misspelt(names); len(wrong) > 0 && len(wrong) >= len(missing) {
		return nil, say("bảng %[1]s: hãy sửa tên cột ở dòng đầu: %[2]s thành %[3]s", "%[1]s: correct the names of columns in the first row: %[2]s to %[3]s",
			best.name, strings.Join(wrong, ", "), strings.Join(right, ", "))
	}
	foreign := len(slices.DeleteFunc(slices.Clone(names), func(c string) bool { return best.column(c) != nil }))
	if 2*foreign < len(names) {
		return nil, say("không nhận ra bảng: để là bảng %[1]s thì còn thiếu cột %[2]s. Các bảng và cột:%[3]s",
			"the columns are those of no sheet; %[1]s would need %[2]s too. Sheets and their columns:%[3]s",
			best.name, strings.Join(missing, ", "), strings.Join(known, ""))
	}
	return nil, say("đây không phải bảng để nhập: dòng đầu không ghi tên cột của bảng nào; hãy ghi dòng đầu theo một trong các bảng dưới đây, hoặc bỏ tệp này ra:%s",
		"this is no sheet to import: its first row does not name the columns of one; name them as below, or leave the file out:%s",
		strings.Join(known, ""))
}

// meant is the column of a noun that a name is probably meant to be; empty: none.
func (n *noun) meant(given string) string {
	plain := func(s string) string {
		return strings.NewReplacer("_", "", " ", "", "-", "", ".", "").Replace(text.Fold(s))
	}
	columns := n.names(true)
	for _, c := range columns {
		if plain(c) == plain(given) {
			return c
		}
	}
	return text.Nearest(given, columns)
}

// misspelt are names in a header that are no columns of a noun but nearly are, and the columns.
func (n *noun) misspelt(header []string) (wrong, right []string) {
	for _, given := range header {
		if n.column(given) != nil {
			continue
		}
		if c := n.meant(given); c != "" && !slices.Contains(header, c) && !slices.Contains(right, c) {
			wrong, right = append(wrong, given), append(right, c)
		}
	}
	return wrong, right
}

// closest is the noun that shares most columns with the header, and the columns it lacks.
func closest(header []string) (best *noun, missing []string) {
	most := math.MinInt
	for _, n := range nouns {
		var lacks []string
		shared := 0
		for _, c := range n.columns {
			switch {
			case slices.Contains(header, c.name):
				shared++
			case c.required:
				lacks = append(lacks, c.name)
			}
		}
		if score := 2*shared - 2*len(lacks); score > most {
			best, missing, most = n, lacks, score
		}
	}
	return best, missing
}

package text

import (
	"cmp"
	"slices"
	"strings"
)

// Nearest returns which of the known names, plain letters all, looks most like an unknown one, whatever the case; of two that
// do, the first. It is empty if none does.
func Nearest(name string, known []string) string {
	if near := Near(name, known, 1); len(near) > 0 {
		return near[0]
	}
	return ""
}

// Near returns those of the known names that look like an unknown one, the most alike first and most of them at most: names
// of which few letters differ, and names that have it as one of their parts (`ho-tay` for `quan-ho-tay`).
func Near(name string, known []string, most int) []string {
	type guess struct {
		name string
		off  int
	}
	limit := max(2, len(name)/4)
	lower := strings.ToLower(name)
	var found []guess
	for _, k := range known {
		other := strings.ToLower(k)
		off := limit + 1
		if apart := len(other) - len(lower); -limit <= apart && apart <= limit {
			off = distance(lower, other)
		}
		if off > limit && partOf(lower, other) {
			off = limit
		}
		if off <= limit {
			found = append(found, guess{k, off})
		}
	}
	slices.SortStableFunc(found, func(a, b guess) int { return cmp.Compare(a.off, b.off) })
	out := make([]string, 0, most)
	for _, g := range found[:min(most, len(found))] {
		out = append(out, g.name)
	}
	return out
}

// minPart is how long a name must be to be looked for as a part of others.
const minPart = 3

// partOf reports whether one of two names is the other with more parts before or behind it.
func partOf(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) < minPart {
		return false
	}
	for at := 0; ; at++ {
		i := strings.Index(b[at:], a)
		if i < 0 {
			return false
		}
		at += i
		if end := at + len(a); (at == 0 || joint(b[at-1])) && (end == len(b) || joint(b[end])) {
			return true
		}
	}
}

func joint(c byte) bool { return c == '-' || c == '_' }

// distance is how many letters must be put in, taken out or changed to make a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}

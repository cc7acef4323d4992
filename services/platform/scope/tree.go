package scope

import (
	"slices"
	"sync"

	"coso/services/platform/civil"
	"coso/services/platform/store"
)

// tree is what lies below what on one day, worked out of units with one mark. It is never changed once it is made, but for
// what it keeps of questions asked before.
type tree struct {
	mark     store.Mark
	day      civil.Date
	children map[string][]string

	mu sync.Mutex
	// known are the units below one and itself, sorted.
	known map[string][]string
}

// treeOf is the tree of a day as a transaction sees the units.
func (b *Book) treeOf(r store.Reader, day civil.Date) (*tree, error) {
	mark := b.stamp.Of(r, "")
	b.mu.Lock()
	kept := b.kept
	b.mu.Unlock()
	if kept != nil && kept.mark == mark && kept.day == day {
		return kept, nil
	}
	t := &tree{mark: mark, day: day, children: map[string][]string{}, known: map[string][]string{}}
	for u, err := range b.units.All(r) {
		if err != nil {
			return nil, err
		}
		for _, parent := range parents(u, day) {
			t.children[parent] = append(t.children[parent], u.GetName())
		}
	}
	if mark == (store.Mark{}) { // there are no units, or their mark is being built anew
		return t, nil
	}
	b.mu.Lock()
	b.kept = t
	b.mu.Unlock()
	return t, nil
}

// below are some units and all below them, sorted.
func (t *tree) below(roots []string) []string {
	if len(roots) == 1 {
		return t.belowOne(roots[0])
	}
	var out []string
	for _, root := range roots {
		out = append(out, t.belowOne(root)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (t *tree) belowOne(root string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if out, ok := t.known[root]; ok {
		return out
	}
	seen := map[string]bool{root: true}
	out := []string{root}
	for i := 0; i < len(out); i++ {
		for _, child := range t.children[out[i]] {
			if !seen[child] {
				seen[child] = true
				out = append(out, child)
			}
		}
	}
	slices.Sort(out)
	t.known[root] = out
	return out
}

package scope

import (
	"slices"
	"sync"

	"coso/services/platform/civil"
	"coso/services/platform/store"
)

// tree is what lies above and below what on one day, worked out of units with one mark. It is never changed once it is made, but for
// what it keeps of questions asked before.
type tree struct {
	mark     store.Mark
	day      civil.Date
	children map[string][]string
	parents  map[string][]string

	mu sync.Mutex
	// known are the units below one and itself, sorted.
	known map[string][]string
}

// treeOf is the tree of a day as a transaction sees the units.
func (b *Book) treeOf(r store.Reader, day civil.Date) (*tree, error) {
	mark := b.stamp.Of(r, "")
	if kept := b.keptTree(mark, day); kept != nil {
		return kept, nil
	}
	t := &tree{mark: mark, day: day, children: map[string][]string{}, parents: map[string][]string{}, known: map[string][]string{}}
	for u, err := range b.units.All(r) {
		if err != nil {
			return nil, err
		}
		t.parents[u.GetName()] = parents(u, day)
		for _, parent := range t.parents[u.GetName()] {
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

// oneByOne is how often units are walked up one by one after a change of any, before their tree is worked out: a command, and
// a single question between two changes, must not wait for that.
const oneByOne = 1000

// treeFor is the tree of a day as a transaction sees the units, for a question about one of them; nil: walk up to answer it.
func (b *Book) treeFor(r store.Reader, day civil.Date) (*tree, error) {
	mark := b.stamp.Of(r, "")
	if kept := b.keptTree(mark, day); kept != nil {
		return kept, nil
	}
	b.mu.Lock()
	if b.on != mark {
		b.walked, b.on = 0, mark
	}
	b.walked++
	walk := b.walked < oneByOne
	b.mu.Unlock()
	if _, reads := r.(*store.ReadTx); walk || !reads {
		return nil, nil //nolint:nilnil // walk
	}
	return b.treeOf(r, day)
}

// keptTree is the tree that was worked out last, if it is that of these units on this day; nil: it is another's.
func (b *Book) keptTree(mark store.Mark, day civil.Date) *tree {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kept != nil && b.kept.mark == mark && b.kept.day == day {
		return b.kept
	}
	return nil
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

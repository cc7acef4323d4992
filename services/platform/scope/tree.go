package scope

import (
	"slices"
	"strings"
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
	// seen is the version in which it was found last.
	seen store.Version
	// known are the units below some and themselves, sorted; names is how many they are.
	known map[string][]string
	names int
}

// treeOf is the tree of a day as a transaction sees the units.
func (b *Book) treeOf(r store.Reader, day civil.Date) (*tree, error) {
	kept, mark := b.keptTree(r, day)
	if kept != nil {
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
	kept, mark := b.keptTree(r, day)
	if kept != nil {
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

// keptTree is the tree that was worked out last, if it is that of the units that r sees, on this day; nil: it is another's, and
// mark that of the units.
func (b *Book) keptTree(r store.Reader, day civil.Date) (kept *tree, mark store.Mark) {
	b.mu.Lock()
	kept = b.kept
	b.mu.Unlock()
	if kept != nil && kept.day != day {
		kept = nil
	}
	version, reads := store.VersionOf(r)
	if kept != nil && reads && kept.wasSeenIn(version) {
		return kept, mark
	}
	mark = b.stamp.Of(r, "")
	if kept == nil || kept.mark != mark {
		return nil, mark
	}
	if reads {
		kept.seeIn(version)
	}
	return kept, mark
}

func (t *tree) wasSeenIn(v store.Version) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen == v
}

func (t *tree) seeIn(v store.Version) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = v
}

// above are the units above one today, in whatever tree, and itself.
func (w *power) above(unit string) ([]string, error) {
	t, err := w.book.treeFor(w.r, w.today)
	if err != nil {
		return nil, err
	}
	found := path{units: append(make([]string, 0, handful/2), unit)}
	for next := 0; next < len(found.units); { // there are more with every step
		name := found.units[next]
		next++
		if t != nil {
			found.add(t.parents[name])
			continue
		}
		u, ok, err := w.book.units.Find(w.r, name)
		if err != nil {
			return nil, err
		}
		if ok {
			found.add(parents(u, w.today))
		}
	}
	return found.units, nil
}

// path are units met on the way up, each once. There are a handful of them, so a map is made only for a way that nobody expects.
type path struct {
	units []string
	met   map[string]bool
}

// handful is how many units are looked through for one.
const handful = 32

func (p *path) add(units []string) {
	for _, unit := range units {
		if len(p.units) <= handful {
			if slices.Contains(p.units, unit) {
				continue
			}
		} else {
			if p.met == nil {
				p.met = map[string]bool{}
				for _, u := range p.units {
					p.met[u] = true
				}
			}
			if p.met[unit] {
				continue
			}
			p.met[unit] = true
		}
		p.units = append(p.units, unit)
	}
}

// maxBelow bounds how many names a tree keeps of questions asked before.
const maxBelow = 1 << 20

// below are some units and all below them, sorted; the caller does not change them.
func (t *tree) below(roots []string) []string {
	slices.Sort(roots)
	roots = slices.Compact(roots)
	id := strings.Join(roots, "\n")
	t.mu.Lock()
	defer t.mu.Unlock()
	if out, ok := t.known[id]; ok {
		return out
	}
	out := slices.Clone(roots)
	seen := make(map[string]bool, len(out))
	for _, root := range out {
		seen[root] = true
	}
	for i := 0; i < len(out); i++ {
		for _, child := range t.children[out[i]] {
			if !seen[child] {
				seen[child] = true
				out = append(out, child)
			}
		}
	}
	slices.Sort(out)
	if t.names += len(out); t.names > maxBelow {
		clear(t.known)
		t.names = len(out)
	}
	t.known[id] = out
	return out
}

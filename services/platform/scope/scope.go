// Package scope says in which units a principal's grants hold. It reads the units and grants that a service keeps: the
// registry its records, every other service its copies of them.
//
// A grant of a unit holds in all units below it, in whatever tree, as they are placed today. Whoever stands in for another
// holds that one's grant beside him, and what he does under it shows both.
//
// INV-SCOPE-SUBTREE: a grant holds in exactly the unit it names and those that today's placements put below it; one that names
// no unit holds everywhere.
package scope

import (
	"iter"
	"sync"
	"time"

	accesspb "coso/proto/gen/coso/access/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/store"
)

// Units are a service's units, records or copies.
type Units interface {
	Find(r store.Reader, name string) (*registrypb.Unit, bool, error)
	All(r store.Reader) func(yield func(*registrypb.Unit, error) bool)
}

// Grants are a service's grants, records or copies.
type Grants interface {
	Find(r store.Reader, name string) (*registrypb.Grant, bool, error)
	By(r store.Reader, in *store.Index[*registrypb.Grant], key store.Key) func(yield func(*registrypb.Grant, error) bool)
}

// NewByPrincipal declares the index by which a Book finds the grants of a principal.
func NewByPrincipal() *store.Index[*registrypb.Grant] {
	return store.NewIndex("principal", func(g *registrypb.Grant) []store.Key { return []store.Key{store.Text(g.GetPrincipal())} })
}

// Book answers what principals may do, from one service's units and grants. It implements store.Authority and is safe for
// concurrent use.
type Book struct {
	units       Units
	stamp       *store.Stamp[*registrypb.Unit]
	grants      Grants
	byPrincipal *store.Index[*registrypb.Grant]

	mu   sync.Mutex
	kept *tree
	// walked is how often units with the mark on were walked up one by one.
	walked int
	on     store.Mark
}

// NewBook reads units, marked by a stamp of them all, and grants, found by an index.
func NewBook(units Units, stamp *store.Stamp[*registrypb.Unit], grants Grants, byPrincipal *store.Index[*registrypb.Grant]) *Book {
	return &Book{units: units, stamp: stamp, grants: grants, byPrincipal: byPrincipal}
}

// PowerOf reads what a principal may do at a moment.
func (b *Book) PowerOf(r store.Reader, p access.Principal, now time.Time) (store.Power, error) {
	out := &power{book: b, r: r, p: p, today: civil.Today(now)}
	for g, err := range b.grants.By(r, b.byPrincipal, store.Text(p.Name)) {
		if err != nil {
			return nil, err
		}
		if access.InForce(g, now) {
			out.held = append(out.held, g)
		}
	}
	return out, nil
}

// power is what one principal may do, read through one transaction.
type power struct {
	book  *Book
	r     store.Reader
	p     access.Principal
	today civil.Date
	held  []*registrypb.Grant
}

// Anywhere reports whether the principal has a permission in any unit.
func (w *power) Anywhere(what accesspb.Permission) bool {
	if access.Fixed(w.p, what) {
		return true
	}
	for range w.with(what) {
		return true
	}
	return false
}

// with are the grants that give a permission, the principal's own first.
func (w *power) with(what accesspb.Permission) iter.Seq[*registrypb.Grant] {
	return func(yield func(*registrypb.Grant) bool) {
		for _, own := range []bool{true, false} {
			for _, g := range w.held {
				if (g.GetOnBehalfOf() == "") == own && access.Holds(g.GetRole(), what) && !yield(g) {
					return
				}
			}
		}
	}
}

// At reports whether the principal has a permission in a unit, and in whose stead.
func (w *power) At(what accesspb.Permission, unit, stead string) (instead string, ok bool, err error) {
	if access.Fixed(w.p, what) {
		return "", true, nil
	}
	var above map[string]bool
	for g := range w.with(what) {
		if other := g.GetOnBehalfOf(); other != "" && stead != "" && other != stead {
			continue
		}
		holds := g.GetUnit() == "" || g.GetUnit() == unit
		if !holds && unit != "" {
			if above == nil {
				if above, err = w.book.above(w.r, unit, w.today); err != nil {
					return "", false, err
				}
			}
			holds = above[g.GetUnit()]
		}
		if holds {
			return g.GetOnBehalfOf(), true, nil
		}
	}
	return "", false, nil
}

// Units are those in which the principal has a permission.
func (w *power) Units(what accesspb.Permission) (store.Scope, error) {
	if access.Fixed(w.p, what) {
		return store.Scope{Everywhere: true}, nil
	}
	var roots []string
	for g := range w.with(what) {
		if g.GetUnit() == "" {
			return store.Scope{Everywhere: true}, nil
		}
		roots = append(roots, g.GetUnit())
	}
	t, err := w.book.treeOf(w.r, w.today)
	if err != nil {
		return store.Scope{}, err
	}
	return store.ScopeOf(t.below(roots)), nil
}

// above are the units above one today, in whatever tree, without itself.
func (b *Book) above(r store.Reader, unit string, today civil.Date) (map[string]bool, error) {
	t, err := b.treeFor(r, today)
	if err != nil {
		return nil, err
	}
	right := func(name string) ([]string, error) {
		if t != nil {
			return t.parents[name], nil
		}
		u, ok, err := b.units.Find(r, name)
		if err != nil || !ok {
			return nil, err
		}
		return parents(u, today), nil
	}
	found := map[string]bool{}
	for next := []string{unit}; len(next) > 0; next = next[1:] {
		up, err := right(next[0])
		if err != nil {
			return nil, err
		}
		for _, parent := range up {
			if !found[parent] {
				found[parent] = true
				next = append(next, parent)
			}
		}
	}
	return found, nil
}

// parents are the units right above one on a day, one for each tree: by the placement that began last, or, where none has
// begun yet, by the first that will.
func parents(u *registrypb.Unit, day civil.Date) []string {
	on := day.String() // dates compare as their strings do
	best := map[string]*registrypb.Placement{}
	for _, p := range u.GetPlacements() {
		cur := best[p.GetTree()]
		begun := p.GetFromDate() <= on
		switch {
		case cur == nil,
			begun && (cur.GetFromDate() > on || p.GetFromDate() > cur.GetFromDate()),
			!begun && cur.GetFromDate() > on && p.GetFromDate() < cur.GetFromDate():
			best[p.GetTree()] = p
		}
	}
	out := make([]string, 0, len(best))
	for _, p := range best {
		if p.GetParent() != "" {
			out = append(out, p.GetParent())
		}
	}
	return out
}

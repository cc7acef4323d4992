// Package scope says in which units a principal's grants hold. It reads the units and grants that a service keeps: the
// registry its records, every other service its copies of them.
//
// A grant of a unit holds in all units below it, in whatever tree, as they are placed today. Whoever stands in for another
// holds that one's grant beside him, and what he does under it shows both.
//
// What was read is kept, under the marks of the records that it rests on: an answer never outlives a change of them, nor the moment
// at which a grant begins or ends.
//
// INV-SCOPE-SUBTREE: a grant holds in exactly the unit it names and those that today's placements put below it; one that names
// no unit holds everywhere.
//
// INV-SCOPE-KEPT: what is kept is what would be read.
//
// INV-SCOPE-REST: a substitute's grant holds only while the grant it rests on does.
//
// INV-SCOPE-LASTING: how long somebody holds a permission is how long one grant of their own that is in force does.
//
// INV-SCOPE-BOUNDED: to know what somebody may do, his grants are read that have not ended, and no others.
package scope

import (
	"slices"
	"sync"
	"time"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/dated"
	"coso/services/platform/fault"
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
	From(r store.Reader, in *store.Index[*registrypb.Grant], key, from store.Key) func(yield func(*registrypb.Grant, error) bool)
}

// NewByPrincipal declares the index by which a Book finds the grants of a principal that have not ended.
func NewByPrincipal() *store.Index[*registrypb.Grant] {
	return NewByEnd("principal-end", (*registrypb.Grant).GetPrincipal)
}

// NewGrantsStamp declares the marks by which a Book knows whether the grants of a principal are those that it has kept.
func NewGrantsStamp() *store.Stamp[*registrypb.Grant] {
	return store.NewStamp("grants-stamp", (*registrypb.Grant).GetPrincipal)
}

// Book answers what principals may do, from one service's units and grants. It implements store.Authority and is safe for
// concurrent use.
type Book struct {
	units       Units
	stamp       *store.Stamp[*registrypb.Unit]
	grants      Grants
	byPrincipal *store.Index[*registrypb.Grant]
	grantsStamp *store.Stamp[*registrypb.Grant]
	holders     holders

	mu   sync.Mutex
	kept *tree
	// walked is how often units with the mark on were walked up one by one.
	walked int
	on     store.Mark
}

// NewBook reads units, marked by a stamp of them all, and grants, found by an index and marked by a stamp for each principal.
func NewBook(
	units Units, stamp *store.Stamp[*registrypb.Unit],
	grants Grants, byPrincipal *store.Index[*registrypb.Grant], grantsStamp *store.Stamp[*registrypb.Grant],
) *Book {
	return &Book{units: units, stamp: stamp, grants: grants, byPrincipal: byPrincipal, grantsStamp: grantsStamp}
}

// KnownUnit refuses a filter, in field, by a unit that is not among the book's: NotFound. An empty list would look as if the unit had
// nothing to show. "" is no filter.
func (b *Book) KnownUnit(r store.Reader, field, name string) error {
	if name == "" {
		return nil
	}
	_, known, err := b.units.Find(r, name)
	if err == nil && !known {
		err = fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, field, "name", name)
	}
	return err
}

// PowerOf reads what a principal may do at a moment.
func (b *Book) PowerOf(r store.Reader, p access.Principal, now time.Time) (store.Power, error) {
	held, err := b.heldBy(r, p.Name, now)
	if err != nil {
		return nil, err
	}
	return &power{book: b, r: r, p: p, today: civil.Today(now), held: held}, nil
}

// Lasting is until when a principal holds a permission in a unit by one grant of its own that is in force; the zero moment: for good.
// ok is false if it does not hold it so.
func (b *Book) Lasting(
	r store.Reader, p access.Principal, now time.Time, what accesspb.Permission, unit string,
) (until time.Time, ok bool, err error) {
	if access.Fixed(p, what) {
		return time.Time{}, true, nil
	}
	held, err := b.heldBy(r, p.Name, now)
	for i := 0; i < len(held) && err == nil; i++ {
		one := &power{book: b, r: r, p: p, today: civil.Today(now), held: held[i : i+1]}
		basis, failed := one.At(what, unit)
		switch end := held[i].GetEndTime(); {
		case failed != nil:
			err = failed
		case !basis.Own:
		case end == nil:
			return time.Time{}, true, nil
		case end.AsTime().After(until):
			until, ok = end.AsTime(), true
		}
	}
	return until, ok, err
}

// power is what one principal may do, read through one transaction.
type power struct {
	book  *Book
	r     store.Reader
	p     access.Principal
	today civil.Date
	// held are the grants in force, the principal's own first; shared, never changed.
	held []*registrypb.Grant
}

// Anywhere reports whether the principal has a permission in any unit.
func (w *power) Anywhere(what accesspb.Permission) bool {
	if access.Fixed(w.p, what) {
		return true
	}
	for _, g := range w.held {
		if access.Holds(g.GetRole(), what) {
			return true
		}
	}
	return false
}

// At says on whose grants a permission rests in a unit.
func (w *power) At(what accesspb.Permission, unit string) (basis store.Basis, err error) {
	if access.Fixed(w.p, what) {
		return store.Basis{Own: true}, nil
	}
	var above []string
	for _, g := range w.held {
		if !access.Holds(g.GetRole(), what) {
			continue
		}
		holds := g.GetUnit() == "" || g.GetUnit() == unit
		if !holds && unit != "" {
			if above == nil {
				if above, err = w.above(unit); err != nil {
					return store.Basis{}, err
				}
			}
			holds = slices.Contains(above, g.GetUnit())
		}
		if !holds {
			continue
		}
		whose := g.GetOnBehalfOf()
		if whose == "" {
			return store.Basis{Own: true}, nil
		}
		basis.Steads = append(basis.Steads, whose)
	}
	slices.Sort(basis.Steads)
	basis.Steads = slices.Compact(basis.Steads)
	return basis, nil
}

// Units are those in which the principal has a permission.
func (w *power) Units(what accesspb.Permission) (store.Scope, error) {
	if access.Fixed(w.p, what) {
		return store.Scope{Everywhere: true}, nil
	}
	var roots []string
	for _, g := range w.held {
		switch {
		case !access.Holds(g.GetRole(), what):
		case g.GetUnit() == "":
			return store.Scope{Everywhere: true}, nil
		default:
			roots = append(roots, g.GetUnit())
		}
	}
	t, err := w.book.treeOf(w.r, w.today)
	if err != nil {
		return store.Scope{}, err
	}
	return store.ScopeOf(t.below(roots)), nil
}

// parents are the units right above one on a day, one for each tree, of one that has not begun those that will be.
func parents(u *registrypb.Unit, day civil.Date) []string {
	placed := dated.PlacedOrComing(u, day.String())
	out := make([]string, 0, len(placed))
	for _, p := range placed {
		if p.GetParent() != "" {
			out = append(out, p.GetParent())
		}
	}
	return out
}

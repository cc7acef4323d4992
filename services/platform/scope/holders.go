package scope

import (
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/store"
)

// maxHolders and maxHeld bound how many principals, and how many of their grants, are kept in memory.
const (
	maxHolders = 8192
	maxHeld    = 1 << 16
)

// holders keeps what principals hold, each under the mark of their grants. What is full is emptied: it fills again with those who
// call.
type holders struct {
	mu   sync.RWMutex
	by   map[string]*holding
	held int
}

// holding is the grants in force of one principal whose grants have the mark, at any moment between two. It is never changed.
type holding struct {
	// seen is the version in which it was read, or found again, last: it need not be looked for again there.
	seen store.Version
	// rests are the marks of whose grants it rests on: the principal's own, and of those it stands in for.
	rests []rest
	// from is the moment for which it was read; until the first at which it no longer is so, zero: none is known.
	from, until time.Time
	grants      []*registrypb.Grant
}

// rest is the mark that somebody's grants had.
type rest struct {
	whose string
	mark  store.Mark
}

func (h *holding) at(now time.Time) bool {
	return !now.Before(h.from) && (h.until.IsZero() || now.Before(h.until))
}

// find is what was kept of a principal, if it is so at a moment; nil: it is not.
func (h *holders) find(principal string, now time.Time) *holding {
	h.mu.RLock()
	kept := h.by[principal]
	h.mu.RUnlock()
	if kept == nil || !kept.at(now) {
		return nil
	}
	return kept
}

func (h *holders) keep(principal string, next *holding) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if old := h.by[principal]; old != nil {
		h.held -= len(old.grants)
	}
	if h.held += len(next.grants); h.by == nil || len(h.by) >= maxHolders || h.held > maxHeld {
		h.by, h.held = map[string]*holding{}, len(next.grants)
	}
	h.by[principal] = next
}

// heldBy are the grants of a principal that are in force at a moment, its own first; the caller does not change them.
func (b *Book) heldBy(r store.Reader, principal string, now time.Time) ([]*registrypb.Grant, error) {
	version, reads := store.VersionOf(r)
	kept := b.holders.find(principal, now)
	if kept != nil && reads && kept.seen == version {
		return kept.grants, nil
	}
	if kept != nil && b.stands(r, kept) {
		if reads {
			again := *kept
			again.seen = version
			b.holders.keep(principal, &again)
		}
		return kept.grants, nil
	}
	next := &holding{seen: version, from: now}
	if err := b.read(r, next, principal, now); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(next.rests, func(on rest) bool { return on.mark == store.Mark{} }) { // no grants, or marks that are being built anew
		b.holders.keep(principal, next)
	}
	return next.grants, nil
}

// stands reports whether the grants that a holding rests on are as they were.
func (b *Book) stands(r store.Reader, h *holding) bool {
	for _, on := range h.rests {
		if b.grantsStamp.Of(r, on.whose) != on.mark {
			return false
		}
	}
	return true
}

// read notes the grants of a principal that have not ended: INV-SCOPE-BOUNDED.
func (b *Book) read(r store.Reader, into *holding, principal string, now time.Time) error {
	into.rest(r, b, principal)
	for g, err := range Unended(r, b.grants, b.byPrincipal, principal, now) {
		if err != nil {
			return err
		}
		holds := into.note(g, now)
		if on := g.GetSubstituteFor(); on != "" { // INV-SCOPE-REST
			into.rest(r, b, g.GetOnBehalfOf())
			its, there, err := b.grants.Find(r, on)
			if err != nil {
				return err
			}
			holds = there && into.note(its, now) && holds
		}
		if holds {
			into.grants = append(into.grants, g)
		}
	}
	slices.SortStableFunc(into.grants, func(a, b *registrypb.Grant) int { return rank(a) - rank(b) })
	return nil
}

// rest notes that a holding rests on somebody's grants.
func (h *holding) rest(r store.Reader, b *Book, whose string) {
	if !slices.ContainsFunc(h.rests, func(on rest) bool { return on.whose == whose }) {
		h.rests = append(h.rests, rest{whose, b.grantsStamp.Of(r, whose)})
	}
}

// note reports whether a grant is in force, and notes when that changes.
func (h *holding) note(g *registrypb.Grant, now time.Time) bool {
	for _, change := range []*timestamppb.Timestamp{g.GetStartTime(), g.GetEndTime()} {
		if at := change.AsTime(); change != nil && at.After(now) && (h.until.IsZero() || at.Before(h.until)) {
			h.until = at
		}
	}
	return access.InForce(g, now)
}

// rank puts the principal's own grants before those held as a substitute.
func rank(g *registrypb.Grant) int {
	if g.GetOnBehalfOf() == "" {
		return 0
	}
	return 1
}

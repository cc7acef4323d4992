package checkpoint

import (
	"coso/services/platform/store"

	"github.com/google/uuid"
)

// Verdict is what a journal says of a checkpoint that was signed before.
type Verdict int

const (
	// Fits says that the entry is there with its hash, and with it everything before.
	Fits Verdict = iota + 1
	// Cut says that the journal ends before the entry.
	Cut
	// Rewritten says that another entry stands in the place.
	Rewritten
	// Restored says that an older state was put back: the journal goes on in another incarnation from before the entry.
	Restored
	// LeftOut says that the checkpoint is of a continuation of the journal that this one does not hold: another state was put back, or
	// what came after one was put back is gone.
	LeftOut
	// Foreign says that it is of a journal that has nothing in common with this one.
	Foreign
	// Unread says that the journal is damaged before the entry.
	Unread
	// Later says that a backup ends before the entry, as is to be expected of one that was taken earlier.
	Later
)

// Trail holds a journal, told link by link, against notes of it.
type Trail struct {
	// Whole: the walk came to the end of the journal. Backup: the journal is in a backup.
	Whole, Backup bool

	wanted map[uint64]bool
	at     map[uint64]store.Link
	spans  []span
}

// span is the entries of one incarnation.
type span struct {
	incarnation uuid.UUID
	first, last uint64
}

// NewTrail makes a trail that will know what the notes ask for.
func NewTrail(notes []Note) *Trail {
	t := &Trail{wanted: map[uint64]bool{}, at: map[uint64]store.Link{}}
	for _, n := range notes {
		t.wanted[n.End.Position] = true
	}
	return t
}

// Tell takes the next link, as store.Walk has it.
func (t *Trail) Tell(l store.Link) {
	if n := len(t.spans); n == 0 || t.spans[n-1].incarnation != l.Incarnation {
		t.spans = append(t.spans, span{incarnation: l.Incarnation, first: l.Position})
	}
	t.spans[len(t.spans)-1].last = l.Position
	if t.wanted[l.Position] {
		t.at[l.Position] = l
	}
}

// End is the position of the last entry; 0: there is none.
func (t *Trail) End() uint64 {
	if len(t.spans) == 0 {
		return 0
	}
	return t.spans[len(t.spans)-1].last
}

// Judge answers what the journal says of a checkpoint. from is the last position of what both have in common, as far as
// incarnations tell; 0: they do not.
func (t *Trail) Judge(c Checkpoint) (v Verdict, from uint64) {
	if l, ok := t.at[c.End.Position]; ok && l.Incarnation == c.End.Incarnation {
		if l.Hash == c.End.Hash {
			return Fits, c.End.Position
		}
		return Rewritten, 0
	}
	if i := t.find(c.End.Incarnation); i >= 0 {
		return t.beyond(i, c)
	}
	if !t.Whole {
		return Unread, 0
	}
	for _, a := range c.End.Ancestors {
		if i := t.find(a.Incarnation); i >= 0 {
			return t.branched(i, a)
		}
	}
	if len(t.spans) == 0 {
		return t.short(), 0
	}
	return Foreign, 0
}

// beyond judges a checkpoint of an incarnation that the journal has, but not with that position.
func (t *Trail) beyond(i int, c Checkpoint) (Verdict, uint64) {
	switch s := t.spans[i]; {
	case c.End.Position < s.first:
		return Rewritten, 0
	case i < len(t.spans)-1:
		return Restored, s.last
	case !t.Whole:
		return Unread, s.last
	default:
		return t.short(), s.last
	}
}

// branched judges a checkpoint of an incarnation that the journal lacks and that continued one that it has.
func (t *Trail) branched(i int, a store.Ancestor) (Verdict, uint64) {
	s := t.spans[i]
	if i == len(t.spans)-1 && a.Position >= s.last {
		return t.short(), s.last
	}
	return LeftOut, min(a.Position, s.last)
}

// short is what it means that a journal ends too early.
func (t *Trail) short() Verdict {
	if t.Backup {
		return Later
	}
	return Cut
}

func (t *Trail) find(id uuid.UUID) int {
	for i, s := range t.spans {
		if s.incarnation == id {
			return i
		}
	}
	return -1
}

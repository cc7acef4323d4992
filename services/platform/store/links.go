package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"sort"

	"github.com/google/uuid"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// Link is one entry as the chain of its journal has it.
type Link struct {
	// Position and Hash are the entry's: its hash stands for everything before it.
	Position uint64
	Hash     [sha256.Size]byte
	// Incarnation is the journal's at this entry.
	Incarnation uuid.UUID
}

// Ancestor is an incarnation that a journal continues since a restore.
type Ancestor struct {
	// Incarnation is its UUID.
	Incarnation uuid.UUID
	// Position is that of its last entry that the journal holds.
	Position uint64
}

// End is where a journal ends and where it comes from.
type End struct {
	// Position is that of the last entry, 0 before the first; Hash is its hash.
	Position uint64
	Hash     [sha256.Size]byte
	// Incarnation is the journal's; Ancestors are those before it, the latest first.
	Incarnation uuid.UUID
	Ancestors   []Ancestor
}

// End answers where the journal ends. It reads a few entries for each restore that the journal has seen. DataLoss if one of
// them is damaged.
func (s *Store) End(ctx context.Context) (end End, err error) {
	err = s.db.View(func(in reading) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		head, err := readHead(in)
		if err != nil {
			return err
		}
		end = End{Position: head.GetPosition(), Incarnation: s.Incarnation()}
		copy(end.Hash[:], head.GetHash())
		end.Ancestors, err = ancestors(in, head.GetPosition(), s.incarnation)
		return err
	})
	return end, err
}

// ancestors walks back from incarnation to incarnation: the entries of each lie together.
func ancestors(in reading, position uint64, incarnation []byte) (out []Ancestor, err error) {
	for position > 0 {
		first, err := firstOf(in, position, incarnation)
		if err != nil {
			return nil, err
		}
		from := first.GetRestoredFrom()
		if len(from) == 0 {
			return out, nil
		}
		id, err := uuid.FromBytes(from)
		if err != nil || first.GetPosition() == 1 || first.GetPosition() > position {
			return nil, damaged("INV-STORE-CHAIN: entry %d continues no incarnation", first.GetPosition())
		}
		position, incarnation = first.GetPosition()-1, from
		out = append(out, Ancestor{Incarnation: id, Position: position})
	}
	return out, nil
}

// firstOf finds the first entry of an incarnation, whose last one is at a position.
func firstOf(in reading, position uint64, incarnation []byte) (*journalpb.Entry, error) {
	var failed error
	n := sort.Search(int(position), func(i int) bool { //nolint:gosec // positions stay far below 2^63
		e, err := entryAt(in, uint64(i)+1) //nolint:gosec // an index
		if err != nil {
			failed = err
			return true
		}
		return bytes.Equal(e.GetIncarnation(), incarnation)
	})
	if failed != nil {
		return nil, failed
	}
	return entryAt(in, uint64(n)+1) //nolint:gosec // an index
}

// link is the chain's last entry.
func (c *chain) link() Link {
	l := Link{Position: c.head.GetPosition()}
	copy(l.Hash[:], c.head.GetHash())
	copy(l.Incarnation[:], c.incarnation)
	return l
}

// suspect answers which entry was changed where a chain does not go on: the next one, or the one before it, if the next is
// as it was written by what the entry behind it or the end of the journal says.
func (s *Store) suspect(c *chain) (position uint64, err error) {
	err = s.db.View(func(in reading) error {
		last := c.head.GetPosition()
		position = last + 1
		head, err := readHead(in)
		if err != nil {
			return err
		}
		if last > 0 && last == head.GetPosition() {
			position = last
			return nil
		}
		raw := in.get(bucketJournal, positionKey(last+1))
		e, err := readEntry(raw)
		if raw == nil || err != nil || last == 0 || bytes.Equal(e.GetPreviousHash(), c.head.GetHash()) {
			return nil //nolint:nilerr // what cannot be read is what is at fault
		}
		said := head.GetHash()
		if next, err := readEntry(in.get(bucketJournal, positionKey(last+2))); last+1 < head.GetPosition() {
			if err != nil {
				return nil //nolint:nilerr // nobody speaks for the entry
			}
			said = next.GetPreviousHash()
		}
		if hash := sha256.Sum256(raw); bytes.Equal(hash[:], said) {
			position = last
		}
		return nil
	})
	return position, err
}

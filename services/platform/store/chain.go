package store

import (
	"bytes"
	"context"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

// Verify walks the whole journal and checks its chain, up to the head, and then the tables against their digest, where it is
// known. It calls progress with each position. DataLoss names the first entry that does not fit; TABLES_DAMAGED: rows do not.
func (s *Store) Verify(ctx context.Context, progress func(position uint64)) error {
	c := &chain{head: &journalpb.Head{}}
	for {
		end, err := s.verifySome(ctx, c)
		if err != nil {
			return err
		}
		if progress != nil {
			progress(c.head.GetPosition())
		}
		if end {
			return s.recount()
		}
	}
}

// recount holds the rows of one snapshot against its digest, if it has one.
func (s *Store) recount() error {
	return s.db.read(func(v *version, base reading) error {
		file, ok := base.(boltSpace)
		if !ok || v.digest == nil {
			return nil
		}
		names, err := summedBuckets(file.tx)
		if err != nil {
			return err
		}
		c := counting{}
		if c.step(v.over(base), names, 0, 0); c.sum != *v.digest {
			return miscounted()
		}
		return nil
	})
}

// chain is a journal as far as it was walked.
type chain struct {
	head *journalpb.Head
	// incarnation is that of the last entry.
	incarnation []byte
	// tell is told each entry that fits; nil: nobody is.
	tell func(Link)
}

// take checks that an entry continues the chain: in the same incarnation, or as the beginning of one that says so.
func (c *chain) take(e *journalpb.Entry, raw []byte) error {
	if c.head.GetPosition() == 0 || bytes.Equal(e.GetRestoredFrom(), c.incarnation) {
		c.incarnation = e.GetIncarnation()
	} else if len(e.GetRestoredFrom()) > 0 {
		return foreign(e.GetRestoredFrom(), c.incarnation)
	}
	if err := follows(e, c.head, c.incarnation); err != nil {
		return err
	}
	c.head = after(c.head, e, raw)
	if c.tell != nil {
		c.tell(c.link())
	}
	return nil
}

// verifySome checks the next entries of the chain in one short View.
func (s *Store) verifySome(ctx context.Context, c *chain) (end bool, err error) {
	const some = 1000
	err = s.db.View(func(in reading) error {
		stored, err := readHead(in)
		if err != nil {
			return err
		}
		for range some {
			if err := ctx.Err(); err != nil {
				return err
			}
			if c.head.GetPosition() == stored.GetPosition() {
				end = true
				return s.ends(c, stored)
			}
			raw := in.get(bucketJournal, positionKey(c.head.GetPosition()+1))
			if raw == nil {
				return damaged("INV-STORE-CHAIN: entry %d is missing", c.head.GetPosition()+1)
			}
			e, err := readEntry(raw)
			if err != nil {
				return err
			}
			if err := c.take(e, raw); err != nil {
				return err
			}
		}
		return nil
	})
	return end, err
}

// ends checks that the chain ends as the store says.
func (s *Store) ends(c *chain, stored *journalpb.Head) error {
	if c.head.GetPosition() > 0 && !bytes.Equal(c.incarnation, s.incarnation) {
		return foreign(c.incarnation, s.incarnation)
	}
	if !bytes.Equal(c.head.GetHash(), stored.GetHash()) || c.head.GetEvents() != stored.GetEvents() {
		return fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "", "name", "head")
	}
	return nil
}

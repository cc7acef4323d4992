package store

import (
	"encoding/binary"
	"fmt"

	"coso/services/platform/fault"

	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	journalpb "coso/proto/gen/coso/journal/v1"
)

const (
	bucketMeta    = "meta"
	bucketJournal = "journal"
)

var keyHead = []byte("head")

func positionKey(p uint64) []byte { return binary.BigEndian.AppendUint64(nil, p) }

// apply writes one entry with everything that follows from it. It is the only function that changes bbolt after Open,
// beside the steps of a rebuild,
// the same for a fresh entry and for a journal that is read again.
func (s *Store) apply(raw []byte) (*journalpb.Head, error) {
	e, err := readEntry(raw)
	if err != nil {
		return nil, err
	}
	var next *journalpb.Head
	err = s.db.Update(func(tx *bolt.Tx) error {
		w := boltSpace{tx}
		head, err := readHead(w)
		if err != nil {
			return err
		}
		if err := follows(e, head, s.incarnation); err != nil {
			return err
		}
		next = after(head, e, raw)
		if err := w.put(bucketJournal, positionKey(e.GetPosition()), raw); err != nil {
			return err
		}
		g, err := s.gapsIn(w, s.building.Load())
		if err != nil {
			return err
		}
		for i, c := range e.GetCommands() {
			if err := s.applyCommand(w, g, e, i, c); err != nil {
				return err
			}
		}
		if g.reached(bucketOnce, positionKey(e.GetPosition())) {
			if err := noteAllOnce(w, e, waitable(e, head.GetEventPosition())); err != nil {
				return err
			}
		}
		return writeHead(w, next)
	})
	return next, err
}

func (s *Store) applyCommand(w writing, g gaps, e *journalpb.Entry, number int, c *journalpb.Command) error {
	if c.GetActivation() == nil {
		return s.applyOn(w, g, e, number, c)
	}
	over := newOverlay(w)
	if err := s.applyOn(over, g, e, number, c); err != nil {
		return err
	}
	return over.flush(w)
}

func (s *Store) applyOn(w writing, g gaps, e *journalpb.Entry, number int, c *journalpb.Command) error {
	for _, ch := range c.GetChanges() {
		spec, ok := s.schema.tables[ch.GetTable()]
		if !ok {
			return damaged("entry %d changes the unknown table %q", e.GetPosition(), ch.GetTable())
		}
		if err := applyChange(w, g, spec, ch); err != nil {
			return fmt.Errorf("entry %d, table %s: %w", e.GetPosition(), ch.GetTable(), err)
		}
	}
	if c.GetActivation() != nil {
		for row, err := range s.schema.finishIn(w, e, c.GetActivation()).rows(0) {
			if err != nil {
				return err
			}
			if err := applyChange(w, g, row.spec, row.change); err != nil {
				return fmt.Errorf("entry %d, row of %s: %w", e.GetPosition(), c.GetActivation().GetOperation(), err)
			}
		}
	}
	if !g.reached(bucketHistory, positionKey(e.GetPosition())) {
		return nil
	}
	return s.schema.noteHistory(w, e, number)
}

func applyChange(w writing, g gaps, spec *spec, ch *journalpb.Change) error {
	old, err := spec.decode(w.get(spec.bucket(), ch.GetKey()))
	if err != nil {
		return err
	}
	var next proto.Message
	if ch.Value != nil {
		if next, err = spec.decode(ch.GetValue()); err != nil {
			return err
		}
	}
	if err := spec.reduce(w, g, ch.GetKey(), old, next); err != nil {
		return err
	}
	if ch.Value == nil {
		return w.del(spec.bucket(), ch.GetKey())
	}
	return w.put(spec.bucket(), ch.GetKey(), ch.GetValue())
}

// decode answers nil for no value.
func (s *spec) decode(value []byte) (proto.Message, error) {
	if value == nil {
		return nil, nil //nolint:nilnil // no record is no message
	}
	m := s.empty.ProtoReflect().New().Interface()
	return m, decodeInto(m, value)
}

func readHead(r reading) (*journalpb.Head, error) {
	h := &journalpb.Head{}
	if err := proto.Unmarshal(r.get(bucketMeta, keyHead), h); err != nil {
		return nil, damaged("decode head: %w", err)
	}
	return h, nil
}

func writeHead(w writing, h *journalpb.Head) error {
	b, err := deterministic.Marshal(h)
	if err != nil {
		return fault.Internal(err)
	}
	return w.put(bucketMeta, keyHead, b)
}

package store

import (
	"encoding/binary"
	"fmt"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

const (
	bucketMeta    = "meta"
	bucketJournal = "journal"
)

var keyHead = []byte("head")

func positionKey(p uint64) []byte { return binary.BigEndian.AppendUint64(nil, p) }

// applied answers the state after an entry that was read from a log. The caller holds changing.
func (s *Store) applied(raw []byte) (*version, error) {
	e, err := readEntry(raw)
	if err != nil {
		return nil, err
	}
	return s.db.prepare(func(head *journalpb.Head, w *overlay) (*journalpb.Head, error) {
		if err := follows(e, head, s.incarnation); err != nil {
			return nil, err
		}
		g, err := s.gapsIn(w, s.building.Load())
		if err != nil {
			return nil, err
		}
		for _, c := range e.GetCommands() {
			if err := s.changeAll(w, g, e, c); err != nil {
				return nil, fmt.Errorf("entry %d: %w", e.GetPosition(), err)
			}
		}
		return s.journal(w, g, e, raw, head)
	})
}

// changeAll changes the tables as a command says.
func (s *Store) changeAll(w writing, g gaps, e *journalpb.Entry, c *journalpb.Command) error {
	for _, ch := range c.GetChanges() {
		spec, ok := s.schema.tables[ch.GetTable()]
		if !ok {
			return fault.DataLoss(faultpb.Reason_REASON_FORMAT_UNKNOWN, "", "value", ch.GetTable())
		}
		if err := applyChange(w, g, spec, ch); err != nil {
			return fmt.Errorf("table %s: %w", ch.GetTable(), err)
		}
	}
	if c.GetActivation() == nil {
		return nil
	}
	for row, err := range s.schema.finishIn(w, e, c.GetActivation()).rows(0) {
		if err != nil {
			return err
		}
		if err := applyChange(w, g, row.spec, row.change); err != nil {
			return fmt.Errorf("row of %s: %w", c.GetActivation().GetOperation(), err)
		}
	}
	return nil
}

// journal adds an entry whose changes have been made, and what follows from it: history, request ids, the digest, the head. The
// writer of an entry has made the changes while its closures ran; who reads it makes them by changeAll. Both end with the
// same bytes: INV-STORE-ONE-JOURNAL.
func (s *Store) journal(w *overlay, g gaps, e *journalpb.Entry, raw []byte, head *journalpb.Head) (*journalpb.Head, error) {
	at := positionKey(e.GetPosition())
	if err := w.put(bucketJournal, at, raw); err != nil {
		return nil, err
	}
	if g.reached(bucketHistory, at) {
		for i := range e.GetCommands() {
			if err := s.schema.noteHistory(w, e, i); err != nil {
				return nil, err
			}
		}
	}
	if g.reached(bucketOnce, at) {
		var err error
		if w.forgotten, err = noteAllOnce(w, e, waitable(e, head.GetEventPosition()), w.forgotten); err != nil {
			return nil, err
		}
	}
	if err := s.schema.noteDigest(w, e); err != nil {
		return nil, err
	}
	next := after(head, e, raw)
	return next, writeHead(w, next)
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

package store

import (
	"bytes"
	"crypto/sha256"
	"sync"
	"sync/atomic"

	"coso/services/platform/fault"

	"github.com/google/uuid"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

// keptDigests is of how many of the last positions a store on a shared log remembers the digest. The lanes are kept as they
// are, 2 KiB each, and hashed when somebody asks.
const keptDigests = 2048

// witness is what a store can say of its own state to others on its log.
type witness struct {
	// aside is why the store is set aside; nil: it is not.
	aside atomic.Pointer[fault.Error]

	mu   sync.Mutex
	ring [keptDigests]keptDigest
}

type keptDigest struct {
	position uint64
	lanes    *lanes
}

// State is what a store holds at a position of its journal.
type State struct {
	// Incarnation is the journal's.
	Incarnation uuid.UUID
	// Position is the place; 0: before the first entry. Hash is SHA-256 over the entry there, empty at 0.
	Position uint64
	Hash     []byte
	// Digest is that of the tables (INV-STORE-DIGEST), if Known: it is not while the rows of a file are counted that has none, or
	// for a position long past.
	Digest [sha256.Size]byte
	Known  bool
}

// State answers what the store holds now.
func (s *Store) State() State {
	v := s.db.now.Load()
	return s.stateOf(v.head.GetPosition(), v.head.GetHash(), v.digest)
}

// StateAt answers what it held at a position. DataLoss if the journal does not hold it; nil and no error for one that is
// still to come.
func (s *Store) StateAt(position uint64) (*State, error) {
	v := s.db.now.Load()
	switch {
	case position > v.head.GetPosition():
		return nil, nil //nolint:nilnil // there is none yet
	case position == v.head.GetPosition():
		st := s.stateOf(position, v.head.GetHash(), v.digest)
		return &st, nil
	}
	var hash []byte
	if position > 0 {
		raw, err := s.journalled(position)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(raw)
		hash = sum[:]
	}
	st := s.stateOf(position, hash, s.witness.at(position))
	return &st, nil
}

func (s *Store) stateOf(position uint64, hash []byte, l *lanes) State {
	st := State{Incarnation: s.Incarnation(), Position: position, Hash: bytes.Clone(hash), Known: l != nil}
	if l != nil {
		st.Digest = l.sum()
	}
	return st
}

// note remembers the digest of a version.
func (w *witness) note(head *journalpb.Head, l *lanes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ring[head.GetPosition()%keptDigests] = keptDigest{head.GetPosition(), l}
}

func (w *witness) at(position uint64) *lanes {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k := w.ring[position%keptDigests]; k.position == position {
		return k.lanes
	}
	return nil
}

// SetAside stops the writing for good, as an alarm does, and refuses readings too: what the store holds is not what the others
// hold, so nobody should see it. Its journal can still be looked at. It ends with the process; the first cause stays.
func (s *Store) SetAside(why error) error {
	err := s.halt(why)
	if s.witness.aside.CompareAndSwap(nil, fault.From(why)) {
		s.logger.Error("the store is set aside: it writes nothing and shows nothing; an operator must look", "service", s.service,
			"position", s.Head().GetPosition(), "error", why)
	}
	return err
}

// Aside answers why the store is set aside; nil: it is not.
func (s *Store) Aside() error {
	if why := s.witness.aside.Load(); why != nil {
		return why
	}
	return nil
}

// shown refuses readings of a store that is set aside: another replica answers them.
func (s *Store) shown() error {
	if why := s.Aside(); why != nil {
		return fault.Unavailable(faultpb.Reason_REASON_REPLICA_SET_ASIDE, "").With(why)
	}
	return nil
}

// Halted answers why writing has stopped for good; nil: it has not.
func (s *Store) Halted() error { return s.haltedBy() }

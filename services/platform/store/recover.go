package store

import (
	"fmt"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// unwrittenEntries answers what the write-ahead log holds behind a position of the journal, in order, and the number of
// its latest use. DataLoss if an entry there is missing or damaged.
func unwrittenEntries(paths [2]string, position uint64) (entries [][]byte, use uint64, err error) {
	uses, err := readWAL(paths)
	if err != nil {
		return nil, 0, fault.Internal(err)
	}
	var damage error
	for _, u := range uses {
		use = u.use
		for _, raw := range u.entries {
			e, err := readEntry(raw)
			if err != nil {
				return nil, 0, fmt.Errorf("%s: %w", u.path, err)
			}
			if e.GetPosition() <= position {
				continue
			}
			place := e.GetPosition() - position - 1
			if place > uint64(len(entries)) {
				return nil, 0, damaged("INV-STORE-CHAIN: %s goes on with entry %d, %d is missing", u.path, e.GetPosition(), position+1+uint64(len(entries)))
			}
			entries = append(entries[:place], raw)
		}
		for _, raw := range u.behind {
			if e, err := readEntry(raw); err != nil || e.GetPosition() > position {
				damage = damaged("%s: the entry before %d is damaged", u.path, e.GetPosition())
			}
		}
	}
	return entries, use, damage
}

// openWAL opens the store's write-ahead log and brings what it holds into the data file.
func (s *Store) openWAL(dir string) error {
	entries, use, err := unwrittenEntries(walPaths(dir, s.service), s.Head().GetPosition())
	if err != nil {
		return err
	}
	s.db.changing.Lock()
	for _, raw := range entries {
		next, err := s.applied(raw)
		if err != nil {
			s.db.changing.Unlock()
			return fmt.Errorf("entry %d of the log: %w", s.Head().GetPosition()+1, err)
		}
		s.publish(next)
	}
	s.db.changing.Unlock()
	if err := s.db.checkpoint(); err != nil {
		return fault.Unavailable(faultpb.Reason_REASON_JOURNAL_UNAVAILABLE, "").With(err)
	}
	if s.wal, err = openWAL(dir, s.service); err != nil {
		return fault.Internal(err)
	}
	s.wal.use = use
	s.wal.turn()
	s.db.onCut = s.wal.turn
	return nil
}

// mend makes the write-ahead log take entries again after a failed write: once all that it holds is in the data file, the
// other file may be used.
func (s *Store) mend() error {
	if s.wal == nil {
		return nil
	}
	s.db.changing.Lock()
	cause := s.wal.broken
	s.db.changing.Unlock()
	if cause == nil {
		return nil
	}
	if err := s.db.flush(s.stop); err != nil {
		return fmt.Errorf("%w; then %w", cause, err)
	}
	s.db.changing.Lock()
	defer s.db.changing.Unlock()
	if s.wal.broken != nil { // there was nothing to write, so no checkpoint has turned it
		s.wal.turn()
	}
	return nil
}

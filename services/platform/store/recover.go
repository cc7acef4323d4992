package store

import (
	"errors"
	"fmt"

	"coso/services/platform/fault"

	bolt "go.etcd.io/bbolt"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// unwrittenEntries answers what the write-ahead log holds behind a position of the journal, in order, and the number of
// its latest use. DataLoss if an entry there is missing or damaged; then the entries are those before it.
func unwrittenEntries(paths [2]string, position uint64, incarnation []byte) (entries [][]byte, use uint64, err error) {
	uses, err := readWAL(paths, incarnation)
	if err != nil {
		return nil, 0, err
	}
	var damage error
	for _, u := range uses {
		use = u.use
		for _, raw := range u.entries {
			e, err := readEntry(raw)
			if err != nil {
				return entries, 0, fmt.Errorf("%s: %w", u.path, err)
			}
			if e.GetPosition() <= position {
				continue
			}
			place := e.GetPosition() - position - 1
			if place > uint64(len(entries)) {
				return entries, 0, damaged("INV-STORE-CHAIN: %s goes on with entry %d, %d is missing", u.path, e.GetPosition(), position+1+uint64(len(entries)))
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

var errLogGone = errors.New("the log that belongs to the data file is gone; put it back beside the file, or restore a backup")

// keyLogged is set, in meta, while the log may hold what the file does not.
var keyLogged = []byte("logged")

// recoverLog brings what the store's write-ahead log holds into the data file and begins a new use of it. DataLoss if the log
// is damaged, of another journal, or gone.
func (s *Store) recoverLog() error {
	if err := s.db.View(func(in reading) error { return logIsThere(in, s.wal.sizes, s.wal.paths) }); err != nil {
		return err
	}
	entries, use, err := unwrittenEntries(s.wal.paths, s.Head().GetPosition(), s.incarnation)
	for _, raw := range entries {
		if err == nil {
			err = s.replayEntry(raw)
		}
	}
	if err != nil {
		return err
	}
	return s.beginLog(use)
}

// logIsThere answers DataLoss if the log may hold what the file does not, and one of its files is gone or empty. Both hold
// at least a mark from before keyLogged is set.
func logIsThere(in reading, sizes [2]int64, paths [2]string) error {
	if in.get(bucketMeta, keyLogged) == nil {
		return nil
	}
	for i, size := range sizes {
		if size == 0 {
			return fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "", "name", paths[i]).With(errLogGone)
		}
	}
	return nil
}

// replayEntry makes an entry of the log part of the state.
func (s *Store) replayEntry(raw []byte) error {
	s.db.changing.Lock()
	defer s.db.changing.Unlock()
	next, err := s.applied(raw)
	if err != nil {
		return fmt.Errorf("entry %d of the log: %w", s.Head().GetPosition()+1, err)
	}
	s.publish(next)
	return nil
}

// beginLog writes everything that the log holds into the file and begins a new use of the log.
func (s *Store) beginLog(use uint64) error {
	if err := s.db.checkpoint(); err != nil {
		return fault.Unavailable(faultpb.Reason_REASON_JOURNAL_UNAVAILABLE, "").With(err)
	}
	var err error
	s.wal.use = use
	for range s.wal.files { // a mark in each
		s.wal.turn()
		err = errors.Join(err, s.wal.append())
	}
	if err == nil {
		err = s.db.file.Update(func(tx *bolt.Tx) error { return boltSpace{tx}.put(bucketMeta, keyLogged, []byte{1}) })
	}
	if err != nil {
		return fault.Unavailable(faultpb.Reason_REASON_JOURNAL_UNAVAILABLE, "").With(err)
	}
	s.db.onCut = s.wal.turn
	return nil
}

// endLog empties the log: all of it is in the file.
func (s *Store) endLog() error {
	err := s.db.file.Update(func(tx *bolt.Tx) error { return boltSpace{tx}.del(bucketMeta, keyLogged) })
	if err != nil {
		return err
	}
	return s.wal.empty()
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
	if err := s.db.retry(s.stop); err != nil {
		return fmt.Errorf("%w; then %w", cause, err)
	}
	s.db.changing.Lock()
	defer s.db.changing.Unlock()
	if s.wal.broken != nil { // there was nothing to write, so no checkpoint has turned it
		s.wal.turn()
	}
	return nil
}

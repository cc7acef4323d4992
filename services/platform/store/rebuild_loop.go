package store

import (
	"bytes"
	"slices"
	"time"

	"coso/services/platform/fault"

	bolt "go.etcd.io/bbolt"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// Rebuild is a derived table that is being built anew while the store serves.
type Rebuild struct {
	// Table is the bucket of the derived table, as the schema names it.
	Table string
	// Version is the one being built.
	Version uint64
	// Done is how many rows of the source were taken, Total how many there were when the rebuild began or went on; 0:
	// not counted yet.
	Done, Total uint64
	// Err is why the last step failed; nil: it did not. It is tried again.
	Err error
}

// Rebuilding answers the derived tables that are being built, in the order in which they are; none: all are whole.
func (s *Store) Rebuilding() []Rebuild {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rebuilding)
}

func (s *Store) noteRebuild(r *recipe, change func(*Rebuild)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rebuilding {
		if s.rebuilding[i].Table == r.name {
			change(&s.rebuilding[i])
		}
	}
}

// rebuildLoop finishes what Open began, table by table, while the store serves.
func (s *Store) rebuildLoop() {
	for _, r := range s.unbuilt {
		s.measure(r)
		if !s.build(r) {
			return
		}
	}
	s.building.Store(false)
}

// build does the steps of one table. A step that fails is tried again: until it succeeds the table stays Unavailable,
// and nothing else does. false: the store stops.
func (s *Store) build(r *recipe) bool {
	failures := 0
	for {
		done, err := s.rebuildStep(r)
		if done {
			return true
		}
		var rest time.Duration
		if failures++; err == nil {
			failures = 0
		} else {
			rest = backoff(failures, time.Minute)
			s.logger.Error("rebuild does not go on", "service", s.service, "table", r.name, "error", err, "again", rest)
		}
		select {
		case <-s.stop:
			return false
		case <-time.After(rest):
		}
	}
}

// rebuildStep does one step in a change of its own. It may come between any two entries: where the rebuild stands
// is in the file, and apply and snapshots look there.
func (s *Store) rebuildStep(r *recipe) (done bool, err error) {
	var rows uint64
	err = s.db.room(s.stop)
	if err != nil {
		return false, err
	}
	err = s.db.Update(func(w *overlay) error {
		if done = r.built(w); done {
			return nil
		}
		b, err := readRebuild(w, r.name)
		if err != nil {
			return err
		}
		done, err = s.advance(w, r, b, rebuildTime)
		rows = b.GetDone()
		return err
	})
	if err != nil {
		s.noteRebuild(r, func(p *Rebuild) { p.Err = err })
		return false, err
	}
	s.noteRebuild(r, func(p *Rebuild) { p.Done, p.Err = rows, nil })
	if done {
		s.mu.Lock()
		s.rebuilding = slices.DeleteFunc(s.rebuilding, func(p Rebuild) bool { return p.Table == r.name })
		s.mu.Unlock()
		s.logger.Info("derived table built", "service", s.service, "table", r.name, "version", r.version, "rows", rows)
	}
	return done, nil
}

// measure counts the rows of the source. Not to know them stops nothing.
func (s *Store) measure(r *recipe) {
	var total uint64
	err := s.db.file.View(func(tx *bolt.Tx) error {
		total = uint64(tx.Bucket([]byte(r.source)).Stats().KeyN) //nolint:gosec // a count
		return nil
	})
	s.noteRebuild(r, func(p *Rebuild) { p.Total, p.Err = total, err })
}

// gaps are the derived tables that are not whole in a snapshot, by bucket.
type gaps map[string]gap

// gap is where a rebuild stands: what lies before next in the source is in the table, the rest is not.
type gap struct {
	table string
	next  []byte
}

// gapsIn reads what is not whole in a snapshot. building must have been loaded before the snapshot was taken: it goes
// from true to false only, after the last rebuild has ended.
func (s *Store) gapsIn(in reading, building bool) (gaps, error) {
	if !building {
		return nil, nil
	}
	out := gaps{}
	for _, r := range s.unbuilt {
		if in.get(bucketMeta, rebuildKey(r.name)) == nil {
			continue
		}
		b, err := readRebuild(in, r.name)
		if err != nil {
			return nil, err
		}
		for _, bucket := range r.buckets {
			out[bucket] = gap{table: r.name, next: b.GetNext()}
		}
	}
	return out, nil
}

// whole answers Unavailable for a derived table with a gap.
func (g gaps) whole(bucket string) error {
	if p, ok := g[bucket]; ok {
		return fault.Unavailable(faultpb.Reason_REASON_INDEX_REBUILDING, "", "name", p.table)
	}
	return nil
}

// reached says whether a change of a source's row must be told to the derived table now. A row that the rebuild has not
// reached is left to it, so that each row counts once: INV-STORE-REBUILD-ONCE.
func (g gaps) reached(bucket string, row []byte) bool {
	p, ok := g[bucket]
	return !ok || bytes.Compare(row, p.next) < 0
}

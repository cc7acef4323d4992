package store

import (
	"bytes"
	"encoding/binary"

	bolt "go.etcd.io/bbolt"
)

// rebuildChunk is how many records one transaction of a rebuild takes.
const rebuildChunk = 5000

// rebuildOutdated builds anew every derived table whose version is not the one of its reducer.
func (s *Store) rebuildOutdated() error {
	for _, t := range s.schema.order {
		for _, r := range t.reducers {
			current, err := s.builtVersion(r)
			if err != nil {
				return err
			}
			if current == r.version {
				continue
			}
			if err := s.rebuild(t, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func versionKey(r *reducer) []byte { return []byte("version/" + r.name) }

func (s *Store) builtVersion(r *reducer) (version uint64, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		if v := (boltSpace{tx}).get(bucketMeta, versionKey(r)); len(v) == 8 {
			version = binary.BigEndian.Uint64(v)
		}
		return nil
	})
	return version, err
}

// rebuild empties the table and feeds it its source again. A rebuild that was cut off starts over: the version is
// written last.
func (s *Store) rebuild(t *spec, r *reducer) error {
	err := s.db.Update(func(tx *bolt.Tx) error {
		if err := (boltSpace{tx}).del(bucketMeta, versionKey(r)); err != nil {
			return err
		}
		if err := tx.DeleteBucket([]byte(r.bucket)); err != nil {
			return err
		}
		_, err := tx.CreateBucket([]byte(r.bucket))
		return err
	})
	var from []byte
	for err == nil {
		var done bool
		err = s.db.Update(func(tx *bolt.Tx) error {
			from, done, err = rebuildStep(boltSpace{tx}, t, r, from)
			if err != nil || !done {
				return err
			}
			return boltSpace{tx}.put(bucketMeta, versionKey(r), binary.BigEndian.AppendUint64(nil, r.version))
		})
		if done {
			break
		}
	}
	if err == nil {
		s.logger.Info("derived table built", "service", s.service, "table", r.name, "version", r.version)
	}
	return err
}

// rebuildStep takes some records from a key on; it answers where to go on.
func rebuildStep(w boltSpace, t *spec, r *reducer, from []byte) (next []byte, done bool, err error) {
	n := 0
	for k, v := range w.ascend(t.bucket(), nil, from) {
		if n++; n > rebuildChunk {
			return bytes.Clone(k), false, nil
		}
		m, err := t.decode(v)
		if err != nil {
			return nil, false, err
		}
		if err := r.reduce(w, nil, m); err != nil {
			return nil, false, err
		}
	}
	return nil, true, nil
}

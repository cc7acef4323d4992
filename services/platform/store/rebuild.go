package store

import (
	"bytes"
	"encoding/binary"
	"strings"
	"time"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// A step of a rebuild is one transaction; commands wait for it. It ends after so many rows or so much time.
const (
	rebuildRows = 1000
	rebuildTime = 20 * time.Millisecond
	// openTime is how much the first step takes at most, for which Open waits.
	openTime = time.Second
)

// recipe says how one derived table is built: from every row of its source, in order of keys.
type recipe struct {
	// name is that of the version's key.
	name    string
	version uint64
	// buckets are what is built.
	buckets []string
	// source is the bucket that is walked.
	source string
	// feed takes one row of the source. It may keep in b what it needs for the next.
	feed func(w writing, b *journalpb.Rebuild, value []byte) error
}

// recipes are those of every derived table of a store with this schema.
func (sc *Schema) recipes() []*recipe {
	out := []*recipe{
		{name: bucketHistory, version: historyVersion, buckets: []string{bucketHistory}, source: bucketJournal, feed: sc.feedHistory},
		{name: bucketOnce, version: onceVersion, buckets: []string{bucketOnce, bucketOnceTime}, source: bucketJournal, feed: feedOnce},
	}
	for _, t := range sc.order {
		for _, r := range t.reducers {
			out = append(out, &recipe{
				name: r.bucket, version: r.version, buckets: []string{r.bucket}, source: t.bucket(),
				feed: func(w writing, _ *journalpb.Rebuild, value []byte) error {
					rec, err := t.decode(value)
					if err != nil {
						return err
					}
					return r.reduce(w, nil, rec)
				},
			})
		}
	}
	return out
}

func versionKey(name string) []byte { return []byte(versionPrefix + name) }
func rebuildKey(name string) []byte { return []byte(rebuildPrefix + name) }

const (
	versionPrefix = "version/"
	rebuildPrefix = "rebuild/"
)

// prepareRebuilds begins the rebuild of every derived table whose version is not the stored one, and goes on with those
// that were cut off. What one step builds is done at once; the rest waits for rebuildLoop.
func (s *Store) prepareRebuilds(w boltSpace) error {
	if err := s.forgetUnknown(w); err != nil {
		return err
	}
	for _, r := range s.recipes {
		if r.built(w) {
			continue
		}
		b, err := readRebuild(w, r.name)
		if err != nil {
			return err
		}
		if b.GetVersion() != r.version {
			if err := r.empty(w); err != nil {
				return err
			}
			b = &journalpb.Rebuild{Version: r.version}
		}
		done, err := s.advance(w, r, b, openTime)
		if err != nil {
			return err
		}
		if !done {
			s.unbuilt = append(s.unbuilt, r)
			s.rebuilding = append(s.rebuilding, Rebuild{Table: r.name, Version: r.version, Done: b.GetDone()})
		}
	}
	s.building.Store(len(s.unbuilt) > 0)
	return nil
}

// forgetUnknown drops derived tables that the schema has no more: nobody keeps them in step, so a program that knows
// them again must not take them for whole.
func (s *Store) forgetUnknown(w boltSpace) error {
	known := map[string]bool{}
	for _, r := range s.recipes {
		known[r.name] = true
	}
	var gone [][]byte
	for _, prefix := range []string{versionPrefix, rebuildPrefix} {
		for k := range w.ascend(bucketMeta, []byte(prefix), []byte(prefix)) {
			if !known[string(k[len(prefix):])] {
				gone = append(gone, bytes.Clone(k))
			}
		}
	}
	for _, k := range gone {
		_, name, _ := strings.Cut(string(k), "/")
		if w.tx.Bucket([]byte(name)) != nil {
			if err := w.tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		if err := w.del(bucketMeta, k); err != nil {
			return err
		}
	}
	return nil
}

func readRebuild(r reading, name string) (*journalpb.Rebuild, error) {
	b := &journalpb.Rebuild{}
	if err := proto.Unmarshal(r.get(bucketMeta, rebuildKey(name)), b); err != nil {
		return nil, damaged("decode rebuild of %s: %w", name, err)
	}
	return b, nil
}

func (r *recipe) empty(w boltSpace) error {
	if err := w.del(bucketMeta, versionKey(r.name)); err != nil {
		return err
	}
	for _, b := range r.buckets {
		if err := w.tx.DeleteBucket([]byte(b)); err != nil {
			return err
		}
		if _, err := w.tx.CreateBucket([]byte(b)); err != nil {
			return err
		}
	}
	return nil
}

// built says whether the table is whole.
func (r *recipe) built(in reading) bool {
	v := in.get(bucketMeta, versionKey(r.name))
	return len(v) == 8 && binary.BigEndian.Uint64(v) == r.version
}

// advance does one step of a rebuild and notes in the same transaction how far it came; done: the table is whole.
func (s *Store) advance(w writing, r *recipe, b *journalpb.Rebuild, limit time.Duration) (done bool, err error) {
	if done, err = r.step(w, b, s.stepRows, limit); err != nil {
		return false, err
	}
	if done {
		if err := w.del(bucketMeta, rebuildKey(r.name)); err != nil {
			return false, err
		}
		return true, w.put(bucketMeta, versionKey(r.name), binary.BigEndian.AppendUint64(nil, r.version))
	}
	raw, err := deterministic.Marshal(b)
	if err != nil {
		return false, fault.Internal(err)
	}
	return false, w.put(bucketMeta, rebuildKey(r.name), raw)
}

// step feeds the next rows of the source, at least one.
func (r *recipe) step(w writing, b *journalpb.Rebuild, rows int, limit time.Duration) (done bool, err error) {
	until := time.Now().Add(limit)
	n := 0
	for k, v := range w.ascend(r.source, nil, b.GetNext()) {
		if n == rows || n > 0 && time.Now().After(until) {
			b.Next = bytes.Clone(k)
			return false, nil
		}
		if err := r.feed(w, b, v); err != nil {
			return false, err
		}
		n++
		b.Done++
	}
	return true, nil
}

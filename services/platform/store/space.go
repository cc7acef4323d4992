package store

import (
	"bytes"
	"iter"
	"strings"

	"github.com/tidwall/btree"
	bolt "go.etcd.io/bbolt"
)

// reading is what closures, reducers and readers see of the buckets. Keys and values are valid until the transaction
// ends and must not be changed.
type reading interface {
	// get answers nil if the key is not there.
	get(bucket string, key []byte) []byte
	// ascend walks the keys that are ≥ from and begin with prefix, in order.
	ascend(bucket string, prefix, from []byte) iter.Seq2[[]byte, []byte]
}

// writing is what reducers change: the overlay while a closure runs, bbolt while an entry is applied.
type writing interface {
	reading
	put(bucket string, key, value []byte) error
	del(bucket string, key []byte) error
}

// boltSpace is a bbolt transaction as a space. Buckets exist: Open makes them.
type boltSpace struct{ tx *bolt.Tx }

func (b boltSpace) get(bucket string, key []byte) []byte {
	return b.tx.Bucket([]byte(bucket)).Get(key)
}

func (b boltSpace) ascend(bucket string, prefix, from []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		c := b.tx.Bucket([]byte(bucket)).Cursor()
		for k, v := c.Seek(from); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if !yield(k, v) {
				return
			}
		}
	}
}

func (b boltSpace) put(bucket string, key, value []byte) error {
	return b.tx.Bucket([]byte(bucket)).Put(key, value)
}

func (b boltSpace) del(bucket string, key []byte) error {
	return b.tx.Bucket([]byte(bucket)).Delete(key)
}

// cell is a value of an overlay; a gone one hides what lies below.
type cell struct {
	value []byte
	gone  bool
}

// overlay lays changes over a snapshot. It is not safe for concurrent use. A fork sees what its origin held and is
// thrown away, or takes its place, without touching it.
type overlay struct {
	below reading
	cells *btree.Map[string, cell]
}

func newOverlay(below reading) *overlay {
	return &overlay{below: below, cells: btree.NewMap[string, cell](64)}
}

func (o *overlay) fork() *overlay { return &overlay{below: o.below, cells: o.cells.Copy()} }

// flush writes the overlay to what lies below it, in order of keys. bbolt splits its pages at the end of a transaction
// only, so a great many keys go in fast in order and very slowly out of order.
func (o *overlay) flush(w writing) error {
	var err error
	o.cells.Scan(func(k string, c cell) bool {
		bucket, key, _ := strings.Cut(k, "\x00")
		if c.gone {
			err = w.del(bucket, []byte(key))
		} else {
			err = w.put(bucket, []byte(key), c.value)
		}
		return err == nil
	})
	return err
}

// cellKey joins bucket and key; no bucket name holds a NUL.
func cellKey(bucket string, key []byte) string {
	b := make([]byte, 0, len(bucket)+1+len(key))
	b = append(b, bucket...)
	b = append(b, 0)
	return string(append(b, key...))
}

func (o *overlay) get(bucket string, key []byte) []byte {
	if c, ok := o.cells.Get(cellKey(bucket, key)); ok {
		return c.value
	}
	return o.below.get(bucket, key)
}

func (o *overlay) put(bucket string, key, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	o.cells.Set(cellKey(bucket, key), cell{value: value})
	return nil
}

func (o *overlay) del(bucket string, key []byte) error {
	o.cells.Set(cellKey(bucket, key), cell{gone: true})
	return nil
}

// ascend merges the overlay with what lies below. Changes made while walking may or may not be seen.
func (o *overlay) ascend(bucket string, prefix, from []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		mine := o.walk(bucket, prefix, from)
		var pending *step
		for k, v := range o.below.ascend(bucket, prefix, from) {
			for pending = mine(pending); pending != nil && bytes.Compare(pending.key, k) < 0; pending = mine(nil) {
				if !pending.gone && !yield(pending.key, pending.value) {
					return
				}
			}
			if pending != nil && bytes.Equal(pending.key, k) {
				k, v = pending.key, pending.value
				gone := pending.gone
				pending = nil
				if gone {
					continue
				}
			}
			if !yield(k, v) {
				return
			}
		}
		for pending = mine(pending); pending != nil; pending = mine(nil) {
			if !pending.gone && !yield(pending.key, pending.value) {
				return
			}
		}
	}
}

// step is one cell met while walking an overlay.
type step struct {
	cell
	key []byte
}

// walk steps through the overlay's own cells: next(nil) answers the next one, next(s) answers s again.
func (o *overlay) walk(bucket string, prefix, from []byte) (next func(*step) *step) {
	head := cellKey(bucket, nil)
	limit := cellKey(bucket, prefix)
	start := cellKey(bucket, from)
	found := false
	o.cells.Ascend(start, func(k string, _ cell) bool {
		found = strings.HasPrefix(k, limit)
		return false
	})
	if !found { // nothing to walk: no copy, after which every change would copy its nodes
		return func(s *step) *step { return s }
	}
	it := o.cells.Copy().Iter()
	more := it.Seek(start)
	return func(s *step) *step {
		if s != nil {
			return s
		}
		if !more || len(it.Key()) < len(limit) || it.Key()[:len(limit)] != limit {
			return nil
		}
		s = &step{cell: it.Value(), key: []byte(it.Key()[len(head):])}
		more = it.Next()
		return s
	}
}

package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"

	"coso/services/platform/fault"

	"github.com/tidwall/btree"
	bolt "go.etcd.io/bbolt"
)

// cell is a value of an overlay; a gone one hides what lies below.
type cell struct {
	value []byte
	gone  bool
}

// layer is the cells of an overlay by bucket and key, in order.
type layer = btree.Map[string, cell]

// layerDegree keeps nodes small: a layer that is shared copies every node that it changes.
const layerDegree = 16

func newLayer() *layer { return btree.NewMap[string, cell](layerDegree) }

// overlay lays changes over a snapshot. It is not safe for concurrent use, unless it is fixed.
type overlay struct {
	below reading
	cells *layer
	// fixed: nobody changes it, and many may read it.
	fixed bool
	// bytes is about what the cells weigh.
	bytes int
	// before is what the cells changed since the last mark were, the latest last.
	before []undone
	// walks counts the walks over cells, which are copied before they change under one.
	walks *int
	// forgotten is a key of once-by-moment: there is none before it.
	forgotten Key
	// origin is what was there before the changes of an entry; digest and counting as in a version. Only in an overlay that
	// becomes the next version.
	origin   reading
	digest   *lanes
	counting *counting
}

// undone is a cell that was set, what it was, and what all weighed then.
type undone struct {
	key string
	cell
	had   bool
	bytes int
}

func newOverlay(below reading) *overlay { return overlayOf(below, newLayer()) }

func overlayOf(below reading, cells *layer) *overlay {
	return &overlay{below: below, cells: cells, walks: new(int)}
}

// mark begins a part that can be taken back; what was done before it cannot be any more.
func (o *overlay) mark() { o.before = o.before[:0] }

// done is how many changes were made since the mark.
func (o *overlay) done() int { return len(o.before) }

// takeBack undoes the changes behind the first done ones.
func (o *overlay) takeBack(done int) {
	o.leaveWalks()
	for i := len(o.before) - 1; i >= done; i-- {
		b := &o.before[i]
		if b.had {
			o.cells.Set(b.key, b.cell)
		} else {
			o.cells.Delete(b.key)
		}
		o.bytes = b.bytes
	}
	o.before = o.before[:done]
}

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
	return o.set(bucket, key, cell{value: value})
}

func (o *overlay) del(bucket string, key []byte) error { return o.set(bucket, key, cell{gone: true}) }

// cellWeight is about what a cell weighs beside its key and value.
const cellWeight = 96

var errEmptyKey = errors.New("an empty key")

// set refuses what the file would refuse at the next checkpoint.
func (o *overlay) set(bucket string, key []byte, c cell) error {
	switch {
	case len(key) == 0:
		return fault.Internal(fmt.Errorf("bucket %s: %w", bucket, errEmptyKey))
	case len(key) > bolt.MaxKeySize:
		return tooLarge("key", bolt.MaxKeySize)
	}
	o.leaveWalks()
	id := cellKey(bucket, key)
	old, had := o.cells.Set(id, c)
	o.before = append(o.before, undone{key: id, cell: old, had: had, bytes: o.bytes})
	o.bytes += len(c.value) + cellWeight
	if !had {
		o.bytes += len(id)
	}
	return nil
}

// leaveWalks leaves the cells to those who walk them and goes on with a copy.
func (o *overlay) leaveWalks() {
	if *o.walks > 0 {
		o.cells, o.walks = o.cells.Copy(), new(int)
	}
}

// ascend merges the overlay with what lies below. Changes made while walking may or may not be seen.
func (o *overlay) ascend(bucket string, prefix, from []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		if !o.fixed {
			walks := o.walks
			*walks++
			defer func() { *walks-- }()
		}
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
	if !found {
		return func(s *step) *step { return s }
	}
	it := o.cells.Iter()
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

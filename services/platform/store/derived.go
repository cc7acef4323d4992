package store

import (
	"fmt"
	"iter"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"
)

// Derived is a table that is computed from the changes of one other table and never journalled: counters, sums. Its
// reducer is pure and versioned; when the version changes, Open builds the table anew from its source.
type Derived[T proto.Message] struct {
	name    string
	version uint64
	reduce  func(s Space, old, new T) error
	bucket  string
}

// NewDerived declares a derived table; it is attached to its source as an option of NewTable or NewCopy. In reduce,
// old or new is the zero T (nil) where there is none. What it answers as an error refuses the change.
func NewDerived[T proto.Message](name string, version uint64, reduce func(s Space, old, new T) error) *Derived[T] {
	return &Derived[T]{name: name, version: version, reduce: reduce, bucket: "derived/" + name}
}

func (d *Derived[T]) attach(b *base[T]) {
	b.spec.reducers = append(b.spec.reducers, &reducer{
		name: d.bucket, version: d.version, bucket: d.bucket, source: b.spec,
		reduce: func(w writing, old, new proto.Message) error {
			o, err := typed[T](old)
			if err != nil {
				return err
			}
			n, err := typed[T](new)
			if err != nil {
				return err
			}
			return d.reduce(Space{in: w, bucket: d.bucket}, o, n)
		},
	})
}

func typed[T proto.Message](m proto.Message) (T, error) {
	var none T
	if m == nil {
		return none, nil
	}
	t, ok := m.(T)
	if !ok {
		return none, fault.Internal(fmt.Errorf("derived table met a %T", m))
	}
	return t, nil
}

// In opens the derived table for reading. While it is built anew it shows nothing and the transaction answers
// Unavailable in the end.
func (d *Derived[T]) In(r Reader) DerivedView {
	if err := r.bounds().whole(d.bucket); err != nil {
		r.bounds().fail(err)
		return DerivedView{in: nowhere{}, bucket: d.bucket}
	}
	return DerivedView{in: r.space(), bucket: d.bucket, late: r.context().Err}
}

// nowhere is a space with nothing in it.
type nowhere struct{}

func (nowhere) get(string, []byte) []byte { return nil }
func (nowhere) ascend(string, []byte, []byte) iter.Seq2[[]byte, []byte] {
	return func(func([]byte, []byte) bool) {}
}

// DerivedView reads one derived table.
type DerivedView struct {
	in     reading
	bucket string
	// late says that the reader's time is over; nil: it has all the time.
	late func() error
}

// Get answers nil if the key is not there. The bytes are valid until the transaction ends.
func (v DerivedView) Get(k Key) []byte { return v.in.get(v.bucket, k) }

// looksAtTheClock is after how many rows a walk looks whether its time is over.
const looksAtTheClock = 32

// Ascend walks the keys that are ≥ from and begin with prefix. It ends early once the reader's deadline has passed: then
// no answer leaves its transaction.
func (v DerivedView) Ascend(prefix, from Key) iter.Seq2[Key, []byte] {
	return func(yield func(Key, []byte) bool) {
		n := 0
		for k, val := range v.in.ascend(v.bucket, prefix, from) {
			if v.late != nil && n%looksAtTheClock == 0 && v.late() != nil {
				return
			}
			n++
			if !yield(k, val) {
				return
			}
		}
	}
}

// Space is one derived table in the hands of its reducer.
type Space struct {
	in     writing
	bucket string
}

// Get answers nil if the key is not there.
func (s Space) Get(k Key) []byte { return s.in.get(s.bucket, k) }

// Put sets a key.
func (s Space) Put(k Key, value []byte) error { return s.in.put(s.bucket, k, value) }

// Delete removes a key.
func (s Space) Delete(k Key) error { return s.in.del(s.bucket, k) }

// Ascend walks the keys that are ≥ from and begin with prefix; do not change the table while walking.
func (s Space) Ascend(prefix, from Key) iter.Seq2[Key, []byte] {
	return func(yield func(Key, []byte) bool) {
		for k, v := range s.in.ascend(s.bucket, prefix, from) {
			if !yield(k, v) {
				return
			}
		}
	}
}

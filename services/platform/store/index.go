package store

import (
	"bytes"
	"fmt"
	"slices"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// reducer keeps one derived table in step with its source: a pure, versioned function of the changes of one table.
type reducer struct {
	name    string
	version uint64
	bucket  string
	source  *spec
	// reduce applies the change from old to new (either may be nil) to the derived bucket.
	reduce func(w writing, old, new proto.Message) error
	// check refuses a change before it happens; nil: never.
	check func(tx *Tx, old, new proto.Message) error
}

// reduce tells the derived tables of one row's change; those that are being built only if they have reached the row.
func (s *spec) reduce(w writing, g gaps, key Key, old, new proto.Message) error {
	for _, r := range s.reducers {
		if !g.reached(r.bucket, key) {
			continue
		}
		if err := r.reduce(w, old, new); err != nil {
			return err
		}
	}
	return nil
}

func (s *spec) check(tx *Tx, old, new proto.Message) error {
	for _, r := range s.reducers {
		if r.check == nil {
			continue
		}
		if err := r.check(tx, old, new); err != nil {
			return err
		}
	}
	return nil
}

// Index finds the records of a table by something else than their names. A record may have several entries, or none.
type Index[T proto.Message] struct {
	name   string
	keys   func(T) []Key
	bucket string
	unique *taken
}

// taken is how a unique index refuses.
type taken struct {
	reason faultpb.Reason
	field  string
}

// NewIndex declares an index; keys must be pure. The version of an index is part of its meaning: rename it when keys
// changes, and it is built anew.
func NewIndex[T proto.Message](name string, keys func(T) []Key) *Index[T] {
	return &Index[T]{name: name, keys: keys}
}

// NewUnique declares an index in which a key belongs to one record only; a second one is AlreadyExists with the reason
// and field.
func NewUnique[T proto.Message](name string, reason faultpb.Reason, field string, keys func(T) []Key) *Index[T] {
	return &Index[T]{name: name, keys: keys, unique: &taken{reason: reason, field: field}}
}

func (x *Index[T]) attach(b *base[T]) {
	x.bucket = "index/" + b.spec.name + "/" + x.name
	r := &reducer{name: x.bucket, version: 1, bucket: x.bucket, source: b.spec}
	r.reduce = func(w writing, old, new proto.Message) error {
		if old != nil {
			if err := x.each(b, old, func(k Key, _ []byte) error { return w.del(x.bucket, k) }); err != nil {
				return err
			}
		}
		if new == nil {
			return nil
		}
		return x.each(b, new, func(k Key, primary []byte) error { return w.put(x.bucket, k, primary) })
	}
	if x.unique != nil {
		r.check = func(tx *Tx, old, new proto.Message) error { return x.refuseTaken(b, tx, old, new) }
	}
	b.spec.reducers = append(b.spec.reducers, r)
}

// each calls f with every entry of a record: index key followed by the primary key, and the primary key.
func (x *Index[T]) each(b *base[T], m proto.Message, f func(entry Key, primary []byte) error) error {
	rec, ok := m.(T)
	if !ok {
		return fault.Internal(fmt.Errorf("index %s met a %T", x.bucket, m))
	}
	primary := Text(b.primary(rec))
	for _, k := range x.keys(rec) {
		entry := append(append(make(Key, 0, len(k)+len(primary)), k...), primary...)
		if err := f(entry, primary); err != nil {
			return err
		}
	}
	return nil
}

// refuseTaken refuses a key that another record has. While the index is built anew, only changes that keep the record's
// keys can be taken.
func (x *Index[T]) refuseTaken(b *base[T], tx *Tx, old, new proto.Message) error {
	rec, err := typed[T](new)
	if err != nil {
		return err
	}
	if err := tx.whole(x.bucket); err != nil {
		return x.refuseNew(old, rec, err)
	}
	mine := string(Text(b.primary(rec)))
	for _, k := range x.keys(rec) {
		for _, primary := range tx.space().ascend(x.bucket, k, k) {
			if string(primary) != mine {
				value, _ := k.Split().Text()
				holder, _ := Key(primary).Split().Text()
				return fault.AlreadyExists(x.unique.reason, x.unique.field, "value", value, "name", holder)
			}
		}
	}
	return nil
}

// refuseNew answers err if a record has keys that it did not have before.
func (x *Index[T]) refuseNew(old proto.Message, rec T, err error) error {
	var had []Key
	if before, ok := old.(T); ok {
		had = x.keys(before)
	}
	for _, k := range x.keys(rec) {
		if !slices.ContainsFunc(had, func(h Key) bool { return bytes.Equal(h, k) }) {
			return err
		}
	}
	return nil
}

// By walks the records with one key, or with the keys that begin so, in order of index keys and names. The walk ends
// at the first error, which is passed on with a zero record.
func (b *base[T]) By(r Reader, x *Index[T], key Key) func(yield func(T, error) bool) {
	return b.From(r, x, key, key)
}

// From walks as By does, from a key on.
func (b *base[T]) From(r Reader, x *Index[T], key, from Key) func(yield func(T, error) bool) {
	return func(yield func(T, error) bool) {
		if err := r.bounds().whole(x.bucket); err != nil {
			var none T
			yield(none, err)
			return
		}
		for _, primary := range r.space().ascend(x.bucket, key, from) {
			rec, err := decodeRecord[T](r.space().get(b.spec.bucket(), primary))
			if err == nil {
				err = r.context().Err()
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

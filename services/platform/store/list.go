package store

import (
	"bytes"
	"iter"
	"slices"

	"google.golang.org/protobuf/proto"
)

// Range says which records a list walks.
type Range[T proto.Message] struct {
	index *Index[T]
	key   Key
	// limited: only records with the keys of among, sorted texts, in turn.
	limited bool
	among   []string
}

// Every walks all records, in order of their names.
func Every[T proto.Message]() Range[T] { return Range[T]{} }

// Having walks the records with one index key, in order of their names.
func Having[T proto.Message](x *Index[T], key Key) Range[T] { return Range[T]{index: x, key: key} }

// Among walks the records whose index key begins with the name of a unit in a scope, in order of units and names; all, in
// order of names, for a scope that is everywhere.
func Among[T proto.Message](x *Index[T], scope Scope) Range[T] {
	if scope.Everywhere {
		return Every[T]()
	}
	return Range[T]{index: x, limited: true, among: scope.names}
}

// Themselves walks the records that are the units of a scope, in order of names.
func Themselves[T proto.Message](scope Scope) Range[T] { return Among[T](nil, scope) }

// rows walks a range from a key on; nil: from its beginning.
func (in Range[T]) rows(r Reader, bucket string, from Key) iter.Seq2[[]byte, []byte] {
	if !in.limited {
		if from == nil {
			from = in.key
		}
		return r.space().ascend(bucket, in.key, from)
	}
	return func(yield func(k, v []byte) bool) {
		walk := newAmong(in.among)
		for start := from; len(walk.left) > 0; {
			if bytes.Compare(walk.next, start) > 0 {
				start = bytes.Clone(walk.next)
			}
			missed := 0
			for k, v := range r.space().ascend(bucket, nil, start) {
				if walk.meets(k) {
					if missed = 0; !yield(k, v) {
						return
					}
				} else if missed++; missed > worthSeeking || len(walk.left) == 0 {
					break
				}
			}
			if missed <= worthSeeking || r.context().Err() != nil {
				return
			}
		}
	}
}

// worthSeeking is how many rows of units outside of a scope are passed over, one by one, before the next unit inside is sought: to
// pass over a row costs a small part of what it costs to seek one.
const worthSeeking = 16

// among is where a walk through the rows of some units has come.
type among struct {
	// left are the units that can still be met, sorted.
	left []string
	// next is the key of the first of them.
	next Key
}

func newAmong(units []string) *among {
	a := &among{left: units}
	a.drop(0)
	return a
}

func (a *among) drop(n int) {
	if a.left = a.left[n:]; len(a.left) > 0 {
		a.next = a.next[:0].Text(a.left[0])
	}
}

// meets goes on to a row's key, which is larger than those before it, and reports whether it is of one of the units.
func (a *among) meets(k Key) bool {
	for tries := 0; len(a.left) > 0; tries++ {
		switch {
		case bytes.HasPrefix(k, a.next):
			return true
		case bytes.Compare(k, a.next) < 0:
			return false
		case tries == 0: // where most units have rows, it is the next one
			a.drop(1)
		default:
			unit, ok := k.Split().Text()
			if !ok { // no key of units
				return false
			}
			at, _ := slices.BinarySearch(a.left, unit)
			a.drop(at)
		}
	}
	return false
}

// List answers one page of the records in a range that match, with the token of the next page (empty on the last).
func (b *base[T]) List(r Reader, req PageRequest, in Range[T], match func(T) bool) ([]T, string, error) {
	bucket, walked := b.spec.bucket(), b.spec.name
	if in.index != nil {
		bucket, walked = in.index.bucket, in.index.bucket
		if err := r.bounds().whole(bucket); err != nil {
			return nil, "", err
		}
	}
	p, err := openPage(r, req, walked)
	if err != nil {
		return nil, "", err
	}
	out := make([]T, 0, min(p.size, 16))
	seen := 0
	defer func() { noteRows(r.context(), seen) }()
	for k, v := range in.rows(r, bucket, p.from) {
		if len(out) == p.size || seen == maxScan {
			return out, p.token(bytes.Clone(k)), nil
		}
		seen++
		if in.index != nil {
			v = r.space().get(b.spec.bucket(), v)
		}
		rec, err := decodeRecord[T](v)
		if err == nil {
			err = r.context().Err()
		}
		if err != nil {
			return nil, "", err
		}
		if match == nil || match(rec) {
			out = append(out, rec)
		}
	}
	return out, "", r.context().Err()
}

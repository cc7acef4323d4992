package store

import (
	"crypto/sha256"
	"encoding/binary"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// Mark says what is in a table, or in a group of its records: the sum of the hashes of the records. Tables with the same
// records have the same mark and no others do, whatever led to them, so what was worked out of a table holds wherever its
// mark is met again: in another transaction, in a command that runs again, after a restart. The zero Mark is that of no
// records.
type Mark [sha256.Size]byte

// Version is the state of a store that somebody reads. Two readings of one version meet the same records.
type Version struct{ head *journalpb.Head }

// VersionOf is the version that r reads; none for a command, which reads its own changes too.
func VersionOf(r Reader) (v Version, ok bool) {
	tx, ok := r.(*ReadTx)
	if !ok || tx.head == nil {
		return Version{}, false
	}
	return Version{tx.head}, true
}

// Stamp is a derived table that keeps the marks of its source.
type Stamp[T proto.Message] struct {
	*Derived[T]

	group func(T) string
}

// NewStamp declares marks, one for each group of a table's records.
func NewStamp[T proto.Message](name string, group func(T) string) *Stamp[T] {
	s := &Stamp[T]{group: group}
	s.Derived = NewDerived(name, 1, s.stamp)
	return s
}

// NewWholeStamp declares one mark for all records of a table, in the group "".
func NewWholeStamp[T proto.Message](name string) *Stamp[T] {
	return NewStamp(name, func(T) string { return "" })
}

// Of reads the mark of a group. While the table is built anew it is the zero Mark, and the transaction answers Unavailable
// in the end, whatever is worked out of it.
func (s *Stamp[T]) Of(r Reader, group string) (sum Mark) {
	copy(sum[:], s.In(r).Get(Text(group)))
	return sum
}

func (s *Stamp[T]) stamp(in Space, old, next T) error {
	return Restamp(in, old, next, func(rec T) Key { return Text(s.group(rec)) })
}

// Restamp takes a record's old state out of the mark at its key and puts the new one into its, for derived tables that keep
// marks among other rows.
func Restamp[T proto.Message](s Space, old, next T, key func(T) Key) error {
	for _, change := range []struct {
		rec  T
		sign uint64
	}{{old, ^uint64(0)}, {next, 1}} {
		if !change.rec.ProtoReflect().IsValid() {
			continue
		}
		if err := addMark(s, key(change.rec), change.rec, change.sign); err != nil {
			return err
		}
	}
	return nil
}

// addMark adds a record's hash, or takes it away, in words of 8 bytes.
func addMark(s Space, key Key, rec proto.Message, sign uint64) error {
	bytes, err := deterministic.Marshal(rec)
	if err != nil {
		return fault.Internal(err)
	}
	hash := sha256.Sum256(bytes)
	var sum Mark
	copy(sum[:], s.Get(key))
	for i := 0; i < len(sum); i += 8 {
		word := binary.BigEndian.Uint64(sum[i:]) + sign*binary.BigEndian.Uint64(hash[i:])
		binary.BigEndian.PutUint64(sum[i:], word)
	}
	if sum == (Mark{}) {
		return s.Delete(key)
	}
	return s.Put(key, sum[:])
}

package records

import (
	"crypto/sha256"
	"encoding/binary"

	"google.golang.org/protobuf/proto"

	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// A stamp says what is in a table: the sum of the hashes of its records. Tables with the same records have the same stamp
// and no others do, whatever led to them, so what was worked out of a table holds wherever its stamp is met again: in
// another transaction, in a command that runs again, after a restart. The zero stamp is that of no records.
type stamp [sha256.Size]byte

// The stamps of what is kept in an Atlas; those of targets by period.
var (
	unitStamp      = stamped("units-stamp", func(*registrypb.Unit) string { return "" })
	indicatorStamp = stamped("indicators-stamp", func(*planningpb.Indicator) string { return "" })
	targetStamp    = stamped("targets-stamp", (*planningpb.Target).GetPeriod)
)

// stamped keeps one stamp for each group of a table's records.
func stamped[T proto.Message](name string, group func(T) string) *store.Derived[T] {
	return store.NewDerived(name, 1, func(s store.Space, old, next T) error {
		return restamp(s, old, next, func(rec T) store.Key { return store.Text(group(rec)) })
	})
}

// restamp takes a record's old state out of its stamp and puts the new one into its.
func restamp[T proto.Message](s store.Space, old, next T, key func(T) store.Key) error {
	for _, change := range []struct {
		rec  T
		sign uint64
	}{{old, ^uint64(0)}, {next, 1}} {
		if !change.rec.ProtoReflect().IsValid() {
			continue
		}
		if err := addStamp(s, key(change.rec), change.rec, change.sign); err != nil {
			return err
		}
	}
	return nil
}

// addStamp adds a record's hash, or takes it away, in words of 8 bytes.
func addStamp(s store.Space, key store.Key, rec proto.Message, sign uint64) error {
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(rec)
	if err != nil {
		return fault.Internal(err)
	}
	hash := sha256.Sum256(bytes)
	var sum stamp
	copy(sum[:], s.Get(key))
	for i := 0; i < len(sum); i += 8 {
		word := binary.BigEndian.Uint64(sum[i:]) + sign*binary.BigEndian.Uint64(hash[i:])
		binary.BigEndian.PutUint64(sum[i:], word)
	}
	if sum == (stamp{}) {
		return s.Delete(key)
	}
	return s.Put(key, sum[:])
}

// stampOf reads a stamp. While stamps are built anew it is the zero stamp, and the transaction answers Unavailable in the
// end, whatever is worked out of none.
func stampOf[T proto.Message](r store.Reader, d *store.Derived[T], group string) (sum stamp) {
	copy(sum[:], d.In(r).Get(store.Text(group)))
	return sum
}

// stampOfFacts reads the stamp of the facts, which lies among the counters: as long as these are built anew it is the zero
// stamp, and no result that rests on half of them is kept.
func stampOfFacts(r store.Reader) (sum stamp) {
	copy(sum[:], Counters.In(r).Get(factStampKey))
	return sum
}

// factStampKey is in no year.
var factStampKey = rowsOf(0)

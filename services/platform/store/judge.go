package store

import (
	"errors"
	"fmt"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// errUnjudged: see INV-OPERATION-JUDGED-ANEW.
var errUnjudged = errors.New("rows are put aside of a table that does not say how they are judged again")

// Judged says how new records of the table are judged that were put aside for an operation, and answers the table. judging is
// called once for an activation, and what it answers with each row, in order, before the row is laid over what tx sees. It is
// the rule by which the record was judged when it was put aside, on what that rests on now; it writes nothing and does not
// change the record. Fields in its refusals are those of the record.
//
// INV-OPERATION-JUDGED-ANEW: no row takes effect that could not be created at that moment; only such tables have rows put aside.
//
// It is for where the schema is put together, since a rule may read the table itself.
func (t *Table[T]) Judged(judging func(tx *Tx) func(rec T) error) *Table[T] {
	t.spec.judging = func(tx *Tx) func(proto.Message) error {
		judge := judging(tx)
		return func(m proto.Message) error {
			rec, err := typed[T](m)
			if err != nil {
				return err
			}
			return judge(rec)
		}
	}
	return t
}

// maxRemembered is how many records are remembered at once.
const maxRemembered = 4096

// Remembering is Find for who asks for the same records many times in one transaction, which may add some but changes none:
// they are read once, while they are not too many. The records it answers must not be changed.
func (b *base[T]) Remembering(r Reader) func(name string) (T, bool, error) {
	known := map[string]T{}
	return func(name string) (T, bool, error) {
		if rec, ok := known[name]; ok {
			return rec, true, nil
		}
		rec, ok, err := b.Find(r, name)
		if ok && err == nil {
			if len(known) == maxRemembered {
				clear(known)
			}
			known[name] = rec
		}
		return rec, ok, err
	}
}

// judges judge the rows of one activation, by table.
type judges map[*spec]func(proto.Message) error

func (j judges) judge(tx *Tx, spec *spec, rec proto.Message) error {
	judge, ok := j[spec]
	if !ok {
		if spec.judging == nil {
			return fault.Internal(fmt.Errorf("%s: %w", spec.name, errUnjudged))
		}
		judge = spec.judging(tx)
		j[spec] = judge
	}
	return judge(rec)
}

// ofRows reports whether an activation was refused for its rows: they cannot be mended, so it is given up.
func ofRows(refused error) bool {
	switch fault.KindOf(refused) { //nolint:exhaustive // the others may pass
	case fault.KindAlreadyExists, fault.KindInvalidArgument, fault.KindFailedPrecondition:
		return fault.ReasonOf(refused) != faultpb.Reason_REASON_OPERATION_ENDED
	}
	return false
}

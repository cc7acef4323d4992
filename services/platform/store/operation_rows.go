package store

import (
	"fmt"
	"iter"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// stagedRow is one row of an operation as its activation makes it.
type stagedRow struct {
	spec   *spec
	change *journalpb.Change
	event  *journalpb.Event
	place  rowPlace
}

// rowPlace is where a row lies in the journal: entry, command, number of the row in the command.
type rowPlace struct{ position, command, row uint64 }

func (p rowPlace) bytes() []byte { return Key(nil).Uint64(p.position).Uint64(p.command).Uint64(p.row) }

func readRowPlace(b []byte) (p rowPlace, ok bool) {
	parts := Key(b).Split()
	var ok1, ok2, ok3 bool
	p.position, ok1 = parts.Uint64()
	p.command, ok2 = parts.Uint64()
	p.row, ok3 = parts.Uint64()
	return p, ok1 && ok2 && ok3 && parts.Done()
}

// finisher makes records of what was put aside: it gives them the etag and times of the activation. It adds bytes and
// decodes nothing, so every version of the program makes the same record.
type finisher struct {
	in          reading
	schema      *Schema
	activation  *journalpb.Activation
	moment      *timestamppb.Timestamp
	incarnation []byte
	tails       map[*spec][]byte
}

func (sc *Schema) finish(in reading, a *journalpb.Activation, moment *timestamppb.Timestamp, incarnation []byte) *finisher {
	return &finisher{in: in, schema: sc, activation: a, moment: moment, incarnation: incarnation, tails: map[*spec][]byte{}}
}

// finishIn is the finisher of an activation in the journal.
func (sc *Schema) finishIn(in reading, e *journalpb.Entry, a *journalpb.Activation) *finisher {
	return sc.finish(in, a, e.GetMoment(), e.GetIncarnation())
}

// rows walks the rows of the operation in order, from a number (counted from 0) on.
func (f *finisher) rows(from uint64) iter.Seq2[stagedRow, error] {
	return func(yield func(stagedRow, error) bool) {
		first := uint64(0)
		for _, b := range f.activation.GetBatches() {
			end := first + uint64(b.GetRows())
			skip := uint64(0)
			if from > first {
				skip = from - first
			}
			if skip < uint64(b.GetRows()) {
				staged, err := f.batch(b)
				if err != nil {
					yield(stagedRow{}, err)
					return
				}
				for ; skip < uint64(b.GetRows()); skip++ {
					row, err := f.row(staged, rowPlace{b.GetPosition(), uint64(b.GetCommand()), skip})
					if !yield(row, err) || err != nil {
						return
					}
				}
			}
			first = end
		}
	}
}

// at answers one row.
func (f *finisher) at(p rowPlace) (stagedRow, error) {
	staged, err := f.staged(p.position, p.command)
	if err != nil {
		return stagedRow{}, err
	}
	return f.row(staged, p)
}

func (f *finisher) batch(b *journalpb.Batch) (*journalpb.Staged, error) {
	staged, err := f.staged(b.GetPosition(), uint64(b.GetCommand()))
	if err == nil && len(staged.GetChanges()) != int(b.GetRows()) {
		err = damaged("%s expects %d rows in entry %d, there are %d", f.activation.GetOperation(), b.GetRows(), b.GetPosition(), len(staged.GetChanges()))
	}
	return staged, err
}

func (f *finisher) staged(position, command uint64) (*journalpb.Staged, error) {
	e, err := entryAt(f.in, position)
	if err != nil {
		return nil, err
	}
	if command >= uint64(len(e.GetCommands())) {
		return nil, damaged("%s points to command %d of entry %d", f.activation.GetOperation(), command, position)
	}
	staged := e.GetCommands()[command].GetStaged()
	if staged.GetOperation() != f.activation.GetOperation() {
		return nil, damaged("entry %d holds rows of %q, not of %s", position, staged.GetOperation(), f.activation.GetOperation())
	}
	return staged, nil
}

func (f *finisher) row(staged *journalpb.Staged, p rowPlace) (stagedRow, error) {
	if p.row >= uint64(min(len(staged.GetChanges()), len(staged.GetEvents()))) {
		return stagedRow{}, damaged("entry %d has no row %d", p.position, p.row)
	}
	ch := staged.GetChanges()[p.row]
	spec, ok := f.schema.tables[ch.GetTable()]
	if !ok || spec.class != classRecord {
		return stagedRow{}, damaged("entry %d puts aside a row of the unknown table %q", p.position, ch.GetTable())
	}
	tail, ok := f.tails[spec]
	if !ok {
		var err error
		if tail, err = spec.meta.tail(f.moment, f.incarnation); err != nil {
			return stagedRow{}, err
		}
		f.tails[spec] = tail
	}
	value := append(append(make([]byte, 0, len(ch.GetValue())+len(tail)), ch.GetValue()...), tail...)
	return stagedRow{
		spec: spec, event: staged.GetEvents()[p.row], place: p,
		change: &journalpb.Change{Table: ch.GetTable(), Key: ch.GetKey(), Value: value},
	}, nil
}

// tail is the fields that an activation gives a new record, as bytes behind the others.
func (f metaFields) tail(moment *timestamppb.Timestamp, incarnation []byte) ([]byte, error) {
	at, err := deterministic.Marshal(moment)
	if err != nil {
		return nil, fault.Internal(fmt.Errorf("encode moment: %w", err))
	}
	out := protowire.AppendTag(nil, f.etag.Number(), protowire.BytesType)
	out = protowire.AppendString(out, etag(incarnation, 1))
	for _, field := range []protoreflect.FieldDescriptor{f.created, f.updated} {
		out = protowire.AppendTag(out, field.Number(), protowire.BytesType)
		out = protowire.AppendBytes(out, at)
	}
	return out, nil
}

// withoutTail is a new record as it is put aside.
func (f metaFields) withoutTail(rec proto.Message) proto.Message {
	rec = proto.Clone(rec)
	for _, field := range []protoreflect.FieldDescriptor{f.etag, f.created, f.updated} {
		rec.ProtoReflect().Clear(field)
	}
	return rec
}

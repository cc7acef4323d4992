package store

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// recordFormat is the version of a stored record: its first byte.
const recordFormat = 1

var deterministic = proto.MarshalOptions{Deterministic: true}

func encodeRecord(m proto.Message) ([]byte, error) {
	b, err := deterministic.MarshalAppend([]byte{recordFormat}, m)
	if err != nil {
		return nil, fault.Internal(fmt.Errorf("encode %s: %w", m.ProtoReflect().Descriptor().FullName(), err))
	}
	return b, nil
}

func decodeRecord[T proto.Message](value []byte) (T, error) {
	var none T
	m := none.ProtoReflect().New().Interface()
	if err := decodeInto(m, value); err != nil {
		return none, err
	}
	return m.(T), nil //nolint:forcetypeassert // made from T above
}

func decodeInto(m proto.Message, value []byte) error {
	if len(value) == 0 || value[0] != recordFormat {
		return fault.DataLoss(faultpb.Reason_REASON_FORMAT_UNKNOWN, "", "value", fmt.Sprintf("%.1x", value))
	}
	if err := proto.Unmarshal(value[1:], m); err != nil {
		return fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "").With(
			fmt.Errorf("decode %s: %w", m.ProtoReflect().Descriptor().FullName(), err))
	}
	return nil
}

// metaFields are the fields of a record that the store keeps.
type metaFields struct{ revision, etag, created, updated protoreflect.FieldDescriptor }

func metaFieldsOf(m proto.Message) metaFields {
	d := m.ProtoReflect().Descriptor()
	field := func(name protoreflect.Name, kind protoreflect.Kind) protoreflect.FieldDescriptor {
		f := d.Fields().ByName(name)
		if f == nil || f.Kind() != kind {
			panic(fmt.Sprintf("store: %s has no %s field %q", d.FullName(), kind, name))
		}
		return f
	}
	return metaFields{
		revision: field("revision", protoreflect.Int64Kind),
		etag:     field("etag", protoreflect.StringKind),
		created:  field("create_time", protoreflect.MessageKind),
		updated:  field("update_time", protoreflect.MessageKind),
	}
}

func (f metaFields) etagOf(m proto.Message) string { return m.ProtoReflect().Get(f.etag).String() }

// advance sets the next revision. A record that replaces another must carry the revision of that one; a new one begins at
// 1 whatever it carries, since its closure may have run before.
func (f metaFields) advance(tx *Tx, old proto.Message, existed bool, rec proto.Message) error {
	var before int64
	r := rec.ProtoReflect()
	r.Set(f.updated, protoreflect.ValueOfMessage(timestamppb.New(tx.At()).ProtoReflect()))
	if existed {
		o := old.ProtoReflect()
		before = o.Get(f.revision).Int()
		r.Set(f.created, o.Get(f.created))
	} else {
		r.Set(f.created, r.Get(f.updated))
	}
	if got := r.Get(f.revision).Int(); existed && got != before {
		return fault.Internal(fmt.Errorf("INV-STORE-NO-LOST-UPDATE: %s rests on revision %d, stored is %d",
			rec.ProtoReflect().Descriptor().FullName(), got, before))
	}
	r.Set(f.revision, protoreflect.ValueOfInt64(before+1))
	if r.Clear(f.etag); !tx.rehearsal { // a change that is only tried out must not pass for the one that comes
		r.Set(f.etag, protoreflect.ValueOfString(etag(tx.incarnation(), before+1)))
	}
	return nil
}

// etag is derived from the revision; the incarnation's last bytes, which are random, keep a revision written after a
// restore apart from one of the same number that the restore lost.
func etag(incarnation []byte, revision int64) string {
	return hex.EncodeToString(incarnation[12:]) + "-" + strconv.FormatInt(revision, 10)
}

func tooLarge(what string, limit int) error {
	return fault.ResourceExhausted(faultpb.Reason_REASON_TOO_LARGE, "", "what", what, "limit", strconv.Itoa(limit))
}

package store

import (
	"bytes"
	"time"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

const (
	bucketOnce     = "once"
	bucketOnceTime = "once-by-moment"
	// onceKept is how long a request id is remembered, in journal time (AIP-155).
	onceKept = 30 * 24 * time.Hour
	// onceForget bounds how many request ids one entry forgets, beside twice as many as it brings.
	onceForget = 64
)

// findOnce answers what is kept of a request id at a moment; nil: nothing, or it is forgotten.
func findOnce(r reading, principal, requestID string, at time.Time) (*journalpb.Once, error) {
	v := r.get(bucketOnce, Text(principal).Text(requestID))
	if v == nil {
		return nil, nil //nolint:nilnil // nothing kept is no error
	}
	o := &journalpb.Once{}
	if err := proto.Unmarshal(v, o); err != nil {
		return nil, damaged("decode request id: %w", err)
	}
	if at.Sub(o.GetMoment().AsTime()) > onceKept {
		return nil, nil //nolint:nilnil // forgotten
	}
	return o, nil
}

// onceVersion is the version of what noteOnce and forgetOnce keep.
const onceVersion = 1

// feedOnce rebuilds what is kept of the request ids of one entry.
func feedOnce(w writing, b *journalpb.Rebuild, raw []byte) error {
	e, err := readEntry(raw)
	if err != nil {
		return err
	}
	b.EventPosition = waitable(e, b.GetEventPosition())
	b.Forgotten, err = noteAllOnce(w, e, b.GetEventPosition(), b.GetForgotten())
	return err
}

// noteAllOnce keeps the request ids of an entry and forgets old ones. position is what its commands answered. There is
// nothing to forget before the key from; the answer is where it begins now.
func noteAllOnce(w writing, e *journalpb.Entry, position uint64, from Key) (Key, error) {
	most := onceForget
	for _, c := range e.GetCommands() {
		if c.GetRequestId() == "" {
			continue
		}
		if err := noteOnce(w, e, c, position); err != nil {
			return nil, err
		}
		most += 2
	}
	return forgetOnce(w, e.GetMoment().AsTime(), most, from)
}

// noteOnce keeps the request id of a command.
func noteOnce(w writing, e *journalpb.Entry, c *journalpb.Command, position uint64) error {
	key := Text(c.GetPrincipal()).Text(c.GetRequestId())
	b, err := deterministic.Marshal(&journalpb.Once{
		Fingerprint: c.GetFingerprint(), Position: position, Moment: e.GetMoment(), Results: c.GetResults(), Asked: c.GetAsked(),
	})
	if err != nil {
		return fault.Internal(err)
	}
	if err := w.put(bucketOnce, key, b); err != nil {
		return err
	}
	return w.put(bucketOnceTime, append(momentKey(e.GetMoment().AsTime()), key...), nil)
}

// waitable is the position that the commands of an entry answer: the entry if it holds an event, else the last one before
// it that does.
func waitable(e *journalpb.Entry, before uint64) uint64 {
	if eventsIn(e) > 0 {
		return e.GetPosition()
	}
	return before
}

func momentKey(t time.Time) Key { return Key(nil).Int64(t.UnixMicro()) }

// forgetOnce drops request ids older than they are kept, the oldest first, some with each entry. It looks from a key on,
// and answers where to look next time: what was dropped before lies there as gaps, which take time to walk.
func forgetOnce(w writing, now time.Time, most int, from Key) (Key, error) {
	limit := momentKey(now.Add(-onceKept))
	var old []Key
	for k := range w.ascend(bucketOnceTime, nil, from) {
		if bytes.Compare(k[:len(limit)], limit) >= 0 || len(old) == most {
			break
		}
		old = append(old, bytes.Clone(k))
	}
	for _, k := range old {
		from = k
		if err := w.del(bucketOnceTime, k); err != nil {
			return nil, err
		}
		id := k[len(limit):]
		kept := &journalpb.Once{}
		if err := proto.Unmarshal(w.get(bucketOnce, id), kept); err != nil {
			return nil, damaged("decode request id: %w", err)
		}
		if !bytes.Equal(momentKey(kept.GetMoment().AsTime()), k[:len(limit)]) {
			continue // the id was used again after it had been forgotten
		}
		if err := w.del(bucketOnce, id); err != nil {
			return nil, err
		}
	}
	return from, nil
}

// replay answers a request that took effect before: the same request gets its resources as they are now, another one
// is refused; so is whoever may not do any more what the request needed, where it was needed and where the resources are now:
// INV-ONCE-PERMITTED.
func (s *Store) replay(tx *Tx, kept *journalpb.Once, fingerprint []byte, answer proto.Message) error {
	if !bytes.Equal(kept.GetFingerprint(), fingerprint) {
		return fault.AlreadyExists(faultpb.Reason_REASON_REQUEST_ID_REUSED, "requestId")
	}
	if err := tx.permits(tx, kept.GetAsked()); err != nil {
		return err
	}
	m := answer.ProtoReflect()
	for _, ref := range kept.GetResults() {
		spec, ok := s.schema.tables[ref.GetTable()]
		if !ok {
			return damaged("a request id refers to the unknown table %q", ref.GetTable())
		}
		v := tx.over.get(spec.bucket(), ref.GetKey())
		if v == nil {
			return damaged("a request id refers to a record that is gone")
		}
		if err := tx.permitsAt(kept.GetAsked(), ref); err != nil {
			return err
		}
		if spec.empty.ProtoReflect().Descriptor() == m.Descriptor() {
			return decodeInto(answer, v)
		}
		f := listOf(m.Descriptor(), spec)
		if f == nil {
			return damaged("a request id refers to %s, the answer is %s", ref.GetTable(), m.Descriptor().FullName())
		}
		list := m.Mutable(f).List()
		el := list.NewElement()
		if err := decodeInto(el.Message().Interface(), v); err != nil {
			return err
		}
		list.Append(el)
	}
	return nil
}

func listOf(d protoreflect.MessageDescriptor, spec *spec) protoreflect.FieldDescriptor {
	want := spec.empty.ProtoReflect().Descriptor().FullName()
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); f.IsList() && f.Kind() == protoreflect.MessageKind && f.Message().FullName() == want {
			return f
		}
	}
	return nil
}

// results names the records that an answer shows: the answer itself, or the records in its lists.
func (s *Store) results(answer proto.Message) []*journalpb.Reference {
	if ref := s.schema.reference(answer); ref != nil {
		return []*journalpb.Reference{ref}
	}
	var out []*journalpb.Reference
	answer.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if !f.IsList() || f.Kind() != protoreflect.MessageKind {
			return true
		}
		for i := range v.List().Len() {
			if ref := s.schema.reference(v.List().Get(i).Message().Interface()); ref != nil {
				out = append(out, ref)
			}
		}
		return true
	})
	return out
}

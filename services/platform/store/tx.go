package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/fault"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// Reader is what tables are read through: a Tx or a ReadTx.
type Reader interface {
	space() reading
	context() context.Context
	// identity is who reads, for page tokens.
	identity() (principal string, key []byte)
	// bounds is what can be read, and what became of it.
	bounds() *reach
	// asks is what was asked for to read it.
	asks() *asking
}

// ReadTx is a snapshot for reading. It is valid inside its View only.
type ReadTx struct {
	reach
	asking
	s     *Store
	ctx   context.Context //nolint:containedctx // a transaction lives as long as its call
	in    reading
	head  *journalpb.Head
	today civil.Date
}

func (r *ReadTx) space() reading           { return r.in }
func (r *ReadTx) context() context.Context { return r.ctx }
func (r *ReadTx) identity() (string, []byte) {
	return r.principal.Name, r.s.fingerprintKey
}

// Today is the civil date of the call in Asia/Ho_Chi_Minh.
func (r *ReadTx) Today() civil.Date { return r.today }

// Tx is one command while its closure runs: the snapshot, the commands before it in its group, and its own changes. It
// is valid inside its closure only and not safe for concurrent use.
type Tx struct {
	reach
	asking
	s       *Store
	ctx     context.Context //nolint:containedctx // a transaction lives as long as its call
	over    *overlay
	changes map[string]int // index in command.Changes
	command *journalpb.Command
	size    int
	// position and number are the command's place in the journal, if it is accepted.
	position uint64
	number   int
	// rehearsal: nothing of it will be kept.
	rehearsal bool
	// staged takes new records while they are put aside for an operation; else nil.
	staged *journalpb.Staged
}

func (tx *Tx) space() reading           { return tx.over }
func (tx *Tx) context() context.Context { return tx.ctx }
func (tx *Tx) identity() (string, []byte) {
	return tx.principal.Name, tx.s.fingerprintKey
}

func (tx *Tx) incarnation() []byte { return tx.s.incarnation }

// At is the moment of the entry: later than every entry before it, in whole microseconds.
func (tx *Tx) At() time.Time { return tx.at }

// Today is the civil date of the moment in Asia/Ho_Chi_Minh.
func (tx *Tx) Today() civil.Date { return civil.Today(tx.at) }

// Principal is who acts.
func (tx *Tx) Principal() access.Principal { return tx.principal }

// Actor is who acts and in whose stead, by all that the command has asked for so far: what the journal will say of it. Whoever could
// act in the stead of several acts in that of the first by name; what is asked for later must rest on that one's grants.
func (tx *Tx) Actor() access.Principal {
	p := tx.principal
	if whose := tx.stead(); whose != "" {
		p.OnBehalfOf = whose
	}
	return p
}

// Emit announces an event that is not about one changed record, such as a crossing. Subject is the resource's name.
func (tx *Tx) Emit(event proto.Message, subject string) error {
	if tx.staged != nil {
		return fault.Internal(fmt.Errorf("event about %s: %w", subject, errStagedOnlyCreates))
	}
	data, err := deterministic.Marshal(event)
	if err != nil {
		return fault.Internal(fmt.Errorf("encode event: %w", err))
	}
	name := string(event.ProtoReflect().Descriptor().FullName())
	tx.command.Events = append(tx.command.Events, &journalpb.Event{Type: name, Data: data, Subject: subject})
	return tx.half(tx.grow(len(name) + len(data) + len(subject)))
}

// announce emits the event of a record's change: its field of the record's type is the record. An event that says no
// more than that points to the change and repeats nothing.
func (tx *Tx) announce(event, rec proto.Message, ch int, subject string) error {
	if event == nil {
		return fault.Internal(fmt.Errorf("a change of %s without an event", subject))
	}
	m := event.ProtoReflect()
	f := fieldOf(m.Descriptor(), rec.ProtoReflect().Descriptor().FullName())
	if f == nil {
		return fault.Internal(fmt.Errorf("event %s has no field for %s", m.Descriptor().FullName(), subject))
	}
	m.Set(f, protoreflect.ValueOfMessage(rec.ProtoReflect()))
	if tx.staged != nil {
		return tx.stageEvent(m, f, ch)
	}
	alone := len(m.GetUnknown()) == 0
	m.Range(func(other protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		alone = alone && other.Number() == f.Number()
		return alone
	})
	if !alone {
		return tx.Emit(event, subject)
	}
	name := string(m.Descriptor().FullName())
	tx.command.Events = append(tx.command.Events, &journalpb.Event{
		Type: name, Change: uint32(ch) + 1, Field: int32(f.Number()), //nolint:gosec // an index
	})
	return tx.grow(len(name))
}

// fieldOf finds the singular field of a message type.
func fieldOf(d protoreflect.MessageDescriptor, want protoreflect.FullName) protoreflect.FieldDescriptor {
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if f.Kind() == protoreflect.MessageKind && !f.IsList() && f.Message().FullName() == want {
			return f
		}
	}
	return nil
}

// eventData answers the bytes and the subject of an event.
func eventData(c *journalpb.Command, e *journalpb.Event) (data []byte, subject string, err error) {
	if e.GetChange() == 0 {
		return e.GetData(), e.GetSubject(), nil
	}
	if int(e.GetChange()) > len(c.GetChanges()) {
		return nil, "", damaged("an event points to change %d of %d", e.GetChange(), len(c.GetChanges()))
	}
	return pointedData(c.GetChanges()[e.GetChange()-1], e)
}

// pointedData is the bytes and the subject of an event that points to a change: the record behind its other fields.
func pointedData(ch *journalpb.Change, e *journalpb.Event) (data []byte, subject string, err error) {
	subject, ok := Key(ch.GetKey()).Split().Text()
	if !ok || len(ch.GetValue()) == 0 {
		return nil, "", damaged("an event points to a change that is none of a record")
	}
	data = protowire.AppendTag(slices.Clip(e.GetData()), protowire.Number(e.GetField()), protowire.BytesType)
	return protowire.AppendBytes(data, ch.GetValue()[1:]), subject, nil
}

// spellOut gives the events that point to a change their own bytes, before the change gets another value.
func (tx *Tx) spellOut(ch int) error {
	for _, e := range tx.command.GetEvents() {
		if int(e.GetChange()) != ch+1 {
			continue
		}
		data, subject, err := eventData(tx.command, e)
		if err != nil {
			return err
		}
		e.Data, e.Subject, e.Change, e.Field = data, subject, 0, 0
		if err := tx.grow(len(data) + len(subject)); err != nil {
			return err
		}
	}
	return nil
}

// record notes one change for the journal and answers its index; the last value of a key counts.
func (tx *Tx) record(spec *spec, key Key, value []byte) (int, error) {
	if err := tx.ctx.Err(); err != nil {
		return 0, err
	}
	if tx.staged != nil {
		return tx.stage(spec, key, value)
	}
	id := cellKey(spec.name, key)
	at, again := tx.changes[id]
	if again {
		if err := tx.spellOut(at); err != nil {
			return 0, err
		}
		tx.command.Changes[at].Value = value
	} else {
		at = len(tx.command.GetChanges())
		tx.changes[id] = at
		tx.command.Changes = append(tx.command.Changes, &journalpb.Change{Table: spec.name, Key: key, Value: value})
	}
	if err := tx.grow(len(key) + len(value)); err != nil {
		return 0, err
	}
	if value == nil {
		return at, tx.over.del(spec.bucket(), key)
	}
	return at, tx.over.put(spec.bucket(), key, value)
}

// half notes an error in the middle of a write: what it has done so far must not count, so the command is refused, whatever
// its closure makes of the error. INV-STORE-WHOLE-WRITE.
func (tx *Tx) half(err error) error {
	if err != nil {
		tx.fail(err)
	}
	return err
}

func (tx *Tx) grow(n int) error {
	if tx.size += n + 16; tx.size > maxCommand {
		return tooLarge("command", maxCommand)
	}
	return nil
}

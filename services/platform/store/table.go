package store

import (
	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// Limits of what one change may weigh; beyond is ResourceExhausted.
const (
	maxKey     = 4 << 10
	maxRecord  = 64 << 10
	maxCommand = 256 << 10
	maxEntry   = 512 << 10
)

// Table is a table of records: journalled, and every change is told to the world. T carries name, revision, etag,
// create_time and update_time.
type Table[T proto.Message] struct{ base[T] }

// Copy is a table of what follows other services: journalled, without events.
type Copy[T proto.Message] struct{ base[T] }

// base is what both classes share: keys, indexes, reading.
type base[T proto.Message] struct {
	spec    *spec
	primary func(T) string
	// unit is to which unit a record belongs; nil: the table does not say.
	unit func(T) string
}

// spec is a table as the store sees it, without its type.
type spec struct {
	name     string
	class    class
	empty    proto.Message
	reducers []*reducer
	meta     metaFields
	// catalogue: whoever may call the service may know what is in it.
	catalogue bool
	// judging judges new records that were put aside; nil: none are. See Judged.
	judging func(tx *Tx) func(proto.Message) error
}

type class uint8

const (
	classRecord class = iota + 1
	classCopy
)

func (s *spec) bucket() string { return "table/" + s.name }

// Option adds an index or a derived table to a table.
type Option[T proto.Message] interface{ attach(b *base[T]) }

// NewTable declares a table of records. The primary key is a text, usually the resource name. It panics when T lacks a
// field the store keeps: a programming error.
func NewTable[T proto.Message](name string, primary func(T) string, options ...Option[T]) *Table[T] {
	t := &Table[T]{newBase(name, classRecord, primary, options)}
	t.spec.meta = metaFieldsOf(t.spec.empty)
	return t
}

// NewCopy declares a table of copies.
func NewCopy[T proto.Message](name string, primary func(T) string, options ...Option[T]) *Copy[T] {
	return &Copy[T]{newBase(name, classCopy, primary, options)}
}

func newBase[T proto.Message](name string, c class, primary func(T) string, options []Option[T]) base[T] {
	var empty T
	b := base[T]{spec: &spec{name: name, class: c, empty: empty.ProtoReflect().New().Interface()}, primary: primary}
	for _, o := range options {
		o.attach(&b)
	}
	return b
}

func (b *base[T]) tableSpec() *spec { return b.spec }

// Get reads one record; the caller may change what it gets. NotFound if it is not there.
func (b *base[T]) Get(r Reader, name string) (T, error) {
	rec, ok, err := b.Find(r, name)
	if err == nil && !ok {
		err = fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name", "name", name)
	}
	return rec, err
}

// Find reads one record and says whether it is there.
func (b *base[T]) Find(r Reader, name string) (T, bool, error) {
	var none T
	if err := r.context().Err(); err != nil {
		return none, false, err
	}
	v := r.space().get(b.spec.bucket(), Text(name))
	if v == nil {
		return none, false, nil
	}
	rec, err := decodeRecord[T](v)
	return rec, err == nil, err
}

// All walks every record in order of keys. The walk ends at the first error, which is passed on with a zero record.
func (b *base[T]) All(r Reader) func(yield func(T, error) bool) {
	return func(yield func(T, error) bool) {
		for _, v := range r.space().ascend(b.spec.bucket(), nil, nil) {
			rec, err := decodeRecord[T](v)
			if err == nil {
				err = r.context().Err()
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// Create puts a record that was never there, with the event that announces it. AlreadyExists if its name is or was
// taken. It answers the record with revision, etag and times set, and puts the same into the event's field of its type.
func (t *Table[T]) Create(tx *Tx, rec T, event proto.Message) (T, error) {
	var none T
	name := t.primary(rec)
	if tx.space().get(t.spec.bucket(), Text(name)) != nil {
		return none, fault.AlreadyExists(faultpb.Reason_REASON_RESOURCE_EXISTS, "name", "name", name)
	}
	return t.write(tx, none, false, rec, event)
}

// Put replaces a record that was read in this transaction, with the event that announces the change. A record that
// rests on an older revision is an internal error: INV-STORE-NO-LOST-UPDATE.
func (t *Table[T]) Put(tx *Tx, rec T, event proto.Message) (T, error) {
	old, ok, err := t.Find(tx, t.primary(rec))
	if err != nil {
		return old, err
	}
	if !ok {
		return old, fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name", "name", t.primary(rec))
	}
	return t.write(tx, old, true, rec, event)
}

// Current reads a record for a change that rests on etag: Aborted if the record has another one. An empty etag
// accepts whatever it is now. InvalidArgument for an empty name.
func (t *Table[T]) Current(tx *Tx, name, etag string) (T, error) {
	if name == "" {
		var none T
		return none, fault.InvalidArgument(faultpb.Reason_REASON_FIELD_REQUIRED, "name")
	}
	rec, err := t.Get(tx, name)
	if err != nil {
		return rec, err
	}
	if now := t.spec.meta.etagOf(rec); etag != "" && etag != now {
		var none T
		return none, fault.Aborted(faultpb.Reason_REASON_ETAG_STALE, "etag", "value", etag, "current", now, "name", name)
	}
	return rec, nil
}

func (t *Table[T]) write(tx *Tx, old T, existed bool, rec T, event proto.Message) (T, error) {
	if err := t.spec.meta.advance(tx, old, existed, rec); err != nil {
		return rec, err
	}
	if err := fault.Validate(rec); err != nil {
		return rec, err
	}
	at, err := t.change(tx, old, existed, rec)
	if err != nil {
		return rec, err
	}
	return rec, tx.half(tx.announce(event, rec, at, t.primary(rec)))
}

// Put sets a copy.
func (c *Copy[T]) Put(tx *Tx, rec T) error {
	old, existed, err := c.Find(tx, c.primary(rec))
	if err != nil {
		return err
	}
	_, err = c.change(tx, old, existed, rec)
	return err
}

// Delete removes a copy; one that is not there is no error.
func (c *Copy[T]) Delete(tx *Tx, name string) error {
	old, existed, err := c.Find(tx, name)
	if err != nil || !existed {
		return err
	}
	key := Text(name)
	if err := c.spec.reduce(tx.over, tx.gaps, key, old, nil); err != nil {
		return tx.half(err)
	}
	_, err = tx.record(c.spec, key, nil)
	return tx.half(err)
}

// change runs the reducers and records one new value; it answers the change's index in the command.
func (b *base[T]) change(tx *Tx, old T, existed bool, rec T) (int, error) {
	value, err := tx.encode(b.spec, rec)
	if err != nil {
		return 0, err
	}
	key := Text(b.primary(rec))
	switch {
	case len(key) > maxKey:
		return 0, tooLarge("key", maxKey)
	case len(value)+len(key) > maxRecord:
		return 0, tooLarge("record", maxRecord)
	}
	var before proto.Message
	if existed {
		before = old
	}
	if err := b.spec.check(tx, before, rec); err != nil {
		return 0, err
	}
	if err := b.spec.reduce(tx.over, tx.gaps, key, before, rec); err != nil {
		return 0, tx.half(err)
	}
	at, err := tx.record(b.spec, key, value)
	return at, tx.half(err)
}

package store

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// AnyTable is a Table or Copy of whatever type.
type AnyTable interface {
	tableSpec() *spec
	// keyOf answers the primary key of a record of the table.
	keyOf(m proto.Message) (Key, bool)
	// unitOf says to which unit the record of a name belongs; see UnitOf.
	unitOf(r Reader, name string) (unit string, ok bool, err error)
	// shown is a record's name for a refusal of another; see base.shown.
	shown(r Reader, scope Scope, name string) (string, error)
}

func (b *base[T]) keyOf(m proto.Message) (Key, bool) {
	rec, ok := m.(T)
	if !ok {
		return nil, false
	}
	return Text(b.primary(rec)), true
}

// Schema is everything one service's store holds.
type Schema struct {
	tables map[string]*spec
	byType map[protoreflect.FullName]AnyTable
	named  map[string]AnyTable
	// order is the tables as they were named.
	order []*spec
}

// NewSchema puts tables together. It panics when two have one name or hold one type: a programming error.
func NewSchema(tables ...AnyTable) *Schema {
	sc := &Schema{tables: map[string]*spec{}, byType: map[protoreflect.FullName]AnyTable{}, named: map[string]AnyTable{}}
	for _, t := range append([]AnyTable{cursors, skips, timers, operations, acceptances}, tables...) {
		spec := t.tableSpec()
		typ := spec.empty.ProtoReflect().Descriptor().FullName()
		if _, twice := sc.tables[spec.name]; twice {
			panic(fmt.Sprintf("store: two tables are called %s", spec.name))
		}
		if other, twice := sc.byType[typ]; twice {
			panic(fmt.Sprintf("store: tables %s and %s hold the same type", other.tableSpec().name, spec.name))
		}
		sc.tables[spec.name], sc.byType[typ], sc.named[spec.name] = spec, t, t
		sc.order = append(sc.order, spec)
	}
	return sc
}

// reference names a record; nil if the message is none of the schema's records.
func (sc *Schema) reference(m proto.Message) *journalpb.Reference {
	t, ok := sc.byType[m.ProtoReflect().Descriptor().FullName()]
	if !ok {
		return nil
	}
	key, ok := t.keyOf(m)
	if !ok {
		return nil
	}
	return &journalpb.Reference{Table: t.tableSpec().name, Key: key}
}

// buckets lists every bucket of a store with this schema.
func (sc *Schema) buckets() []string {
	out := []string{bucketMeta, bucketJournal, bucketHistory, bucketOnce, bucketOnceTime}
	for _, t := range sc.order {
		out = append(out, t.bucket())
		for _, r := range t.reducers {
			out = append(out, r.bucket)
		}
	}
	return out
}

// String is the schema as a person reads it: what every store derives from its journal; then a line per table with its
// class, the shape of its key and its type, and under it its derived tables with their versions. The parts of an index key
// (…) are as its function says. A golden test holds each service's schema against this text.
func (sc *Schema) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "journal v%d [position]\n", entryFormat)
	fmt.Fprintf(&b, "  %s v%d [text table, key, position descending, command descending]\n", bucketHistory, historyVersion)
	fmt.Fprintf(&b, "  %s v%d [text principal, text request id]\n", bucketOnce, onceVersion)
	for _, t := range sc.order {
		class := "record"
		if t.class == classCopy {
			class = "copy"
		}
		fmt.Fprintf(&b, "%s %s v%d [text]: %s\n", class, t.name, recordFormat, t.empty.ProtoReflect().Descriptor().FullName())
		for _, r := range t.reducers {
			shape := " [as its reducer says]"
			switch {
			case r.check != nil:
				shape = " [… text] unique"
			case strings.HasPrefix(r.bucket, "index/"):
				shape = " [… text]"
			}
			fmt.Fprintf(&b, "  %s v%d%s\n", r.bucket, r.version, shape)
		}
	}
	return b.String()
}

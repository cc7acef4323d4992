package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"coso/services/platform/access"
	"coso/services/platform/fault"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	historypb "coso/proto/gen/coso/history/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

const bucketHistory = "history"

func historyPrefix(table string, key Key) Key { return append(Text(table), key...) }

// historyVersion is the version of what noteHistory keeps.
const historyVersion = 1

// feedHistory rebuilds what one entry changed.
func (sc *Schema) feedHistory(w writing, _ *journalpb.Rebuild, raw []byte) error {
	e, err := readEntry(raw)
	if err != nil {
		return err
	}
	over := newOverlay(w)
	for i := range e.GetCommands() {
		if err := sc.noteHistory(over, e, i); err != nil {
			return err
		}
	}
	return over.flush(w)
}

// noteHistory remembers which records a command changed; of those that were put aside before, also where they lie.
// Copies have no history: their source has it.
func (sc *Schema) noteHistory(w writing, e *journalpb.Entry, number int) error {
	note := func(ch *journalpb.Change, place []byte) error {
		at := historyPrefix(ch.GetTable(), ch.GetKey()).Descending(e.GetPosition()).Descending(uint64(number)) //nolint:gosec // an index
		return w.put(bucketHistory, at, place)
	}
	c := e.GetCommands()[number]
	for _, ch := range c.GetChanges() {
		if spec := sc.tables[ch.GetTable()]; spec == nil || spec.class != classRecord {
			continue
		}
		if err := note(ch, nil); err != nil {
			return err
		}
	}
	if c.GetActivation() == nil {
		return nil
	}
	for row, err := range sc.finishIn(w, e, c.GetActivation()).rows(0) {
		if err != nil {
			return err
		}
		if err := note(row.change, row.place.bytes()); err != nil {
			return err
		}
	}
	return nil
}

// HistoryRequest is a request for the history of one resource.
type HistoryRequest interface {
	PageRequest
	GetName() string
}

// History answers who changed a record, when and what, newest first, a page at a time. NotFound if there is no such
// record; InvalidArgument for a page token of another query.
func (t *Table[T]) History(r Reader, req HistoryRequest) (*historypb.History, error) {
	if _, err := t.Get(r, req.GetName()); err != nil {
		return nil, err
	}
	if err := r.bounds().whole(bucketHistory); err != nil {
		return nil, err
	}
	prefix := historyPrefix(t.spec.name, Text(req.GetName()))
	p, err := openPage(r, req, "history/"+t.spec.name)
	if err != nil {
		return nil, err
	}
	out := &historypb.History{}
	defer func() { noteRows(r.context(), len(out.GetRevisions())) }()
	for k, place := range r.space().ascend(bucketHistory, prefix, p.start(prefix)) {
		if len(out.GetRevisions()) == p.size {
			out.NextPageToken = p.token(k)
			break
		}
		if err := r.context().Err(); err != nil {
			return nil, err
		}
		rev, err := t.revision(r, Key(k), place, prefix)
		if err != nil {
			return nil, err
		}
		out.Revisions = append(out.Revisions, rev)
	}
	return out, nil
}

// revision reads one change from the journal and holds it against the one before.
func (t *Table[T]) revision(r Reader, at Key, place []byte, prefix Key) (*historypb.Revision, error) {
	entry, cmd, rec, err := t.readChange(r, at, place, prefix)
	if err != nil {
		return nil, err
	}
	var before proto.Message = t.spec.empty
	for k, place := range r.space().ascend(bucketHistory, prefix, append(bytes.Clone(at), 0)) {
		if _, _, before, err = t.readChange(r, k, place, prefix); err != nil {
			return nil, err
		}
		break
	}
	changes, err := fieldChanges(before, rec)
	if err != nil {
		return nil, err
	}
	m := rec.ProtoReflect()
	return &historypb.Revision{
		Revision: m.Get(t.spec.meta.revision).Int(), Etag: m.Get(t.spec.meta.etag).String(),
		Position:   int64(entry.GetPosition()), //nolint:gosec // positions stay far below 2^63
		RecordTime: entry.GetMoment(), Principal: cmd.GetPrincipal(), OnBehalfOf: cmd.GetOnBehalfOf(),
		Method: cmd.GetMethod(), RequestId: cmd.GetRequestId(), Changes: changes,
	}, nil
}

func (t *Table[T]) readChange(r Reader, at Key, place []byte, prefix Key) (*journalpb.Entry, *journalpb.Command, proto.Message, error) {
	parts := at[len(prefix):].Split()
	position, ok := parts.Descending()
	number, ok2 := parts.Descending()
	if !ok || !ok2 {
		return nil, nil, nil, damaged("history key %x", []byte(at))
	}
	entry, err := entryAt(r.space(), position)
	if err != nil {
		return nil, nil, nil, err
	}
	if number >= uint64(len(entry.GetCommands())) {
		return nil, nil, nil, damaged("history points to command %d of entry %d", number, position)
	}
	cmd := entry.GetCommands()[number]
	if len(place) > 0 {
		rec, err := t.readStaged(r, entry, cmd, place)
		return entry, cmd, rec, err
	}
	key := prefix[len(Text(t.spec.name)):]
	i := slices.IndexFunc(cmd.GetChanges(), func(c *journalpb.Change) bool {
		return c.GetTable() == t.spec.name && bytes.Equal(c.GetKey(), key)
	})
	if i < 0 {
		return nil, nil, nil, damaged("history points to a change that entry %d does not hold", position)
	}
	rec, err := t.spec.decode(cmd.GetChanges()[i].GetValue())
	return entry, cmd, rec, err
}

// readStaged reads a record that an activation brought in.
func (t *Table[T]) readStaged(r Reader, e *journalpb.Entry, c *journalpb.Command, place []byte) (proto.Message, error) {
	p, ok := readRowPlace(place)
	if !ok || c.GetActivation() == nil {
		return nil, damaged("history points to a row that entry %d does not bring in", e.GetPosition())
	}
	row, err := r.bounds().schema.finishIn(r.space(), e, c.GetActivation()).at(p)
	if err != nil {
		return nil, err
	}
	return t.spec.decode(row.change.GetValue())
}

func entryAt(in reading, position uint64) (*journalpb.Entry, error) {
	raw := in.get(bucketJournal, positionKey(position))
	if raw == nil {
		return nil, damaged("the journal has no entry %d", position)
	}
	return readEntry(raw)
}

// bookkeeping are the fields that change with every revision and say nothing of their own.
var bookkeeping = map[protoreflect.Name]bool{"name": true, "revision": true, "etag": true, "create_time": true, "update_time": true}

// fieldChanges lists the top-level fields that differ, with their values as JSON shows them.
func fieldChanges(before, after proto.Message) ([]*historypb.FieldChange, error) {
	a, err := jsonFields(before)
	if err != nil {
		return nil, err
	}
	b, err := jsonFields(after)
	if err != nil {
		return nil, err
	}
	var out []*historypb.FieldChange
	fields := after.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		name := f.JSONName()
		if bookkeeping[f.Name()] || proto.Equal(a[name], b[name]) {
			continue
		}
		c := &historypb.FieldChange{Field: name, Before: a[name], After: b[name]}
		if personal(f) {
			c.Personal = new(true)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(x, y *historypb.FieldChange) int { return cmp.Compare(x.GetField(), y.GetField()) })
	return out, nil
}

// personal reports whether a field tells something of a person, itself or by what is in it.
func personal(f protoreflect.FieldDescriptor) bool {
	return access.Personal(f) || f.Message() != nil && access.ShowsPersonal(f.Message())
}

func jsonFields(m proto.Message) (map[string]*structpb.Value, error) {
	raw, err := protojson.Marshal(m)
	if err != nil {
		return nil, fault.Internal(fmt.Errorf("history: %w", err))
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fault.Internal(fmt.Errorf("history: %w", err))
	}
	out := make(map[string]*structpb.Value, len(fields))
	for k, v := range fields {
		if out[k], err = structpb.NewValue(v); err != nil {
			return nil, fault.Internal(fmt.Errorf("history: %w", err))
		}
	}
	return out, nil
}

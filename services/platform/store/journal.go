package store

import (
	"context"
	"crypto/sha256"
	"iter"
	"sort"
	"time"

	"github.com/google/uuid"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// Event is one change event as the journal holds it.
type Event struct {
	// Number counts the events of a journal: 1, 2, 3, … It is the sequence in the stream.
	Number uint64
	// Position and Hash are those of the entry that holds it.
	Position uint64
	Hash     [sha256.Size]byte
	// Incarnation is the journal's.
	Incarnation uuid.UUID
	// Moment is the entry's.
	Moment time.Time
	// Type is the full name of the event message, Data its bytes, Subject the resource it is about.
	Type    string
	Data    []byte
	Subject string
	// Traceparent is the trace context of the request, or empty.
	Traceparent string
	// Rest is how many events of the same entry follow.
	Rest uint64
}

// Events answers up to limit events from a number on, in order; none if the journal ends before.
func (s *Store) Events(ctx context.Context, from uint64, limit int) ([]Event, error) {
	return s.eventsUpTo(ctx, s.Head(), from, limit)
}

func (s *Store) eventsUpTo(ctx context.Context, head *journalpb.Head, from uint64, limit int) ([]Event, error) {
	var out []Event
	if from > head.GetEvents() || from == 0 {
		return nil, nil
	}
	err := s.db.View(func(in reading) error {
		position, err := entryOfEvent(in, head, from)
		if err != nil {
			return err
		}
		for ; position <= head.GetPosition() && len(out) < limit; position++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			if out, err = s.appendEvents(in, out, position, from, limit); err != nil {
				return err
			}
		}
		return nil
	})
	noteRows(ctx, len(out))
	return out, err
}

// EventsUpTo answers the number of the last event in an entry or before it; 0 if there is none.
func (s *Store) EventsUpTo(position uint64) (number uint64, err error) {
	err = s.db.View(func(in reading) error {
		e, err := entryAt(in, position)
		number = e.GetEventsBefore() + eventsIn(e)
		return err
	})
	return number, err
}

// entryOfEvent finds the entry that holds an event: the last one with fewer events before it.
func entryOfEvent(in reading, head *journalpb.Head, number uint64) (uint64, error) {
	var failed error
	n := sort.Search(int(head.GetPosition()), func(i int) bool { //nolint:gosec // positions stay far below 2^63
		e, err := entryAt(in, uint64(i)+1) //nolint:gosec // an index
		if err != nil {
			failed = err
			return true
		}
		return e.GetEventsBefore() >= number
	})
	return uint64(n), failed //nolint:gosec // an index
}

// appendEvents adds the events of an entry from a number on, up to limit in all.
func (s *Store) appendEvents(in reading, out []Event, position, from uint64, limit int) ([]Event, error) {
	raw := in.get(bucketJournal, positionKey(position))
	e, err := readEntry(raw)
	if err != nil {
		return nil, err
	}
	hash, last := sha256.Sum256(raw), e.GetEventsBefore()+eventsIn(e)
	for t, err := range s.schema.told(in, e, from) {
		if err != nil {
			return nil, err
		}
		if len(out) == limit {
			return out, nil
		}
		out = append(out, Event{
			Number: t.number, Position: position, Hash: hash, Incarnation: s.Incarnation(), Moment: e.GetMoment().AsTime(),
			Type: t.event.GetType(), Data: t.data, Subject: t.subject, Traceparent: t.command.GetTraceparent(),
			Rest: last - t.number,
		})
	}
	return out, nil
}

// told is one event of an entry.
type told struct {
	number  uint64
	command *journalpb.Command
	event   *journalpb.Event
	data    []byte
	subject string
}

// told walks the events of an entry from a number on: of each command its own, then those of the rows that it brings in.
func (sc *Schema) told(in reading, e *journalpb.Entry, from uint64) iter.Seq2[told, error] {
	return func(yield func(told, error) bool) {
		before := e.GetEventsBefore()
		for _, c := range e.GetCommands() {
			for i, ev := range c.GetEvents() {
				t := told{number: before + uint64(i) + 1, command: c, event: ev}
				if t.number < from {
					continue
				}
				var err error
				if t.data, t.subject, err = eventData(c, ev); !yield(t, err) || err != nil {
					return
				}
			}
			before += uint64(len(c.GetEvents()))
			if c.GetActivation() != nil && !sc.toldByRows(in, e, c, before, from, yield) {
				return
			}
			before += c.GetActivation().GetRows()
		}
	}
}

// toldByRows walks the events of the rows that a command brings in, of which the first comes behind event before.
func (sc *Schema) toldByRows(in reading, e *journalpb.Entry, c *journalpb.Command, before, from uint64, yield func(told, error) bool) bool {
	skip := uint64(0)
	if from > before+1 {
		skip = from - before - 1
	}
	t := told{number: before + skip, command: c}
	for row, err := range sc.finishIn(in, e, c.GetActivation()).rows(skip) {
		t.number++
		if err == nil {
			t.event = row.event
			t.data, t.subject, err = pointedData(row.change, row.event)
		}
		if !yield(t, err) || err != nil {
			return false
		}
	}
	return true
}

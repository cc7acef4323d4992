package check

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// most is how many violations of one kind are listed; all are counted.
const most = 5

// Violations are what is wrong with a history.
type Violations []string

// add notes violations of one kind, the first few in full.
func (v *Violations) add(kind string, found []string) {
	for i, one := range found {
		if i == most {
			*v = append(*v, fmt.Sprintf("%s: and %d more", kind, len(found)-most))
			return
		}
		*v = append(*v, kind+": "+one)
	}
}

// Check answers everything that is wrong with a history; none: it is good. within bounds the search for an order of the operations
// on one record; without an answer in that time it is a violation too, since nothing was shown.
func Check(h History, within time.Duration) Violations {
	var v Violations
	v.add("journal", chain(h.Journal))
	v.add("copies", copies(h))
	v.add("replicas", same(h))
	x := index(h)
	v.add("journal", x.unread)
	v.add("acknowledged", x.acknowledged())
	v.add("once", x.once())
	v.add("real time", x.realTime())
	v.add("reads", x.reads())
	v.add("refusals", x.refusals())
	v.add("linearizable", x.linearizable(within))
	v.add("feed", feed(h))
	return v
}

// chain holds each entry of the journal against the one before.
func chain(journal []Entry) (wrong []string) {
	var events uint64
	for i, e := range journal {
		want := make([]byte, len(e.Hash))
		if i > 0 {
			want = journal[i-1].Hash[:]
		}
		place := uint64(i) + 1
		switch {
		case e.GetPosition() != place:
			wrong = append(wrong, fmt.Sprintf("place %d holds entry %d", place, e.GetPosition()))
		case !bytes.Equal(e.GetPreviousHash(), want):
			wrong = append(wrong, fmt.Sprintf("entry %d does not carry the hash of the one before", place))
		case e.GetEventsBefore() != events:
			wrong = append(wrong, fmt.Sprintf("entry %d counts %d events before it, there are %d", place, e.GetEventsBefore(), events))
		case i > 0 && !e.GetMoment().AsTime().After(journal[i-1].GetMoment().AsTime()):
			wrong = append(wrong, fmt.Sprintf("entry %d is not later than the one before", place))
		}
		events += eventsIn(e)
	}
	return wrong
}

func eventsIn(e Entry) (n uint64) {
	for _, c := range e.GetCommands() {
		n += uint64(len(c.GetEvents()))
	}
	return n
}

// same holds what the replicas hold against the journal and against each other.
func same(h History) (wrong []string) {
	if len(h.Replicas) == 0 {
		return []string{"none was looked at"}
	}
	for _, r := range h.Replicas {
		wrong = append(wrong, differs(r.Name, r.Hashes, h.Journal)...)
		switch first := h.Replicas[0]; {
		case len(r.Digest) == 0:
			wrong = append(wrong, r.Name+" does not know the digest of its state")
		case len(first.Digest) > 0 && !bytes.Equal(r.Digest, first.Digest):
			wrong = append(wrong, fmt.Sprintf("%s and %s differ in the digest of their state: %x, %x", r.Name, first.Name, r.Digest[:4], first.Digest[:4]))
		}
	}
	return wrong
}

// differs holds the entries that somebody has, by their hashes, against the journal.
func differs(name string, hashes [][sha256.Size]byte, journal []Entry) (wrong []string) {
	if len(hashes) != len(journal) {
		wrong = append(wrong, fmt.Sprintf("%s holds %d entries, the log %d", name, len(hashes), len(journal)))
	}
	for i := range min(len(hashes), len(journal)) {
		if hashes[i] != journal[i].Hash {
			return append(wrong, fmt.Sprintf("%s holds another entry %d than the log", name, i+1))
		}
	}
	return wrong
}

// copies holds the servers' copies of the log against what the log is.
func copies(h History) (wrong []string) {
	for _, c := range h.Copies {
		wrong = append(wrong, differs(c.Name, c.Hashes, h.Journal)...)
	}
	return wrong
}

// acknowledged looks for every acknowledged write: it is in the journal, and the answer shows the record as it was at the position
// that it carries. That is the write's own or, where a request was repeated by the client or between replicas, a later one.
func (x *indexed) acknowledged() (wrong []string) {
	for _, o := range x.h.Ops {
		if o.Kind == Read || o.Outcome != Done {
			continue
		}
		found := x.commands[o.RequestID]
		switch {
		case len(found) == 0:
			wrong = append(wrong, fmt.Sprintf("%s of %s (%s), acknowledged at %d, is in no entry", o.Kind, o.Record, o.RequestID, o.Position))
		case o.Position < found[0].position || o.Position > uint64(len(x.h.Journal)):
			wrong = append(wrong, fmt.Sprintf("%s of %s (%s), acknowledged at %d, is in entry %d of %d", o.Kind, o.Record, o.RequestID, o.Position, found[0].position, len(x.h.Journal)))
		case found[0].row.Value != o.Value || found[0].record != o.Record:
			wrong = append(wrong, fmt.Sprintf("%s of %s to %q (%s) wrote %q to %s", o.Kind, o.Record, o.Value, o.RequestID, found[0].row.Value, found[0].record))
		case o.Got.Revision < found[0].row.Revision || !slices.Contains(x.during(o.Record, o.Position), o.Got):
			wrong = append(wrong, fmt.Sprintf("%s of %s (%s) answered %v at %d and wrote %v", o.Kind, o.Record, o.RequestID, o.Got, o.Position, found[0].row))
		}
	}
	return wrong
}

// once counts the commands of each request.
func (x *indexed) once() (wrong []string) {
	asked := map[string]bool{}
	for _, o := range x.h.Ops {
		asked[o.RequestID] = true
		n := len(x.commands[o.RequestID])
		switch {
		case n > 1:
			wrong = append(wrong, fmt.Sprintf("%s has %d commands, the second in entry %d", o.RequestID, n, x.commands[o.RequestID][1].position))
		case n > 0 && o.Outcome != Done && o.Outcome != Unknown:
			wrong = append(wrong, fmt.Sprintf("%s was refused (%s) and is in entry %d", o.RequestID, o.Outcome, x.commands[o.RequestID][0].position))
		}
	}
	for id, found := range x.commands {
		if !asked[id] {
			wrong = append(wrong, fmt.Sprintf("entry %d holds a command that nobody asked for (%q)", found[0].position, id))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// realTime looks for writes that stand before others that had been answered when they were sent.
func (x *indexed) realTime() (wrong []string) {
	type landed struct {
		op       Op
		position uint64
	}
	var sent []landed
	for _, o := range x.h.Ops {
		if found := x.commands[o.RequestID]; o.Kind != Read && len(found) > 0 {
			sent = append(sent, landed{o, found[0].position})
		}
	}
	answered := slices.DeleteFunc(slices.Clone(sent), func(l landed) bool { return l.op.Outcome != Done })
	slices.SortFunc(sent, func(a, b landed) int { return int(a.op.Sent - b.op.Sent) })
	slices.SortFunc(answered, func(a, b landed) int { return int(a.op.Answered - b.op.Answered) })
	var last landed
	for _, s := range sent {
		for ; len(answered) > 0 && answered[0].op.Answered < s.op.Sent; answered = answered[1:] {
			if answered[0].position > last.position {
				last = answered[0]
			}
		}
		if s.position <= last.position {
			wrong = append(wrong, fmt.Sprintf("%s, sent at %s, is in entry %d; %s, answered at %s, is in entry %d",
				s.op.RequestID, s.op.Sent, s.position, last.op.RequestID, last.op.Answered, last.position))
		}
	}
	return wrong
}

// feed holds the events of the stream against those of the journal.
func feed(h History) (wrong []string) {
	var want []Message
	for _, e := range h.Journal {
		for _, c := range e.GetCommands() {
			for _, ev := range c.GetEvents() {
				n := uint64(len(want)) + 1
				want = append(want, Message{Sequence: n, ID: eventID(h.Journal, n), Type: ev.GetType(), Position: e.GetPosition(), Hash: e.Hash, Body: said(c, ev)})
			}
		}
	}
	for i := range max(len(want), len(h.Feed)) {
		switch {
		case i >= len(h.Feed):
			return append(wrong, fmt.Sprintf("it ends with message %d, the journal has %d events", len(h.Feed), len(want)))
		case i >= len(want):
			return append(wrong, fmt.Sprintf("it has %d messages, the journal %d events", len(h.Feed), len(want)))
		case h.Feed[i].Body != want[i].Body:
			wrong = append(wrong, fmt.Sprintf("message %d does not say what its event in entry %d does", i+1, want[i].Position))
		case h.Feed[i] != want[i]:
			wrong = append(wrong, fmt.Sprintf("message %d is %s %s of entry %d in place %d, the journal's event is %s %s of entry %d",
				i+1, h.Feed[i].Type, h.Feed[i].ID, h.Feed[i].Position, h.Feed[i].Sequence, want[i].Type, want[i].ID, want[i].Position))
		}
	}
	return wrong
}

// said is the hash over what an event says: its own bytes and, if it points to a change, the record after it as one more field.
func said(c *journalpb.Command, e *journalpb.Event) [sha256.Size]byte {
	body := slices.Clone(e.GetData())
	if n := e.GetChange(); n > 0 && int(n) <= len(c.GetChanges()) {
		record := c.GetChanges()[n-1].GetValue()
		body = protowire.AppendTag(body, protowire.Number(e.GetField()), protowire.BytesType)
		body = protowire.AppendBytes(body, record[min(1, len(record)):]) // the first byte is the form's version
	}
	return sha256.Sum256(body)
}

// eventID is the id of an event: the journal, which is that of its last entry, and the event's number.
func eventID(journal []Entry, number uint64) string {
	in := journal[len(journal)-1].GetIncarnation()
	if len(in) != 16 {
		return fmt.Sprintf("%x/%d", in, number)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x/%d", in[:4], in[4:6], in[6:8], in[8:10], in[10:], number)
}

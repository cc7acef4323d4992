package check

import (
	"fmt"
	"sort"

	"google.golang.org/protobuf/proto"

	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// command is what a command of the journal did to a record.
type command struct {
	position uint64
	record   string
	row      Row
}

// indexed is a history with its journal by request and by record.
type indexed struct {
	h History
	// commands are those of the clients, by request id, in order.
	commands map[string][]command
	// states are what became of each record, in order.
	states map[string][]command
	// unread are the entries that make no sense.
	unread []string
}

func index(h History) *indexed {
	x := &indexed{h: h, commands: map[string][]command{}, states: map[string][]command{}}
	for i, e := range h.Journal {
		for _, c := range e.GetCommands() {
			for _, change := range c.GetChanges() {
				if change.GetTable() == h.Table {
					x.take(uint64(i)+1, c, change) // where it stands, whatever it says
				}
			}
		}
	}
	return x
}

func (x *indexed) take(position uint64, c *journalpb.Command, change *journalpb.Change) {
	u := &registrypb.Unit{}
	if value := change.GetValue(); len(value) == 0 || proto.Unmarshal(value[1:], u) != nil { // the first byte is the form's version
		x.unread = append(x.unread, fmt.Sprintf("entry %d changes a record that cannot be read", position))
		return
	}
	made := command{position: position, record: u.GetName(), row: Row{Value: u.GetDisplayName(), Revision: u.GetRevision()}}
	x.states[made.record] = append(x.states[made.record], made)
	if c.GetPrincipal() == x.h.Principal {
		x.commands[c.GetRequestId()] = append(x.commands[c.GetRequestId()], made)
	}
}

// at is a record after the entry at a position. Several commands of one entry may change it: the last counts.
func (x *indexed) at(record string, position uint64) (Row, bool) {
	all := x.states[record]
	n := sort.Search(len(all), func(i int) bool { return all[i].position > position })
	if n == 0 {
		return Row{}, false
	}
	return all[n-1].row, true
}

// during are a record's states before the entry at a position and while it was made: several commands may share it, and what is answered
// for one shows nothing of those behind it.
func (x *indexed) during(record string, position uint64) (rows []Row) {
	if before, there := x.at(record, position-1); there {
		rows = append(rows, before)
	}
	for _, c := range x.states[record] {
		if c.position == position {
			rows = append(rows, c.row)
		}
	}
	return rows
}

// refusals holds the refused writes against the journal at the positions that they carry: what they were refused for is there.
func (x *indexed) refusals() (wrong []string) {
	for _, o := range x.h.Ops {
		if o.Kind == Read || o.Outcome == Done || o.Outcome == Unknown {
			continue
		}
		row, there := x.at(o.Record, o.Position)
		_, before := x.at(o.Record, o.Position-min(o.Position, 1))
		switch {
		case o.Position == 0 || o.Position > uint64(len(x.h.Journal)):
			wrong = append(wrong, fmt.Sprintf("%s of %s (%s) is refused at %d, the journal ends at %d", o.Kind, o.Record, o.RequestID, o.Position, len(x.h.Journal)))
		case o.Outcome == Missing && before:
			wrong = append(wrong, fmt.Sprintf("%s of %s (%s) is refused at %d as missing, where it is", o.Kind, o.Record, o.RequestID, o.Position))
		case o.Outcome != Missing && !there:
			wrong = append(wrong, fmt.Sprintf("%s of %s (%s) is refused as %s at %d, where it is not", o.Kind, o.Record, o.RequestID, o.Outcome, o.Position))
		case o.Outcome == Stale && row.Revision <= o.Revision:
			wrong = append(wrong, fmt.Sprintf("%s of %s (%s) of revision %d is refused as stale at %d, where it has %d", o.Kind, o.Record, o.RequestID, o.Revision, o.Position, row.Revision))
		}
	}
	return wrong
}

// reads holds what was read, or not found, against the journal at the position that the answer carries.
func (x *indexed) reads() (wrong []string) {
	for _, o := range x.h.Ops {
		if o.Kind != Read {
			continue
		}
		row, there := x.at(o.Record, o.Position)
		switch {
		case o.Outcome == Unknown:
		case o.Outcome == Exists || o.Outcome == Stale:
			wrong = append(wrong, fmt.Sprintf("a read of %s is refused as %s", o.Record, o.Outcome))
		case o.Position < o.AtLeast:
			wrong = append(wrong, fmt.Sprintf("%s was read at %d, %d was asked for", o.Record, o.Position, o.AtLeast))
		case o.Position == 0 || o.Position > uint64(len(x.h.Journal)):
			wrong = append(wrong, fmt.Sprintf("%s was read at %d, the journal ends at %d", o.Record, o.Position, len(x.h.Journal)))
		case o.Outcome == Missing && there:
			wrong = append(wrong, fmt.Sprintf("%s is missing at %d, where it is", o.Record, o.Position))
		case o.Outcome == Done && (!there || row != o.Got):
			wrong = append(wrong, fmt.Sprintf("%s was read at %d as %v, there it is %v", o.Record, o.Position, o.Got, row))
		}
	}
	return wrong
}

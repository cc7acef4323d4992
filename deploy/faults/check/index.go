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

// reads holds what was read against the journal.
func (x *indexed) reads() (wrong []string) {
	for _, o := range x.h.Ops {
		if o.Kind != Read {
			continue
		}
		switch o.Outcome {
		case Done:
			row, there := x.at(o.Record, o.Position)
			switch {
			case o.Position < o.AtLeast:
				wrong = append(wrong, fmt.Sprintf("%s was read at %d, %d was asked for", o.Record, o.Position, o.AtLeast))
			case o.Position > uint64(len(x.h.Journal)):
				wrong = append(wrong, fmt.Sprintf("%s was read at %d, the journal ends at %d", o.Record, o.Position, len(x.h.Journal)))
			case !there || row != o.Got:
				wrong = append(wrong, fmt.Sprintf("%s was read at %d as %v, there it is %v", o.Record, o.Position, o.Got, row))
			}
		case Missing:
			if _, there := x.at(o.Record, o.AtLeast); there {
				wrong = append(wrong, fmt.Sprintf("%s is missing for one who asked for position %d, where it is", o.Record, o.AtLeast))
			}
		case Unknown:
		case Exists, Stale:
			wrong = append(wrong, fmt.Sprintf("a read of %s is refused as %s", o.Record, o.Outcome))
		}
	}
	return wrong
}

package check

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

const (
	somebody = "principals/admin"
	table    = "units"
	unitA    = "units/a"
	unitB    = "units/b"
	limit    = 10 * time.Second
	// incarnation is the journal's.
	incarnation = "0198f0c2-0001-7002-8003-000400050006"
)

// told are the parts of a history, before it is sealed: changing them makes another history.
type told struct {
	ops []Op
	// entries are the commands of each entry.
	entries [][]*journalpb.Command
	// after changes the sealed history.
	after func(*History)
}

// wrote is a command that sets a record and tells it.
func wrote(id, record, value string, revision int64) *journalpb.Command {
	raw, err := proto.Marshal(&registrypb.Unit{Name: record, DisplayName: value, Revision: revision})
	if err != nil {
		panic(err)
	}
	return &journalpb.Command{
		Principal: somebody, RequestId: id, Changes: []*journalpb.Change{{Table: table, Key: []byte(record), Value: append([]byte{1}, raw...)}},
		Events: []*journalpb.Event{{Type: "coso.registry.v1.UnitCreated", Change: 1, Field: 1}},
	}
}

// op is a request that was sent and answered at moments.
func op(kind Kind, id, record, value string, revision int64, sent, answered time.Duration, outcome Outcome, position uint64) Op {
	o := Op{Kind: kind, RequestID: id, Record: record, Value: value, Revision: revision, Sent: sent, Answered: answered, Tries: 1, Outcome: outcome}
	if o.Position = position; outcome == Done {
		o.Got = Row{Value: value, Revision: revision + 1}
	}
	return o
}

// good is a history in which nothing is wrong, with something of everything: writes that were repeated and are answered as
// they are now, refusals, a write whose outcome nobody knows, two commands in one entry, an entry without any.
func good() told {
	retried := op(Update, "w3", unitA, "a3", 2, 50, 90, Done, 6)
	retried.Tries = 3
	replayed := op(Create, "w4", unitB, "b1", 0, 31, 96, Done, 6)
	replayed.Got = Row{"b2", 2} // by the replicas among themselves: the client has sent it once
	read := op(Read, "r1", unitA, "", 0, 45, 46, Done, 0)
	read.Position, read.AtLeast, read.Got = 3, 2, Row{"a2", 2}
	return told{
		ops: []Op{
			op(Create, "w1", unitA, "a1", 0, 10, 20, Done, 2),
			op(Create, "x1", unitA, "other", 0, 12, 22, Exists, 2),
			op(Update, "w2", unitA, "a2", 1, 30, 40, Done, 3),
			replayed,
			op(Update, "x2", unitA, "stale", 1, 42, 44, Stale, 3),
			read,
			op(Read, "r2", "units/none", "", 0, 47, 48, Missing, 3),
			op(Update, "x3", "units/none", "missing", 1, 47, 48, Missing, 3),
			retried,
			op(Update, "w5", unitB, "b2", 1, 60, 0, Unknown, 0),
			op(Update, "w6", unitB, "never", 1, 60, 0, Unknown, 0),
		},
		entries: [][]*journalpb.Command{
			{{Principal: "services/registry", Method: "first"}},
			{wrote("w1", unitA, "a1", 1)},
			{wrote("w2", unitA, "a2", 2), wrote("w4", unitB, "b1", 1)},
			{},
			{wrote("w3", unitA, "a3", 3)},
			{wrote("w5", unitB, "b2", 2)},
		},
	}
}

// history seals the journal, gives it to three replicas and its events to the stream.
func (s told) history(t *testing.T) History {
	t.Helper()
	h := History{Ops: s.ops, Principal: somebody, Table: table}
	previous, events := make([]byte, sha256.Size), uint64(0)
	journal := []byte{0x01, 0x98, 0xf0, 0xc2, 0x00, 0x01, 0x70, 0x02, 0x80, 0x03, 0x00, 0x04, 0x00, 0x05, 0x00, 0x06}
	for i, commands := range s.entries {
		e := &journalpb.Entry{
			Format: 1, Incarnation: journal, Position: uint64(i) + 1, PreviousHash: previous, Commands: commands, EventsBefore: events,
			Moment: timestamppb.New(time.Unix(int64(i), 0)),
		}
		raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		sealed := Entry{Entry: e, Hash: sha256.Sum256(raw)}
		h.Journal = append(h.Journal, sealed)
		for _, c := range commands {
			for _, ev := range c.GetEvents() {
				events++
				h.Feed = append(h.Feed, Message{
					Sequence: events, ID: fmt.Sprintf("%s/%d", incarnation, events), Type: ev.GetType(), Position: e.GetPosition(),
					Hash: sealed.Hash, Body: created(t, c),
				})
			}
		}
		previous = sealed.Hash[:]
	}
	for i := range 3 {
		r := Replica{Name: fmt.Sprintf("r%d", i+1), Digest: []byte("the state's digest")}
		for _, e := range h.Journal {
			r.Hashes = append(r.Hashes, e.Hash)
		}
		h.Replicas = append(h.Replicas, r)
		h.Copies = append(h.Copies, Copy{Name: fmt.Sprintf("n%d", i+1), Hashes: slices.Clone(r.Hashes)})
	}
	if s.after != nil {
		s.after(&h)
	}
	return h
}

// created is the hash over the event that tells what a command has made, as its message is.
func created(t *testing.T, c *journalpb.Command) [sha256.Size]byte {
	t.Helper()
	u := &registrypb.Unit{}
	err := proto.Unmarshal(c.GetChanges()[0].GetValue()[1:], u)
	raw, err2 := proto.Marshal(&registrypb.UnitCreated{Unit: u})
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(raw)
}

func TestAGoodHistoryIsGood(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*told)
	}{
		{"as it is", func(*told) {}},
		{"an entry changes a record twice, and an answer shows what was between", func(s *told) {
			s.entries[5] = append(s.entries[5], wrote("w7", unitB, "b3", 3))
			s.ops = append(s.ops, op(Update, "w7", unitB, "b3", 2, 60, 97, Done, 6))
		}},
		{"an entry makes a record after a command was refused for want of it", func(s *told) {
			s.entries[5] = append(s.entries[5], wrote("w7", "units/none", "late", 1))
			s.ops[7].Position, s.ops[7].Answered = 6, 97
			s.ops = append(s.ops, op(Create, "w7", "units/none", "late", 0, 60, 97, Done, 6))
		}},
	} {
		s := good()
		tt.change(&s)
		if wrong := Check(s.history(t), limit); len(wrong) > 0 {
			t.Errorf("%s: it is found wrong: %q", tt.name, wrong)
		}
	}
}

// Each bad history differs from the good one in one thing, and is found by the check that is there for it.
func TestBadHistoriesAreFound(t *testing.T) {
	tests := []struct {
		name string
		bad  func(*told)
		want string
	}{
		{"an acknowledged write is lost", func(s *told) { s.entries[4] = nil }, "acknowledged: update of units/a (w3)"},
		{"an acknowledged write is elsewhere", func(s *told) { s.ops[2].Position = 2 }, "acknowledged: update of units/a (w2), acknowledged at 2, is in entry 3"},
		{"a write is acknowledged at a position that never was", func(s *told) { s.ops[2].Position = 7 }, "acknowledged: update of units/a (w2), acknowledged at 7, is in entry 3 of 6"},
		{"a repeated write shows another state than that of its position", func(s *told) { s.ops[3].Position = 5 }, "acknowledged: create of units/b (w4) answered {b2 2} at 5"},
		{"a repeated write shows what was before it", func(s *told) { s.ops[8].Got = Row{"a2", 2} }, "acknowledged: update of units/a (w3) answered {a2 2}"},
		{"another value was written", func(s *told) { s.entries[4] = []*journalpb.Command{wrote("w3", unitA, "else", 3)} }, "acknowledged: update of units/a to"},
		{"another record was written", func(s *told) { s.entries[5] = []*journalpb.Command{wrote("w3", unitB, "a3", 2)}; s.entries[4] = nil }, "acknowledged:"},
		{"the answer shows what was not written", func(s *told) { s.ops[0].Got.Revision = 7 }, "acknowledged: create of units/a (w1) answered"},
		{"a request took effect twice", func(s *told) { s.entries[5] = []*journalpb.Command{wrote("w3", unitA, "a3", 4)} }, "once: w3 has 2 commands"},
		{"a refused request took effect", func(s *told) { s.entries[3] = []*journalpb.Command{wrote("x2", unitA, "stale", 3)} }, "once: x2 was refused"},
		{"nobody asked for a command", func(s *told) { s.entries[3] = []*journalpb.Command{wrote("ghost", unitB, "?", 2)} }, "once: entry 4 holds a command that nobody asked for"},
		{"a later write stands before an earlier one", func(s *told) {
			s.ops[2].Sent, s.ops[2].Answered, s.ops[8].Sent = 91, 95, 25
			s.ops[3].Sent, s.ops[3].Answered = 91, 95
		}, "real time: w2"},
		{"a landed write without an answer stands before one that was answered", func(s *told) {
			s.ops[9].Sent = 95
			s.entries[4], s.entries[5] = s.entries[5], s.entries[4]
			s.ops[8].Position = 6
		}, "real time: w5"},
		{"a read is older than asked for", func(s *told) { s.ops[5].AtLeast = 4 }, "reads: units/a was read at 3, 4 was asked for"},
		{"a read shows another state than that of its position", func(s *told) { s.ops[5].Position = 2; s.ops[5].AtLeast = 0 }, "reads: units/a was read at 2 as"},
		{"a read is of a position that never was", func(s *told) { s.ops[5].Position = 9 }, "reads: units/a was read at 9, the journal ends at 6"},
		{"a record is missing where it is", func(s *told) { s.ops[6].Record = unitA }, "reads: units/a is missing at 3"},
		{"a record is missing before what the caller had seen", func(s *told) { s.ops[6].Record, s.ops[6].Position, s.ops[6].AtLeast = unitA, 1, 2 }, "reads: units/a was read at 1, 2 was asked for"},
		{"a record is missing nobody knows where", func(s *told) { s.ops[6].Position = 0 }, "reads: units/none was read at 0"},
		{"a read is refused as a write would be", func(s *told) { s.ops[6].Outcome = Stale }, "reads: a read of units/none is refused as stale"},
		{"a refusal says that a record is there before it was", func(s *told) { s.ops[1].Position = 1 }, "refusals: create of units/a (x1) is refused as exists at 1, where it is not"},
		{"a refusal says that a revision is old where it is the last", func(s *told) { s.ops[4].Position = 2 }, "refusals: update of units/a (x2) of revision 1 is refused as stale at 2, where it has 1"},
		{"a refusal says that a record is missing where it is", func(s *told) { s.ops[7].Record, s.ops[7].Position = unitA, 3 }, "refusals: update of units/a (x3) is refused at 3 as missing"},
		{"a refusal is of a position that never was", func(s *told) { s.ops[4].Position = 7 }, "refusals: update of units/a (x2) is refused at 7, the journal ends at 6"},
		{"a refusal carries no position", func(s *told) { s.ops[1].Position = 0 }, "refusals: create of units/a (x1) is refused at 0"},
		{"a refusal of one that saw an older state", func(s *told) { s.ops[4].Revision = 2 }, "linearizable: units/a"},
		{"a refusal for a record that is not there yet", func(s *told) { s.ops[1].Sent, s.ops[1].Answered = 1, 2 }, "linearizable: units/a"},
		{"a refusal for a record that is there long since", func(s *told) { s.ops[7].Record, s.ops[7].Revision = unitA, 1 }, "linearizable: units/a"},
		{"two updates rest on one revision", func(s *told) { s.ops[8].Revision = 1 }, "linearizable: units/a"},
		{"the journal has a hole", func(s *told) {
			s.after = func(h *History) { h.Journal = slices.Delete(h.Journal, 3, 4) }
		}, "journal: place 4 holds entry 5"},
		{"an entry stands elsewhere than it says", func(s *told) {
			s.after = func(h *History) { h.Journal = slices.Insert(h.Journal, 4, h.Journal[3]) }
		}, "journal: place 5 holds entry 4"},
		{"the journal was forked", func(s *told) {
			s.after = func(h *History) { h.Journal[3].Hash[0]++ }
		}, "journal: entry 5 does not carry the hash"},
		{"the journal's time goes back", func(s *told) {
			s.after = func(h *History) { h.Journal[3].Moment = h.Journal[1].Moment }
		}, "journal: entry 4 is not later"},
		{"events are counted wrongly", func(s *told) {
			s.after = func(h *History) { h.Journal[3].EventsBefore++ }
		}, "journal: entry 4 counts 4 events before it, there are 3"},
		{"a record cannot be read", func(s *told) { s.entries[3] = []*journalpb.Command{{Changes: []*journalpb.Change{{Table: table}}}} }, "journal: entry 4 changes a record that cannot be read"},
		{"a server's copy of the log holds another entry", func(s *told) {
			s.after = func(h *History) { h.Copies[1].Hashes[2][0]++ }
		}, "copies: n2 holds another entry 3 than the log"},
		{"a server's copy of the log ends before", func(s *told) {
			s.after = func(h *History) { h.Copies[2].Hashes = h.Copies[2].Hashes[:5] }
		}, "copies: n3 holds 5 entries, the log 6"},
		{"a replica holds another entry", func(s *told) {
			s.after = func(h *History) { h.Replicas[1].Hashes[2][0]++ }
		}, "replicas: r2 holds another entry 3"},
		{"a replica is behind", func(s *told) {
			s.after = func(h *History) { h.Replicas[2].Hashes = h.Replicas[2].Hashes[:5] }
		}, "replicas: r3 holds 5 entries, the log 6"},
		{"digests differ", func(s *told) {
			s.after = func(h *History) { h.Replicas[2].Digest = []byte("another state") }
		}, "replicas: r3 and r1 differ in the digest"},
		{"a digest is not known", func(s *told) {
			s.after = func(h *History) { h.Replicas[0].Digest = nil }
		}, "replicas: r1 does not know the digest"},
		{"no replica was looked at", func(s *told) {
			s.after = func(h *History) { h.Replicas = nil }
		}, "replicas: none was looked at"},
		{"an event is missing at the end", func(s *told) {
			s.after = func(h *History) { h.Feed = h.Feed[:3] }
		}, "feed: it ends with message 3, the journal has 5 events"},
		{"an event is missing in the middle", func(s *told) {
			s.after = func(h *History) { h.Feed = slices.Delete(h.Feed, 1, 2) }
		}, "feed: message 2"},
		{"an event is told twice", func(s *told) {
			s.after = func(h *History) { h.Feed = append(h.Feed, h.Feed[4]) }
		}, "feed: it has 6 messages, the journal 5 events"},
		{"events are in another order", func(s *told) {
			s.after = func(h *History) { h.Feed[0], h.Feed[1] = h.Feed[1], h.Feed[0] }
		}, "feed: message 1"},
		{"an event has another number", func(s *told) {
			s.after = func(h *History) { h.Feed[0].ID = h.Feed[1].ID }
		}, "feed: message 1"},
		{"an event says something else", func(s *told) {
			s.after = func(h *History) { h.Feed[0].Body[0]++ }
		}, "feed: message 1 does not say what its event in entry 2 does"},
		{"an event is of another entry", func(s *told) {
			s.after = func(h *History) { h.Feed[0].Hash[0]++ }
		}, "feed: message 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := good()
			tt.bad(&s)
			wrong := Check(s.history(t), limit)
			if !slices.ContainsFunc(wrong, func(w string) bool { return strings.HasPrefix(w, tt.want) }) {
				t.Errorf("found: %q, want one that begins with %q", wrong, tt.want)
			}
		})
	}
}

// What is wrong many times is told a few times and counted.
func TestViolationsAreCounted(t *testing.T) {
	s := good()
	for i := range 9 {
		s.ops = append(s.ops, op(Create, fmt.Sprintf("lost%d", i), fmt.Sprintf("units/lost%d", i), "x", 0, 100, 110, Done, 6))
	}
	wrong := Check(s.history(t), limit)
	if len(wrong) != 6 || wrong[5] != "acknowledged: and 4 more" {
		t.Errorf("found %q", wrong)
	}
}

package check

import (
	"crypto/sha256"
	"time"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// Kind is what a client asks for.
type Kind int

// What clients ask for.
const (
	// Create makes a record; it must not be there.
	Create Kind = iota
	// Update changes a record whose revision is the one asked for.
	Update
	// Read shows a record.
	Read
)

// String is the word for it.
func (k Kind) String() string { return [...]string{"create", "update", "read"}[k] }

// Outcome is what a client knows in the end.
type Outcome int

// What a client may know.
const (
	// Unknown: no answer that says what has come of it.
	Unknown Outcome = iota
	// Done: the write took effect, the read was answered.
	Done
	// Exists: refused, the record is there already.
	Exists
	// Stale: refused, the record has another revision.
	Stale
	// Missing: refused, there is no such record.
	Missing
)

// String is the word for it.
func (o Outcome) String() string {
	return [...]string{"unknown", "done", "exists", "stale", "missing"}[o]
}

// Row is a record as it was shown.
type Row struct {
	Value    string
	Revision int64
}

// Op is one request, however often it was sent.
type Op struct {
	Kind Kind
	// Record is the name of the record, Value what is written, Revision the one that an update rests on.
	Record, Value string
	Revision      int64
	// RequestID is the same in every try.
	RequestID string
	// AtLeast is the position that a read must have reached; 0: any.
	AtLeast uint64
	// Sent is when it was first sent and Answered when its outcome was known, since the beginning of the run.
	Sent, Answered time.Duration
	// Tries is how often it was sent.
	Tries   int
	Outcome Outcome
	// Position is what the answer carried, a refusal too; Got is the record that it showed, only for Done.
	Position uint64
	Got      Row
}

// Entry is an entry of the journal with the hash over its bytes.
type Entry struct {
	*journalpb.Entry

	Hash [sha256.Size]byte
}

// Replica is what one replica holds in the end.
type Replica struct {
	Name string
	// Hashes are those of its entries, in order.
	Hashes [][sha256.Size]byte
	// Digest is that of its state; empty: it does not know it.
	Digest []byte
}

// Copy is what one server's copy of the log holds in the end.
type Copy struct {
	Name string
	// Hashes are those of its entries, in order.
	Hashes [][sha256.Size]byte
}

// Message is a message of the stream of events.
type Message struct {
	// Sequence is its place in the stream.
	Sequence uint64
	// ID, Type, Position and Hash are what its headers say: the event's id (journal and number) and type, and the entry that holds it.
	ID, Type string
	Position uint64
	Hash     [sha256.Size]byte
	// Body is the hash over what it says.
	Body [sha256.Size]byte
}

// History is what came of a run.
type History struct {
	Ops []Op
	// Journal is what the log holds, Copies what each server's copy of it does: all servers or, where they cannot be asked, none.
	Journal  []Entry
	Copies   []Copy
	Replicas []Replica
	Feed     []Message
	// Principal is who asked for the Ops; Table is where their records are.
	Principal, Table string
}

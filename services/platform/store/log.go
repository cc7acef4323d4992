package store

import (
	"context"
	"errors"
	"iter"

	"github.com/google/uuid"
)

// Outcomes of asking a Log, beside success; tell them apart with errors.Is.
var (
	// ErrConflict: another entry has the place, or had it offered. It may be this very entry, sent before.
	ErrConflict = errors.New("the log has given the place away")
	// ErrUnknown: no answer. What was sent may have got its place, may get it later, or never.
	ErrUnknown = errors.New("the log did not answer")
	// ErrNothing: the one who was asked knows of no entry there. It proves nothing: it may lag behind.
	ErrNothing = errors.New("the log has nothing there")
)

// Placed is an entry in its place.
type Placed struct {
	// Position is the place: 1, 2, 3, …
	Position uint64
	// Entry is the entry's bytes.
	Entry []byte
}

// Log orders a journal: it gives each entry its place, once and for ever. Nothing above the committer knows which log
// runs. Its methods are safe for concurrent use.
type Log interface {
	// Shared is true for a log in which other stores write too. It never changes.
	Shared() bool
	// Incarnation is the UUID of the journal that is ordered. It never changes.
	Incarnation() uuid.UUID
	// Append asks for the place position, which must be the one after the last. nil: granted, and kept for good. ErrConflict, ErrUnknown:
	// as above. Any other error: refused, this time it will not get there. The same bytes may be sent to the same place
	// again and again; they get it at most once.
	Append(ctx context.Context, position uint64, entry []byte) error
	// Read answers the first entry at or after a position; from ≥ 1. An entry further on than asked for means that there
	// is a hole. ErrNothing, ErrUnknown: as above.
	Read(ctx context.Context, from uint64) (Placed, error)
	// Tail walks the entries at or after a position in order, and waits for more at the end. It ends with the context,
	// or with an error, passed on with a zero Placed; it may be called again then.
	Tail(ctx context.Context, from uint64) iter.Seq2[Placed, error]
}

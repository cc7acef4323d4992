package store

import "context"

// Log orders a journal: it grants each entry its place. Nothing above it knows which log runs.
type Log interface {
	// Append asks for the place position for an entry. nil: granted. Any error: the entry did not get it.
	Append(ctx context.Context, position uint64, entry []byte) error
}

// localLog is the log of a store that nobody shares: the next place is always free, and applying the entry to bbolt
// makes it durable.
type localLog struct{}

func (localLog) Append(context.Context, uint64, []byte) error { return nil }

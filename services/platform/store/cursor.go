package store

import (
	"context"

	"coso/services/platform/access"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// cursors holds how far the followers of this store have come; every schema has it.
var cursors = NewCopy("cursors", (*journalpb.Cursor).GetSource)

// SetCursor notes how far a follower has come, in the same command as the effect of the events: each takes effect once.
func SetCursor(tx *Tx, c *journalpb.Cursor) error { return cursors.Put(tx, c) }

// Cursor answers how far the follower of a service has come; the zero cursor before its first event.
func (s *Store) Cursor(ctx context.Context, source string) (*journalpb.Cursor, error) {
	return View(access.ForNobody(ctx), s, func(tx *ReadTx) (*journalpb.Cursor, error) {
		c, ok, err := cursors.Find(tx, source)
		if err != nil {
			return nil, err
		}
		if !ok {
			return &journalpb.Cursor{Source: source}, nil
		}
		return c, nil
	})
}

// CursorIn answers the same inside a transaction.
func CursorIn(r Reader, source string) (*journalpb.Cursor, error) {
	c, ok, err := cursors.Find(r, source)
	if err != nil || ok {
		return c, err
	}
	return &journalpb.Cursor{Source: source}, nil
}

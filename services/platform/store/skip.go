package store

import (
	"context"

	"coso/services/platform/access"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// skips holds the events that followers of this store pass over; every schema has it.
var skips = NewCopy("skips", (*journalpb.Skip).GetName)

// SetSkip lets the follower of a source pass over one event, named in k. The command says who decided it, k why.
func SetSkip(tx *Tx, k *journalpb.Skip) error { return skips.Put(tx, k) }

// Skips answers the events of a source behind a number that its follower passes over. There are few.
func (s *Store) Skips(ctx context.Context, source string, behind uint64) ([]*journalpb.Skip, error) {
	return View(access.ForNobody(ctx), s, func(tx *ReadTx) ([]*journalpb.Skip, error) {
		var out []*journalpb.Skip
		for k, err := range skips.All(tx) {
			if err != nil {
				return nil, err
			}
			if k.GetSource() == source && k.GetSequence() > behind {
				out = append(out, k)
			}
		}
		return out, nil
	})
}

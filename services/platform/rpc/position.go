package rpc

import (
	"context"
	"strings"

	"google.golang.org/grpc/metadata"

	"coso/services/platform/store"
)

// atPosition waits until the store has reached the positions that the call names, and answers those that it wrote or
// read. A stream only waits: its header may be gone before it has read anything.
func (s *Server) atPosition(ctx context.Context, c *call, next func(context.Context) error) error {
	if given := metadata.ValueFromIncomingContext(ctx, PositionHeader); len(given) > 0 {
		asked, err := store.ParsePositions(strings.Join(given, ","))
		if err != nil {
			return err
		}
		if err := s.store.Await(ctx, asked); err != nil {
			return err
		}
		c.asked = asked
	}
	if c.stream {
		return next(ctx)
	}
	ctx, c.recorder = store.Record(ctx)
	if err := next(ctx); err != nil {
		return err
	}
	if reached := c.recorder.Positions(); len(reached) > 0 {
		return c.say(ctx, PositionHeader, store.FormatPositions(reached))
	}
	return nil
}

package rpc

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"

	"coso/services/platform/store"
)

// atPosition waits until the store has reached the positions that the call names, and answers those that it wrote or
// read, with a refusal as well: who is told that a name is taken, and looks elsewhere, must see by whom. A stream only
// waits: its header may be gone before it has read anything.
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
	err := next(ctx)
	if unsaid := c.sayPositions(ctx); err == nil {
		err = unsaid
	}
	return err
}

// sayPositions answers what the call has written or read so far, unless another replica has said it for a call made there.
func (c *call) sayPositions(ctx context.Context) error {
	if slices.Contains(c.said, PositionHeader) {
		return nil
	}
	if reached := c.recorder.Positions(); len(reached) > 0 {
		if err := c.say(ctx, PositionHeader, store.FormatPositions(reached)); err != nil {
			return err
		}
	}
	if seen := c.recorder.Seen(); seen.Number > 0 {
		return c.say(ctx, SeenHeader, seen.String())
	}
	return nil
}

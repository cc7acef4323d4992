package rpc

import "context"

// CopyAgeHeader names the copies of other services' data that an answer may rest on and that are older than they should
// be, with their ages: `registry=312s`. It is absent while all are fresh.
const CopyAgeHeader = "coso-copy-age"

// onCopies refuses a call that rests on a copy that is too old, and lets other answers say so.
func (s *Server) onCopies(ctx context.Context, c *call, next func(context.Context) error) error {
	if s.copies == nil || c.service == healthService {
		return next(ctx)
	}
	old, err := s.copies(c.full)
	if err != nil {
		return err
	}
	if old != "" {
		if err := c.say(ctx, CopyAgeHeader, old); err != nil {
			return err
		}
	}
	return next(ctx)
}

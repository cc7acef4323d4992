package store

import (
	"context"
	"errors"
)

// tailLoop hands the committer what others write into a shared log. The committer also reads the log itself; what it
// has already is only compared.
func (s *Store) tailLoop(ctx context.Context) {
	for try := 0; ; try++ {
		err := s.tail(ctx, &try)
		if ctx.Err() != nil {
			return
		}
		s.logger.Warn("tail of the log ended; it is read again", "service", s.service, "error", err)
		if !s.pause(try) {
			return
		}
	}
}

var errTailEnded = errors.New("the log's tail ended without saying why")

func (s *Store) tail(ctx context.Context, try *int) error {
	for there, err := range s.log.Tail(ctx, s.Head().GetPosition()+1) {
		if err != nil {
			return err
		}
		*try = 0
		select {
		case s.tailed <- there:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errTailEnded
}

// takeTailed applies what the tail brings. A file that cannot be written is asked for again by the next command; a fault
// has stopped the writing and been logged.
func (s *Store) takeTailed(there Placed) {
	if s.haltedBy() != nil {
		return
	}
	if s.db.room(s.stop) != nil {
		return // the next one that finds room brings this one too
	}
	s.db.changing.Lock()
	defer s.db.changing.Unlock()
	if next := s.Head().GetPosition() + 1; there.Position > next { // not the log has a hole: this store left some out
		first, err := s.readLog(next)
		if err == nil {
			err = s.catchUp(first)
		}
		if err != nil && !errors.Is(err, errOvertaken) && s.haltedBy() == nil {
			s.logger.Warn("an entry of the log waits", "service", s.service, "position", next, "error", err)
		}
		return
	}
	if err := s.takePlaced(there); err != nil && s.haltedBy() == nil {
		s.logger.Warn("an entry of the log waits", "service", s.service, "position", there.Position, "error", err)
	}
}

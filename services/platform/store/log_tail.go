package store

import (
	"context"
	"errors"
	"fmt"
)

// tailed is an entry of others for the committer, and what is told whether it has taken it.
type tailed struct {
	Placed

	taken chan error
}

// tailLoop hands the committer what others write into a shared log, until it has taken it (INV-STORE-TAKES-ALL). The committer
// also reads the log itself; what it has already is only compared.
func (s *Store) tailLoop(ctx context.Context) {
	for try := 0; ; try++ {
		first := try == 0
		err := s.tail(ctx, &try)
		if ctx.Err() != nil {
			return
		}
		if first || try == 0 {
			s.logger.Warn("tail of the log ended; it is read again", "service", s.service, "position", s.Head().GetPosition(), "error", err)
		}
		if !s.pause(try) {
			return
		}
	}
}

var (
	errTailEnded = errors.New("the log's tail ended without saying why")
	errLeftOut   = errors.New("entries before it could not be read")
)

func (s *Store) tail(ctx context.Context, try *int) error {
	for there, err := range s.log.Tail(ctx, s.Head().GetPosition()+1) {
		if err != nil {
			return err
		}
		if err := s.bring(ctx, there); err != nil {
			return err
		}
		*try = 0
	}
	return errTailEnded
}

// bring offers an entry to the committer until it is taken; the tail waits meanwhile. An error: it must be read again, with those
// before it, or the store ends.
func (s *Store) bring(ctx context.Context, there Placed) error {
	for n := 0; ; n++ {
		t := tailed{there, make(chan error, 1)}
		select {
		case s.tailed <- t:
		case <-ctx.Done():
			return ctx.Err()
		}
		var err error
		select {
		case err = <-t.taken:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err == nil || errors.Is(err, errLeftOut) {
			return err
		}
		if n == 0 {
			s.logger.Warn("an entry of the log waits", "service", s.service, "position", there.Position, "error", err)
		}
		if !s.pause(n) {
			return err
		}
	}
}

// takeTailed applies what the tail brings. nil: it is applied, or a fault has stopped the writing and been logged. Otherwise it
// must be brought again.
func (s *Store) takeTailed(there Placed) error {
	if s.haltedBy() != nil {
		return nil
	}
	if err := s.db.room(s.stop); errors.Is(err, errFileClosed) {
		return err
	} else if err != nil {
		return s.unwritten(err)
	}
	s.db.changing.Lock()
	defer s.db.changing.Unlock()
	err := s.takeUpTo(there)
	switch {
	case s.haltedBy() != nil:
		return nil
	case err != nil && !errors.Is(err, errOvertaken):
		return err
	case s.Head().GetPosition() < there.Position:
		return errLeftOut
	}
	return nil
}

// takeUpTo applies an entry, and those before it that the tail did not bring.
func (s *Store) takeUpTo(there Placed) error {
	next := s.Head().GetPosition() + 1
	if there.Position <= next {
		return s.takePlaced(there)
	}
	first, err := s.readLog(next)
	if err != nil {
		return fmt.Errorf("%w: %w", errLeftOut, err)
	}
	return s.catchUp(first)
}

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

const (
	// askLimit is how long the log may take for one answer before it is asked again.
	askLimit = 2 * time.Second
	// The pauses between two tries double from the first to the longest.
	firstPause   = 2 * time.Millisecond
	longestPause = time.Second
)

// worryAfter is how many tries pass, in some 100 milliseconds, before it is trouble that a log does not answer: servers that have
// just taken another's entry do not show it at once.
const worryAfter = 6

// maxCatchUp bounds how many entries of others are applied between two checkpoints.
const maxCatchUp = 64

// heldBack are why a log refuses an entry by what the replicas hold, not by how it does itself.
var heldBack = []faultpb.Reason{
	faultpb.Reason_REASON_AGREEMENT_MISSING, faultpb.Reason_REASON_REPLICAS_DIVIDED, faultpb.Reason_REASON_LOG_BEHIND,
	faultpb.Reason_REASON_LOG_WENT_BACK,
}

// errOvertaken says that another store's entry has the place. It has been applied; the commands must run again.
var errOvertaken = errors.New("another store has written")

// place gets an entry its place, however often the log has to be asked. The rule for an answer that does not come, or
// that the place is given away: read the place. Mine: done. Another's: mine can never land there any more. Nothing there,
// or no answer: send the same bytes to the same place.
func (s *Store) place(position uint64, raw []byte) error {
	if !s.log.Shared() { // nobody else could have the place; what is not kept now never is
		if err := s.log.Append(context.Background(), position, raw); err != nil {
			return s.unwritten(err)
		}
		return nil
	}
	sent := false // an earlier try may still land
	for try := 0; ; try++ {
		err := s.ask(func(ctx context.Context) error { return s.log.Append(ctx, position, raw) })
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrConflict), errors.Is(err, ErrUnknown):
			sent = true
		case !sent:
			return s.unwritten(err)
		}
		there, seen := s.readLog(position)
		switch {
		case seen == nil && there.Position == position && bytes.Equal(there.Entry, raw):
			return nil
		case seen == nil:
			return s.catchUp(there)
		}
		if fault := s.compareHead(); fault != nil {
			return fault
		}
		if try >= worryAfter {
			s.worry("the log does not answer", errors.Join(err, seen))
		}
		if !s.pause(try) {
			return s.unwritten(errors.Join(err, seen))
		}
	}
}

// ask bounds one question to the log. A question that was cut off has no answer.
func (s *Store) ask(question func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	err := question(ctx)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return err
}

func (s *Store) readLog(from uint64) (there Placed, err error) {
	err = s.ask(func(ctx context.Context) error {
		there, err = s.log.Read(ctx, from)
		return err
	})
	return there, err
}

// compareHead stops the writing if the log shows another last entry than this store has applied: then the log was
// replaced, and would never take what follows. No answer proves nothing.
func (s *Store) compareHead() error {
	position := s.Head().GetPosition()
	if !s.log.Shared() || position == 0 {
		return nil
	}
	there, err := s.readLog(position)
	if err != nil {
		return nil //nolint:nilerr // the log will be asked again
	}
	return s.takePlaced(there)
}

// catchUp applies what others have written, from there on, as far as the log shows it, but no more than fits in memory
// until the next checkpoint. It never answers nil.
func (s *Store) catchUp(there Placed) error {
	for range maxCatchUp {
		if err := s.takePlaced(there); err != nil {
			return err
		}
		next, err := s.readLog(s.Head().GetPosition() + 1)
		if err != nil {
			return errOvertaken
		}
		there = next
	}
	return errOvertaken
}

// takePlaced applies an entry that the log holds if it is the next one, and compares it if it has been applied. A hole,
// a foreign incarnation or another entry than the applied one stops the writing.
func (s *Store) takePlaced(there Placed) error {
	position := s.Head().GetPosition()
	switch {
	case there.Position == position+1:
		return s.keep(there.Entry)
	case there.Position > position:
		return s.halt(damaged("INV-STORE-CHAIN: the log goes on with entry %d after %d", there.Position, position))
	}
	mine, err := s.journalled(there.Position)
	if err != nil {
		return s.unwritten(err)
	}
	if !bytes.Equal(mine, there.Entry) {
		return s.halt(differs(there, mine))
	}
	return nil
}

func differs(there Placed, mine []byte) error {
	if e, err := readEntry(there.Entry); err == nil {
		if m, err := readEntry(mine); err == nil && !bytes.Equal(e.GetIncarnation(), m.GetIncarnation()) {
			return foreign(e.GetIncarnation(), m.GetIncarnation())
		}
	}
	return damaged("INV-STORE-CHAIN: entry %d of the log is not the one that was applied", there.Position)
}

// keep applies an entry that others have written, however long the file takes.
func (s *Store) keep(raw []byte) error {
	for try := 0; ; try++ {
		next, err := s.applied(raw)
		switch {
		case err == nil:
			s.publish(next)
			s.calm()
			return nil
		case fault.KindOf(err) != fault.KindUnavailable:
			return s.halt(err)
		}
		s.worry("an entry of the log cannot be applied", err)
		if !s.pause(try) {
			return s.unwritten(err)
		}
	}
}

// pause waits before another try; false: the store stops.
func (s *Store) pause(try int) bool {
	t := time.NewTimer(min(firstPause<<min(try, 16), longestPause))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.stop:
		return false
	}
}

// unwritten refuses a group whose entry was not written, or of which that is not known. What keeps replicas from writing though
// the log would take the entry is no trouble of the journal and says itself when it ends.
func (s *Store) unwritten(err error) error {
	if held, ok := errors.AsType[*fault.Error](err); ok && held.Kind == fault.KindUnavailable && slices.Contains(heldBack, held.Reason) {
		return held
	}
	s.worry("journal not written", err)
	return notWritten(err)
}

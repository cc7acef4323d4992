package store

import (
	"context"
	"errors"
	"syscall"
	"time"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// Healthy answers nil while the store takes commands. Otherwise it says why not: DataLoss when the journal met a hole, a
// foreign incarnation or an entry that does not fit: writing has stopped until an operator has looked and the service is
// started again, reading goes on; Unavailable while the log does not answer or the file cannot be written, or the clock is
// more than 5 minutes behind the journal (CLOCK_AHEAD): that ends by itself, whether or not commands come.
func (s *Store) Healthy() error {
	if _, err := s.moment(s.Head()); err != nil && s.haltedBy() == nil {
		return err
	}
	why := s.db.file.unavailable()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.halted != nil {
		return s.halted
	}
	if why != nil {
		return notWritten(why)
	}
	if s.trouble != nil {
		return notWritten(s.trouble)
	}
	return nil
}

// notWritten says, by its cause, why the journal cannot be written.
func notWritten(why error) *fault.Error {
	reason := faultpb.Reason_REASON_JOURNAL_UNAVAILABLE
	if errors.Is(why, syscall.ENOSPC) || errors.Is(why, syscall.EDQUOT) {
		reason = faultpb.Reason_REASON_DISK_FULL
	}
	return fault.Unavailable(reason, "").With(why)
}

// halt stops writing for good; the first cause stays. It answers the cause.
func (s *Store) halt(err error) error {
	s.mu.Lock()
	first := s.halted == nil
	if first {
		s.halted = fault.From(err)
	}
	err = s.halted
	s.mu.Unlock()
	if first {
		s.logger.Error("writing has stopped with an alarm; an operator must look", "service", s.service,
			"position", s.Head().GetPosition(), "error", err)
	}
	return err
}

func (s *Store) haltedBy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.halted == nil {
		return nil
	}
	return s.halted
}

// worry notes that the journal cannot be written now; it is logged when it begins.
func (s *Store) worry(what string, err error) {
	s.mu.Lock()
	first := s.trouble == nil
	s.trouble = err
	s.mu.Unlock()
	if first {
		s.logger.Error("journal unavailable", "service", s.service, "what", what, "error", err)
	}
}

// calm notes that it can be written again.
func (s *Store) calm() {
	s.mu.Lock()
	over := s.trouble != nil
	s.trouble = nil
	s.mu.Unlock()
	if over {
		s.logger.Info("journal available again", "service", s.service)
	}
}

// LogAnswers notes that a shared log was seen to answer and to be as it must be, so that what was wrong when an entry was last
// offered need not be any more: without it nobody would know before the next command, and nobody sends one to who is not healthy.
func (s *Store) LogAnswers() {
	if s.log.Shared() && s.db.file.unavailable() == nil {
		s.calm()
	}
}

// noteCheckpoint says when the data file cannot be written any more, and when it can again. Commands go on as long as
// there is room in memory for what they change.
func (s *Store) noteCheckpoint(err error) {
	s.mu.Lock()
	changed := (err == nil) != (s.lagging == nil)
	s.lagging = err
	s.mu.Unlock()
	switch {
	case changed && err != nil:
		s.logger.Error("the data file cannot be written; the log keeps what changes", "service", s.service, "error", err)
	case changed:
		s.logger.Info("the data file can be written again", "service", s.service)
	}
}

// lag is 1 while the data file cannot be written.
func (s *Store) lag() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lagging != nil {
		return 1
	}
	return 0
}

// late is what a caller is told whose time is over before its command was written.
func (s *Store) late(ctx context.Context) error {
	s.mu.Lock()
	trouble := s.trouble
	s.mu.Unlock()
	if trouble == nil {
		return ctx.Err()
	}
	return notWritten(trouble)
}

// slowClosure is how long a closure may run before the log says so, with its method and how long it took.
const slowClosure = time.Second

func (s *Store) noteSlow(method string, took time.Duration) {
	if took >= slowClosure {
		s.logger.Warn("slow command", "service", s.service, "method", method, "took", took)
	}
}

package store

import (
	"context"
	"errors"
	"time"

	"coso/services/platform/access"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journalpb "coso/proto/gen/coso/journal/v1"
)

const (
	// lookAgain is how long the loop sleeps at most while a timer waits: a clock that was set is noticed by then.
	lookAgain = time.Minute
	// fireLimit is how long one firing may take.
	fireLimit = 15 * time.Second
	// fireBatch is how many due timers are read at a time.
	fireBatch = 100
	// longestBackoff is how long a timer that fails waits at most for its next try.
	longestBackoff = 10 * time.Minute
)

// FireTimers fires timers as they become due, until ctx ends or the store is closed: each as a command of the service,
// method `timer/<kind>`, request id `timer/<name>/<due>`, in order of due moments and names. A timer that fails is logged
// and tried again with growing pauses, and holds up no other. After a stop, or a jump of the clock, what is overdue fires
// at once. Several loops on one store, or on the replicas of one journal, do no harm: a timer takes effect once.
func (s *Store) FireTimers(ctx context.Context) {
	l := &timerLoop{s: s, tried: map[string]*attempts{}}
	for {
		changed := s.Changed()
		wait, sleep := l.round(ctx)
		var wake <-chan time.Time
		if sleep {
			wake = time.After(min(max(wait, 0), lookAgain))
		}
		select {
		case <-ctx.Done():
			return
		case <-s.stop:
			return
		case <-changed:
		case <-wake:
		}
	}
}

// timerLoop is one FireTimers under way.
type timerLoop struct {
	s *Store
	// tried holds the due timers that were tried and are still there, by name.
	tried map[string]*attempts
}

// attempts are those of one firing.
type attempts struct {
	due   time.Time
	tries int
	// until is when it is tried again, by the machine's monotonic clock: the injected one may jump.
	until time.Time
}

// round fires what is due. It answers how long to sleep; false: no timer waits, so until the next entry.
func (l *timerLoop) round(ctx context.Context) (wait time.Duration, sleep bool) {
	for {
		due, next, err := l.due(ctx)
		if ctx.Err() != nil {
			return 0, false
		}
		if err != nil {
			l.s.logger.Error("timers cannot be read", "service", l.s.service, "error", err)
			return time.Second, true
		}
		for _, t := range due {
			if ctx.Err() != nil {
				return 0, false
			}
			l.fire(ctx, t)
		}
		if len(due) == 0 {
			return l.untilNext(next)
		}
	}
}

// untilNext is how long nothing will be due.
func (l *timerLoop) untilNext(next time.Time) (wait time.Duration, sleep bool) {
	if !next.IsZero() {
		wait, sleep = next.Sub(l.s.clock()), true
	}
	for _, a := range l.tried {
		if again := time.Until(a.until); !sleep || again < wait {
			wait, sleep = again, true
		}
	}
	return wait, sleep
}

// due reads the first timers that are due and may be tried, and when the next one will be due; zero: there is none. It
// forgets attempts of timers that are gone.
func (l *timerLoop) due(ctx context.Context) (due []Timer, next time.Time, err error) {
	now := l.s.clock()
	tried := map[string]*attempts{}
	_, err = View(ctx, l.s, func(tx *ReadTx) (bool, error) {
		for row, err := range timers.By(tx, timersByDue, nil) {
			if err != nil {
				return false, err
			}
			t := timerOf(row)
			if t.Due.After(now) {
				next = t.Due
				break
			}
			if a := l.tried[t.Name]; a != nil && a.due.Equal(t.Due) {
				tried[t.Name] = a
				if time.Now().Before(a.until) {
					continue
				}
			}
			if due = append(due, t); len(due) == fireBatch {
				return true, nil
			}
		}
		l.tried = tried
		return true, nil
	})
	return due, next, err
}

// fire fires one timer. Whatever comes of it, the timer has a pause if it is still there: nothing makes the loop spin.
func (l *timerLoop) fire(ctx context.Context, t Timer) {
	a := l.tried[t.Name]
	if a == nil || !a.due.Equal(t.Due) {
		a = &attempts{due: t.Due}
		l.tried[t.Name] = a
	}
	err := l.s.fireTimer(ctx, t)
	a.tries++
	rest := backoff(a.tries, longestBackoff)
	a.until = time.Now().Add(rest)
	if err != nil && !errors.Is(err, errNotDue) && ctx.Err() == nil {
		l.s.logger.Error("timer failed", "service", l.s.service, "timer", t.Name, "due", t.Due, "tries", a.tries, "again", rest, "error", err)
	}
}

// fireTimer runs the command of one firing.
func (s *Store) fireTimer(ctx context.Context, t Timer) error {
	ctx, cancel := context.WithTimeout(ctx, fireLimit)
	defer cancel()
	due := timestamppb.New(t.Due)
	_, err := s.enqueue(ctx, &call{
		ctx: ctx, principal: access.Service(s.service), method: "timer/" + kindOf(t.Name),
		requestID:   "timer/" + t.Name + "/" + t.Due.UTC().Format(time.RFC3339Nano),
		fingerprint: fingerprint(s.fingerprintKey, &journalpb.Timer{Name: t.Name, Due: due}),
		answer:      func() proto.Message { return &emptypb.Empty{} },
		run:         func(tx *Tx) (proto.Message, error) { return &emptypb.Empty{}, fire(tx, t) },
		done:        make(chan outcome, 1),
	})
	return err
}

// backoff is how long to rest after so many failures in a row: a second, twice as long each time.
func backoff(failures int, longest time.Duration) time.Duration {
	return min(time.Second<<min(failures-1, 20), longest)
}

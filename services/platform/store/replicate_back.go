package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"coso/services/platform/fault"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	faultpb "coso/proto/gen/coso/fault/v1"
)

const (
	// leaveTries is how often others may write between the last look at a log and its end.
	leaveTries = 5
	// lookAtLog is how often a store that follows a log to its end looks where that is.
	lookAtLog = 100 * time.Millisecond
)

// BringBack lets one replica's file follow the shared log to its end, ends the log with the entry that begins a new incarnation,
// and makes the file a store with a log of its own. Where it is cut off it goes on when it is called again, on the same file.
//
// The entry that ends the log stands there before the file is changed, and no store on the log passes it; it names an incarnation
// that was noted in one file before, so one file alone goes on (INV-REPLICATE-END).
//
// Errors: those of Promote, with JOURNAL_NOT_SHARED for a file that has a log of its own; Unavailable while others still write;
// FailedPrecondition (INCARNATION_FOREIGN) if another replica has ended the log; DataLoss if the log is not this journal's.
func BringBack(ctx context.Context, r Replication) (Replicated, error) {
	if err := r.fit(ctx, true); err != nil {
		return Replicated{}, err
	}
	from, to, err := r.leaving()
	if err != nil {
		return Replicated{}, err
	}
	l, err := r.Log(ctx)
	if err != nil {
		return Replicated{}, err
	}
	if id := l.Incarnation(); id != from {
		return Replicated{}, foreign(id[:], from[:])
	}
	for range leaveTries {
		alarm, err := r.follow(ctx, l)
		if err != nil {
			return Replicated{}, err
		}
		out, err := r.leave(ctx, l, to, alarm)
		if !errors.Is(err, errOvertaken) {
			return out, err
		}
	}
	return Replicated{}, fault.Unavailable(faultpb.Reason_REASON_JOURNAL_UNAVAILABLE, "").With(errStillWritten)
}

var errStillWritten = errors.New("other replicas still write in the log; stop them all")

// leaving answers the file's incarnation and the one with which it may end the log, which it notes in the file.
func (r Replication) leaving() (from, to uuid.UUID, err error) {
	f, err := r.open(true)
	if err != nil {
		return from, to, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if to, err = uuid.NewV7(); err != nil {
		return from, to, err
	}
	err = f.s.db.file.Update(func(tx *bolt.Tx) error {
		w := boltSpace{tx}
		if noted := w.get(bucketMeta, keyLeaving); len(noted) == len(to) {
			copy(to[:], noted)
			return nil
		}
		return w.put(bucketMeta, keyLeaving, to[:])
	})
	return f.From, to, err
}

// follow opens the store on the log until it has what the log shows. alarm is why it went no further; leave says what that means.
func (r Replication) follow(ctx context.Context, l SharedLog) (alarm, err error) {
	s, err := Open(Options{Dir: r.Dir, Service: r.Service, Schema: r.Schema, Log: l, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	tick := time.NewTicker(lookAtLog)
	defer tick.Stop()
	for silent := 0; silent < replicateTries; {
		last, err := l.Last(ctx)
		switch why := s.haltedBy(); {
		case why != nil:
			return why, nil
		case err != nil && !errors.Is(err, ErrUnknown):
			return nil, unanswered(err)
		case err != nil:
			silent++
		case s.Head().GetPosition() >= last:
			return nil, nil
		default:
			silent = 0
			r.tell("follow", s.Head().GetPosition(), last)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, unanswered(fmt.Errorf("%w: where it ends is not known", ErrUnknown))
}

// leave ends the log behind the file's last entry and takes the file out of it. errOvertaken if the log goes on.
func (r Replication) leave(ctx context.Context, l SharedLog, to uuid.UUID, alarm error) (out Replicated, err error) {
	f, err := r.open(true)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	raw, err := f.first(to, leaveMethod)
	if err == nil {
		raw, err = f.put(ctx, l, raw)
	}
	if err != nil {
		return out, err
	}
	e, err := f.begins(raw, to, leaveMethod)
	if err == nil {
		return f.become(e, raw, false)
	}
	there, unread := readEntry(raw)
	switch {
	case unread == nil && alarm == nil && follows(there, f.head, f.From[:]) == nil:
		return out, errOvertaken
	case unread == nil && bytes.Equal(there.GetRestoredFrom(), f.From[:]) && !bytes.Equal(there.GetIncarnation(), to[:]):
		other := uuid.UUID(there.GetIncarnation())
		return out, fault.FailedPrecondition(faultpb.Reason_REASON_INCARNATION_FOREIGN, "", "value", other.String(), "current", f.From.String()).
			With(fmt.Errorf("another replica of %s has ended this log and goes on alone: its data folder is the one to start", r.Service))
	}
	return out, f.foreign(errors.Join(err, alarm))
}

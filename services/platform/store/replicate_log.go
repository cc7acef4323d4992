package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"time"

	"coso/services/platform/fault"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

const (
	// replicateTries is how often in a row a log may fail to answer, or to come further, before it is given up for now.
	replicateTries = 12
	// tailStall is how long a log may bring nothing of what it says it holds.
	tailStall = 20 * time.Second
)

// fill puts the journal into a log that may hold a part of it, and reads all of it back. It answers the entry behind the
// journal's last, if the log has one already: an earlier call may have come so far.
func (f *stopped) fill(ctx context.Context, l SharedLog) (begun []byte, err error) {
	all, done := f.head.GetPosition(), uint64(0)
	var why error
	for try := 0; try < replicateTries; try++ {
		before := done
		last, err := l.Last(ctx)
		if err == nil {
			if last > all+1 {
				return nil, f.foreign(fmt.Errorf("it goes on to position %d, this journal ends at %d: others write in it", last, all))
			}
			done, err = f.compare(ctx, l, done, min(last, all))
		}
		switch {
		case err == nil && done == all && last == all+1:
			there, err := l.Read(ctx, last)
			if err == nil && there.Position == last {
				return there.Entry, nil
			}
			why = errors.Join(err, errNotThere)
		case err == nil && done == all:
			return nil, nil
		case err == nil:
			f.tell("append", done)
			if why = l.Fill(ctx, last+1, f.entries(last+1)); why != nil && !errors.Is(why, ErrUnknown) && !errors.Is(why, ErrConflict) {
				return nil, unanswered(why)
			}
		case errors.Is(err, ErrUnknown):
			why = err
		default:
			return nil, err
		}
		if done > before {
			try = 0
		}
		if err := f.rest(ctx, try); err != nil {
			return nil, err
		}
	}
	return nil, unanswered(why)
}

var errNotThere = errors.New("the log does not show the entry that it says it holds")

// unanswered is the refusal to go on with a log now; the next call goes on where this one ended. What is classified stays so.
func unanswered(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return fault.Unavailable(faultpb.Reason_REASON_JOURNAL_UNAVAILABLE, "").With(err)
}

// rest waits before another try.
func (f *stopped) rest(ctx context.Context, try int) error {
	t := time.NewTimer(min(firstPause<<min(try, 16), longestPause))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// entries are the file's, from a position on.
func (f *stopped) entries(from uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for ; from <= f.head.GetPosition(); from++ {
			raw, err := f.s.journalled(from)
			if !yield(raw, err) || err != nil {
				return
			}
			if from%1000 == 0 {
				f.tell("append", from)
			}
		}
	}
}

// compare holds what a log shows behind a position, up to another, against the file, and answers how far it is the same. An
// error that is no fault says that the log does not show it now.
func (f *stopped) compare(ctx context.Context, l Log, done, last uint64) (uint64, error) {
	if done >= last {
		return done, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(tailStall, func() { cancel(errTailEnded) })
	defer stalled.Stop()
	for there, err := range l.Tail(ctx, done+1) {
		if err != nil {
			return done, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		if there.Position != done+1 {
			return done, f.foreign(damaged("it goes on with entry %d after %d", there.Position, done))
		}
		mine, err := f.s.journalled(there.Position)
		if err != nil {
			return done, err
		}
		if !bytes.Equal(mine, there.Entry) {
			return done, f.foreign(fmt.Errorf("its entry %d is not the journal's: %w", there.Position, differs(there, mine)))
		}
		done++
		stalled.Reset(tailStall)
		if done%1000 == 0 {
			f.tell("compare", done)
		}
		if done == last {
			return done, nil
		}
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errTailEnded) {
		return done, cause
	}
	return done, fmt.Errorf("%w: entry %d does not come: %w", ErrUnknown, done+1, errTailEnded)
}

// first makes the entry that begins a new incarnation behind the file's last one.
func (f *stopped) first(to uuid.UUID, method string) ([]byte, error) {
	moment := f.r.Now.UTC().Truncate(time.Microsecond)
	if last := f.head.GetMoment().AsTime(); f.head.GetPosition() > 0 && !moment.After(last) {
		moment = last.Add(time.Microsecond)
	}
	e, _, err := seal(f.head, to[:], "", timestamppb.New(moment), []*journalpb.Command{{Principal: replicator, Method: method}})
	if err != nil {
		return nil, err
	}
	if f.head.GetPosition() > 0 {
		e.RestoredFrom = f.From[:]
	}
	raw, err := deterministic.Marshal(e)
	if err != nil {
		return nil, fault.Internal(err)
	}
	return raw, nil
}

// begins answers the entry if it begins the incarnation to behind the file's last one, by a method, and does nothing else.
func (f *stopped) begins(raw []byte, to uuid.UUID, method string) (*journalpb.Entry, error) {
	e, err := readEntry(raw)
	if err != nil {
		return nil, err
	}
	if err := follows(e, f.head, to[:]); err != nil {
		return nil, err
	}
	from := f.From[:]
	if f.head.GetPosition() == 0 {
		from = nil
	}
	if !bytes.Equal(e.GetRestoredFrom(), from) || len(e.GetCommands()) != 1 || eventsIn(e) > 0 {
		return nil, damaged("entry %d does not begin an incarnation", e.GetPosition())
	}
	if c := e.GetCommands()[0]; c.GetPrincipal() != replicator || c.GetMethod() != method || len(c.GetChanges()) > 0 {
		return nil, damaged("entry %d is %s of %s, not %s", e.GetPosition(), c.GetMethod(), c.GetPrincipal(), method)
	}
	return e, nil
}

// put gives an entry the place behind the file's last one, however often the log has to be asked, and answers what has the
// place: this entry, or another one.
func (f *stopped) put(ctx context.Context, l Log, raw []byte) ([]byte, error) {
	position := f.head.GetPosition() + 1
	var why error
	for try := range replicateTries {
		asking, cancel := context.WithTimeout(ctx, askLimit)
		err := l.Append(asking, position, raw)
		cancel()
		if err == nil {
			return raw, nil
		}
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrUnknown) && asking.Err() == nil {
			return nil, unanswered(err)
		}
		asking, cancel = context.WithTimeout(ctx, askLimit)
		there, seen := l.Read(asking, position)
		cancel()
		if seen == nil && there.Position != position {
			return nil, f.foreign(damaged("it goes on with entry %d after %d", there.Position, position-1))
		}
		if seen == nil {
			return there.Entry, nil
		}
		why = errors.Join(err, seen)
		if err := f.rest(ctx, try); err != nil {
			return nil, err
		}
	}
	return nil, unanswered(why)
}

// become makes an entry the file's last one, in one step with the incarnation that it begins and whether the file is from now
// on one of a shared log.
func (f *stopped) become(e *journalpb.Entry, raw []byte, shared bool) (Replicated, error) {
	f.To = uuid.UUID(e.GetIncarnation())
	err := f.begin(e, raw, func(w writing) error {
		if !shared {
			return nil // begin has made it a file of its own
		}
		return w.put(bucketMeta, keyShared, []byte{1})
	})
	if err != nil {
		return Replicated{}, err
	}
	return Replicated{From: f.From, To: f.To, Position: f.Position, Hash: sha256.Sum256(raw)}, nil
}

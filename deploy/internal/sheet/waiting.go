package sheet

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"coso/deploy/internal/client"
	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

const (
	// tries is how often a request is sent to a server that does not answer any more.
	tries = 6
	// longest is how long a service that says to try later is asked again, for it lags behind or stops and starts.
	longest = 2 * time.Minute
	// longestPause bounds the pause between two tries.
	longestPause = 2 * time.Second
	// silence is how long an import may stand still before it says why.
	silence = 3 * time.Second
)

// unsure is an error that leaves open whether what was sent took effect.
type unsure struct{ error }

func (u *unsure) Unwrap() error { return u.error }

// call sends a request until it is answered. Every request may be repeated: it reads, only checks, or carries a request id.
func (im *importer) call(ctx context.Context, send func() error) error {
	pause, began, open := 100*time.Millisecond, time.Now(), false
	for try := 1; ; try++ {
		slow := time.AfterFunc(silence-min(time.Since(began), silence), func() { im.stands(errNoAnswer) })
		err := send()
		slow.Stop()
		if err == nil || aboutRows(err) {
			im.answered()
			return err
		}
		open = open || leavesOpen(err)
		if ctx.Err() != nil || !im.passing(err, try, time.Since(began)) {
			if open {
				return &unsure{err}
			}
			return err
		}
		if time.Since(began) >= silence {
			im.stands(err)
		}
		wait := time.NewTimer(max(pause, asked(err)))
		select {
		case <-ctx.Done():
			wait.Stop()
			if open {
				return &unsure{ctx.Err()}
			}
			return ctx.Err()
		case <-wait.C:
		}
		pause = min(2*pause, longestPause)
	}
}

var errNoAnswer = say("máy chủ chưa trả lời", "the server does not answer yet")

// answered notes that the server answered.
func (im *importer) answered() {
	im.mu.Lock()
	defer im.mu.Unlock()
	im.reached = true
	if len(im.causes) > 0 && im.o.Wait != nil {
		im.o.Wait(nil)
	}
	im.causes = nil
}

// stands tells why nothing goes on, each cause once until it goes on.
func (im *importer) stands(cause error) {
	if im.o.Wait == nil || !im.first(cause) {
		return
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	if !im.ended {
		im.o.Wait(cause)
	}
}

// end lets nothing be told any more.
func (im *importer) end() {
	im.mu.Lock()
	defer im.mu.Unlock()
	im.ended = true
}

// first notes a cause, and says whether it was not noted before.
func (im *importer) first(cause error) bool {
	im.mu.Lock()
	defer im.mu.Unlock()
	said := TextOf(cause, English)
	if im.ended || slices.Contains(im.causes, said) {
		return false
	}
	im.causes = append(im.causes, said)
	return true
}

// passing says whether an error may pass by itself: a service that says so, or a server that answered before and does not
// now.
func (im *importer) passing(err error, try int, since time.Duration) bool {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return since < longest &&
			(f.Kind == fault.KindUnavailable || f.Kind == fault.KindDeadlineExceeded || f.Kind == fault.KindAborted || tooFast(f))
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	return im.reached && try < tries
}

// tooFast says that a request was refused for what was asked before it, and is taken a moment later.
func tooFast(f *fault.Error) bool {
	return f.Reason == faultpb.Reason_REASON_TOO_MANY_REQUESTS || f.Reason == faultpb.Reason_REASON_TOO_MANY_AT_ONCE
}

// asked is how long the server asks to wait before a request is sent again; 0: it does not say.
func asked(err error) time.Duration {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Reason != faultpb.Reason_REASON_TOO_MANY_REQUESTS {
		return 0
	}
	seconds, err := strconv.Atoi(f.Params["limit"])
	if err != nil {
		return 0
	}
	return min(time.Duration(max(seconds, 0))*time.Second, longest)
}

// leavesOpen says of an error whether the request may have taken effect all the same.
func leavesOpen(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		u, ok := errors.AsType[*client.UnreachableError](err)
		return !ok || !u.Refused
	}
	return f.Kind == fault.KindDeadlineExceeded || f.Kind == fault.KindCancelled || f.Reason == faultpb.Reason_REASON_JOURNAL_UNAVAILABLE || f.Reason == faultpb.Reason_REASON_DISK_FULL
}

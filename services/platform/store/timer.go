package store

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/types/known/timestamppb"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// Timer is something that becomes due.
type Timer struct {
	// Name is `<kind>/<what it is about>`; there is one timer of a name.
	Name string
	// Due is when it fires, in whole microseconds: not before, and as soon after as the store serves.
	Due time.Time
	// Payload is what its handler needs beyond the name.
	Payload []byte
}

// TimerHandler does what a due timer is for, in the command that removes it: both take effect, or neither. It is a
// closure as in Update, and may set the timer again. An error is logged and the timer tried again later, so a timer that
// has become pointless must answer nil.
type TimerHandler func(tx *Tx, t Timer) error

// timers holds what is to fire; every schema has it.
var (
	timersByDue = NewIndex("due", func(t *journalpb.Timer) []Key { return []Key{dueKey(t.GetDue().AsTime())} })
	timers      = NewCopy("timers", (*journalpb.Timer).GetName, timersByDue)
)

func dueKey(due time.Time) Key { return Key(nil).Int64(due.UnixMicro()) }

// kindOf is the part of a timer's name before the first slash.
func kindOf(name string) string {
	kind, _, _ := strings.Cut(name, "/")
	return kind
}

// SetTimer makes a timer due at a moment, in this command; one of the same name is replaced. A moment that is not after
// the command's own becomes the next one: the timer fires as soon as the command is written. Internal for a kind that
// nobody handles.
func SetTimer(tx *Tx, name string, due time.Time, payload []byte) error {
	if tx.s.timerHandlers[kindOf(name)] == nil {
		return unhandled(name)
	}
	// INV-TIMER-NEW-DUE: a due moment lies behind the command that sets it, and what has fired was due before its command;
	// so the request id of a firing is never used for another.
	if due = due.Truncate(time.Microsecond); !due.After(tx.At()) {
		due = tx.At().Add(time.Microsecond)
	}
	return timers.Put(tx, &journalpb.Timer{Name: name, Due: timestamppb.New(due), Payload: payload})
}

func unhandled(name string) error {
	return fault.Internal(fmt.Errorf("timer %q is of a kind that nobody handles", name))
}

// CancelTimer removes a timer; one that is not there, or has fired, is no error.
func CancelTimer(tx *Tx, name string) error { return timers.Delete(tx, name) }

// FindTimer answers a timer that has not fired, and whether there is one of that name.
func FindTimer(r Reader, name string) (Timer, bool, error) {
	t, ok, err := timers.Find(r, name)
	if err != nil || !ok {
		return Timer{}, false, err
	}
	return timerOf(t), true, nil
}

func timerOf(t *journalpb.Timer) Timer {
	return Timer{Name: t.GetName(), Due: t.GetDue().AsTime(), Payload: t.GetPayload()}
}

// errNotDue refuses a firing whose timer is gone, set anew or not due by the journal's time. A refusal leaves no trace,
// not even of its request id.
var errNotDue = errors.New("the timer is not due any more")

// fire is the closure of a firing: it looks at the row again, removes it and lets the handler work.
func fire(tx *Tx, t Timer) error {
	row, ok, err := timers.Find(tx, t.Name)
	if err != nil {
		return err
	}
	if !ok || !row.GetDue().AsTime().Equal(t.Due) || t.Due.After(tx.At()) {
		return errNotDue
	}
	handle := tx.s.timerHandlers[kindOf(t.Name)]
	if handle == nil {
		return unhandled(t.Name)
	}
	if err := timers.Delete(tx, t.Name); err != nil {
		return err
	}
	return handle(tx, timerOf(row))
}

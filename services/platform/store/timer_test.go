package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// noting is a handler that creates an enterprise per firing, `enterprises/<what the timer is about>-<n>`: a second effect
// would show.
func noting(b *bench) TimerHandler {
	return func(tx *Tx, t Timer) error {
		_, id, _ := strings.Cut(t.Name, "/")
		for n := 1; ; n++ {
			name := fmt.Sprintf("enterprises/%s-%d", id, n)
			if _, taken, err := b.enterprises.Find(tx, name); err != nil || taken {
				if err != nil {
					return err
				}
				continue
			}
			e := enterprise(0, "units/u", name)
			e.Name, e.DisplayName = name, "đến hạn "+tx.At().Sub(t.Due).String()
			_, err := b.enterprises.Create(tx, e, &registrypb.EnterpriseCreated{})
			return err
		}
	}
}

// timed opens a store whose clock is time.Now (in a bubble: the bubble's) and fires its timers until stop is called.
func timed(t *testing.T, dir string, change ...func(*Options)) (b *bench, stop func()) {
	t.Helper()
	b = open(t, dir, func(o *Options) {
		o.Clock = nil
		o.Timers = map[string]TimerHandler{
			"note":  func(tx *Tx, t Timer) error { return noting(b)(tx, t) },
			"again": func(tx *Tx, t Timer) error { return again(b, tx, t) },
		}
		for _, f := range change {
			f(o)
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { b.FireTimers(ctx) })
	return b, func() { cancel(); loop.Wait() }
}

// again is a handler that notes its firing and sets its timer to the same moment again, five times.
func again(b *bench, tx *Tx, t Timer) error {
	if err := noting(b)(tx, t); err != nil || len(t.Payload) == 4 {
		return err
	}
	return SetTimer(tx, t.Name, t.Due, append(t.Payload, 0))
}

func setTimers(t *testing.T, b *bench, due map[string]time.Time) {
	t.Helper()
	change(t, b, func(tx *Tx) error {
		for name, at := range due {
			if err := SetTimer(tx, name, at, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// pass lets time pass in a bubble, and everybody do what is then to be done.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func change(t testing.TB, b *bench, fn func(*Tx) error) {
	t.Helper()
	if _, err := Update(caller(), b.Store, nil, func(tx *Tx) (*emptypb.Empty, error) { return &emptypb.Empty{}, fn(tx) }); err != nil {
		t.Fatal(err)
	}
}

// noted answers the firings in the order of the journal, with their delay.
func noted(t *testing.T, b *bench) []string {
	t.Helper()
	events, err := b.Events(context.Background(), 1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		r, err := get(b, e.Subject)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.TrimPrefix(e.Subject, "enterprises/")+" "+strings.TrimPrefix(r.GetDisplayName(), "đến hạn "))
	}
	return out
}

func wantNoted(t *testing.T, b *bench, want ...string) {
	t.Helper()
	if got := noted(t, b); !slices.Equal(got, want) {
		t.Errorf("fired %q, want %q", got, want)
	}
}

func TestTimersFireWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := timed(t, t.TempDir())
		now := time.Now()
		setTimers(t, b, map[string]time.Time{
			"note/b": now.Add(2 * time.Hour), "note/a": now.Add(2 * time.Hour), "note/c": now.Add(time.Hour),
			"note/moved": now.Add(time.Hour), "note/cancelled": now.Add(time.Hour), "note/late": now.Add(-time.Hour),
		})
		setTimers(t, b, map[string]time.Time{"note/moved": now.Add(3 * time.Hour)})
		change(t, b, func(tx *Tx) error { return CancelTimer(tx, "note/cancelled") })
		pass(time.Minute)
		wantNoted(t, b, "late-1 2µs")
		pass(24 * time.Hour)
		stop()
		wantNoted(t, b, "late-1 2µs", "c-1 0s", "a-1 0s", "b-1 1µs", "moved-1 0s")
	})
}

// INV-TIMER-NEW-DUE: a timer that is set anew while it fires fires again, though its moment has passed.
func TestATimerMaySetItselfAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := timed(t, t.TempDir())
		setTimers(t, b, map[string]time.Time{"again/x": time.Now().Add(time.Hour)})
		pass(2 * time.Hour)
		stop()
		wantNoted(t, b, "x-1 0s", "x-2 0s", "x-3 0s", "x-4 0s", "x-5 0s")
	})
}

func TestOverdueTimersFireAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b, stop := timed(t, dir)
		setTimers(t, b, map[string]time.Time{"note/a": time.Now().Add(time.Hour), "note/b": time.Now().Add(48 * time.Hour)})
		stop()
		b.check(t)
		pass(24 * time.Hour)
		b, stop = timed(t, dir)
		pass(time.Second)
		wantNoted(t, b, "a-1 23h0m0s")
		pass(25 * time.Hour)
		stop()
		wantNoted(t, b, "a-1 23h0m0s", "b-1 0s")
	})
}

// A timer that fails is tried again with growing pauses and holds up no other.
func TestATimerThatFailsHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Duration
		start := time.Now()
		var b *bench
		b, stop := timed(t, t.TempDir(), func(o *Options) {
			o.Timers["fail"] = func(tx *Tx, timer Timer) error {
				if tries = append(tries, time.Since(start)); len(tries) < 12 {
					panic("not today")
				}
				return noting(b)(tx, timer)
			}
		})
		setTimers(t, b, map[string]time.Time{"fail/a": start, "note/b": start.Add(time.Second / 2), "note/c": start.Add(time.Hour / 2)})
		pass(2 * time.Hour)
		stop()
		// 1 + 2 + 4 + … + 512 seconds, then 10 minutes.
		wantNoted(t, b, "b-1 0s", "a-1 27m3s", "c-1 0s")
		if len(tries) != 12 || tries[10] != 1023*time.Second+time.Microsecond || tries[11] != 1623*time.Second+time.Microsecond {
			t.Errorf("tried after %v", tries)
		}
	})
}

// A clock that jumps forward makes timers due at once, a minute later at most; one that jumps back makes them wait.
func TestTimersFollowAClockThatJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var offset atomic.Int64
		b, stop := timed(t, t.TempDir(), func(o *Options) {
			o.Clock = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
		})
		start := time.Now()
		setTimers(t, b, map[string]time.Time{"note/a": start.Add(24 * time.Hour), "note/b": start.Add(24*time.Hour + 10*time.Minute)})
		synctest.Wait()
		offset.Store(int64(24 * time.Hour))
		pass(time.Minute)
		wantNoted(t, b, "a-1 1m0s")
		offset.Store(int64(24*time.Hour - 4*time.Minute))
		pass(12 * time.Minute)
		wantNoted(t, b, "a-1 1m0s")
		pass(3 * time.Minute)
		stop()
		wantNoted(t, b, "a-1 1m0s", "b-1 0s")
	})
}

// INV-TIMER-ONCE: however many loops fire them, at once or late, timers take effect once, as commands of the service.
func TestTimersFireOnce(t *testing.T) {
	b := open(t, t.TempDir())
	b.timerHandlers["note"] = noting(b)
	due := map[string]time.Time{}
	for i := range 40 {
		due[fmt.Sprintf("note/t%d", i)] = b.now.Add(-time.Hour)
	}
	setTimers(t, b, due)
	b.now = b.now.Add(time.Hour)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var loops sync.WaitGroup
	for range 3 {
		loops.Go(func() { b.FireTimers(ctx) })
	}
	for b.Head().GetEvents() < 40 {
		<-b.Changed()
	}
	cancel()
	loops.Wait()
	if n := count(t, b); n != 40 {
		t.Errorf("%d effects", n)
	}
	seen := map[string]bool{}
	for p := uint64(2); p <= b.Head().GetPosition(); p++ {
		e, err := readEntry(entryBytes(t, b, p))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range e.GetCommands() {
			if c.GetPrincipal() != "services/registry" || c.GetMethod() != "timer/note" || !strings.HasPrefix(c.GetRequestId(), "timer/note/t") || seen[c.GetRequestId()] {
				t.Errorf("command of %s by %s with id %s, seen %v", c.GetPrincipal(), c.GetMethod(), c.GetRequestId(), seen[c.GetRequestId()])
			}
			seen[c.GetRequestId()] = true
		}
	}
	if len(seen) != 40 {
		t.Errorf("request ids %v", slices.Sorted(maps.Keys(seen)))
	}
}

// A firing looks at its row again, and a refused one leaves no trace that would stop a later one.
func TestAFiringLooksAtItsRowAgain(t *testing.T) {
	b := open(t, t.TempDir())
	b.timerHandlers["note"] = noting(b)
	setTimers(t, b, map[string]time.Time{"note/a": b.now.Add(time.Hour)})
	timer, err := View(caller(), b.Store, func(tx *ReadTx) (Timer, error) {
		timer, ok, err := FindTimer(tx, "note/a")
		if !ok {
			t.Error("the timer is not there")
		}
		return timer, err
	})
	if err != nil {
		t.Fatal(err)
	}
	before := b.Head().GetPosition()
	stale := timer
	stale.Due = b.now.Add(-time.Minute)
	for _, early := range []Timer{timer, stale, {Name: "note/none", Due: b.now}} {
		if err := b.fireTimer(context.Background(), early); !errors.Is(err, errNotDue) {
			t.Errorf("firing %v: %v", early, err)
		}
	}
	if b.Head().GetPosition() != before {
		t.Error("a refused firing left a trace")
	}
	b.now = timer.Due
	for range 2 {
		if err := b.fireTimer(context.Background(), timer); err != nil {
			t.Errorf("a due timer: %v", err)
		}
	}
	wantNoted(t, b, "a-1 0s")
	_, err = Update(caller(), b.Store, nil, func(tx *Tx) (*journalpb.Cursor, error) {
		return nil, SetTimer(tx, "nobody/x", b.now, nil)
	})
	wantReason(t, err, faultpb.Reason_REASON_INTERNAL)
}

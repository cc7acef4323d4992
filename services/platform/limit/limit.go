// Package limit bounds what one caller may ask of a process: so much in a time, and so many calls and streams at once. The
// gateway and the chain of every service count by it, each with limits of its own.
//
// A call costs what it is worth (Cost); a caller has a store of so many that fills up again at a steady rate, so an office
// that loads a page or imports a sheet is not slowed, and one that never ends is. What a call has read beyond its cost is
// charged when it has ended, and a stream waits until what it has read is paid.
//
// INV-LIMIT-APART: one caller's calls take nothing from another's, and a caller's streams nothing from its calls.
// INV-LIMIT-BOUNDED: so many callers are known at once; those whose store is full again are forgotten first.
// INV-LIMIT-READ: who has read much waits before the next call, and a stream before it reads on; nobody owes more than one burst.
// INV-LIMIT-DOUBT: no more proofs of one address are looked at than it could pay for if all of them prove nothing.
package limit

import (
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// Limits are what one principal may ask.
type Limits struct {
	// Rate is what it may ask in a second, Burst what it may ask at once before the rate counts; in costs.
	Rate, Burst int
	// AtOnce is how many calls of it may be under way, Streams how many streams.
	AtOnce, Streams int
}

const (
	// LeastBurst lets the dearest single call through.
	LeastBurst = 100
	// Crowd is how many times as much as a principal a process may ask, which speaks for many.
	Crowd = 10
	// part is which part of it an address may ask, behind which nobody is known.
	part = 10
	// maxKnown is how many callers are known at once.
	maxKnown = 16384
	// step is how exactly a pause is told.
	step = time.Millisecond
	// The pauses that refusals name: until a call has ended, and until a stream has.
	untilCall   = time.Second
	untilStream = time.Minute
)

// Or is l with the values of usual where it has none.
func (l Limits) Or(usual Limits) Limits {
	for _, d := range []struct {
		set   *int
		usual int
	}{{&l.Rate, usual.Rate}, {&l.Burst, usual.Burst}, {&l.AtOnce, usual.AtOnce}, {&l.Streams, usual.Streams}} {
		if *d.set == 0 {
			*d.set = d.usual
		}
	}
	return l
}

// Good reports whether a limiter can go by the limits: all are at least 1, and the burst lets every call through.
func (l Limits) Good() bool {
	return l.Rate >= 1 && l.Burst >= LeastBurst && l.AtOnce >= 1 && l.Streams >= 1
}

// Who is a caller that is counted.
type Who struct {
	kind kind
	name string
}

type kind uint8

const (
	principal kind = iota
	process
	address
)

// Principal is whoever has proved to be one.
func Principal(name string) Who { return Who{principal, name} }

// Process is a process that asks on its own account, or for whoever has not said who they are.
func Process(name string) Who { return Who{process, name} }

// Address is where whoever is not known comes from.
func Address(network string) Who { return Who{address, network} }

// Limiter counts. It is safe for concurrent use.
type Limiter struct {
	limits Limits
	now    func() time.Time

	mu    sync.Mutex
	known map[Who]*account
}

// account is what one caller has left.
type account struct {
	// calls pays for calls, reads for what streams read; nil: they have read nothing yet.
	calls, reads      *rate.Limiter
	underway, streams int
	// doubts is what is being looked at costs if it proves nothing.
	doubts int
}

// New returns a limiter with this clock. It panics for limits that are not Good.
func New(l Limits, now func() time.Time) *Limiter {
	if !l.Good() {
		panic("limit: limits that let nobody through")
	}
	return &Limiter{limits: l, now: now, known: map[Who]*account{}}
}

// Enter lets a call in; leave must be called once when it has ended. ResourceExhausted for one too many, which says when to come
// back.
func (l *Limiter) Enter(who Who, cost int) (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, now := l.of(who), l.now()
	if most := who.kind.of(l.limits.AtOnce); a.underway >= most {
		return nil, fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_AT_ONCE, "", "limit", strconv.Itoa(most)).After(untilCall)
	}
	return l.count(a, &a.underway, now, cost)
}

// Listen lets a stream in, as Enter does a call. Streams are counted apart: they stay, and must neither keep calls out nor take
// all the room that others need to listen.
func (l *Limiter) Listen(who Who, cost int) (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, now := l.of(who), l.now()
	if most := who.kind.of(l.limits.Streams); a.streams >= most {
		return nil, fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_STREAMS_AT_ONCE, "", "limit", strconv.Itoa(most)).After(untilStream)
	}
	return l.count(a, &a.streams, now, cost)
}

// count takes the cost, and counts what is under way until it is left. The lock is held.
func (l *Limiter) count(a *account, underway *int, now time.Time, cost int) (leave func(), err error) {
	if err := a.take(now, cost); err != nil {
		return nil, err
	}
	*underway++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		*underway--
	}, nil
}

// Take takes a cost, without counting anything as under way. ResourceExhausted as Enter has it.
func (l *Limiter) Take(who Who, cost int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of(who).take(l.now(), cost)
}

// Doubt says whether to look at a proof that costs this much to look at, and nothing to its sender if it proves somebody.
// ResourceExhausted where the sender could not pay; else settle must be called once with what became of it (INV-LIMIT-DOUBT).
func (l *Limiter) Doubt(who Who, cost int) (settle func(proved bool), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, now := l.of(who), l.now()
	if wait := a.wait(now, a.doubts+cost); wait > 0 {
		return nil, tooFast(wait)
	}
	a.doubts += cost
	return func(proved bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if a.doubts -= cost; !proved {
			a.owe(l.now(), cost)
		}
	}, nil
}

// of finds the account of a caller. The lock is held.
func (l *Limiter) of(who Who) *account {
	a := l.known[who]
	if a == nil {
		l.makeRoom()
		a = &account{calls: l.store(who)}
		l.known[who] = a
	}
	return a
}

// store is a full one.
func (l *Limiter) store(who Who) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(who.kind.of(l.limits.Rate)), max(LeastBurst, who.kind.of(l.limits.Burst)))
}

// of is the share of a limit that a kind of caller has.
func (k kind) of(limit int) int {
	switch k {
	case process:
		return limit * Crowd
	case address:
		return max(1, limit/part)
	default:
		return limit
	}
}

// take takes a cost, or nothing.
func (a *account) take(now time.Time, cost int) error {
	if a.doubts == 0 && a.calls.AllowN(now, cost) {
		return nil
	}
	if wait := a.wait(now, a.doubts+cost); wait > 0 {
		return tooFast(wait)
	}
	a.calls.AllowN(now, cost)
	return nil
}

// wait is how long it takes until a cost can be paid; 0: it can be now.
func (a *account) wait(now time.Time, cost int) time.Duration {
	missing := float64(cost) - a.calls.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	wait := time.Duration(missing / float64(a.calls.Limit()) * float64(time.Second))
	return max(step, (wait + step - 1).Truncate(step))
}

// owe takes a cost that has arisen already, up to a debt of one burst.
func (a *account) owe(now time.Time, cost int) {
	most := a.calls.Burst()
	for owed := min(cost, int(a.calls.TokensAt(now))+most); owed > 0; owed -= most {
		a.calls.ReserveN(now, min(owed, most))
	}
}

// tooFast is the refusal of a caller that has to wait; its text says whole seconds.
func tooFast(wait time.Duration) error {
	seconds := strconv.Itoa(Seconds(wait))
	return fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_REQUESTS, "", "limit", seconds).After(wait)
}

// Seconds is a pause in whole seconds that is no shorter, as the header Retry-After has it.
func Seconds(wait time.Duration) int { return int((wait + time.Second - 1) / time.Second) }

// idle reports whether nothing is to be remembered of a caller.
func (a *account) idle(now time.Time) bool {
	full := func(s *rate.Limiter) bool { return s == nil || s.TokensAt(now) >= float64(s.Burst()) }
	return !a.busy() && full(a.calls) && full(a.reads)
}

// busy reports whether something of a caller is under way.
func (a *account) busy() bool { return a.underway+a.streams+a.doubts > 0 }

// makeRoom forgets callers if there are too many: those of whom nothing is to be remembered, and if there are none, any who has
// nothing under way. The lock is held.
func (l *Limiter) makeRoom() {
	if len(l.known) < maxKnown {
		return
	}
	now := l.now()
	for who, a := range l.known {
		if a.idle(now) {
			delete(l.known, who)
		}
	}
	for who, a := range l.known {
		if len(l.known) < maxKnown*3/4 {
			return
		}
		if !a.busy() {
			delete(l.known, who)
		}
	}
}

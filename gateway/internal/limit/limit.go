// Package limit bounds what one caller may ask of the gateway: so much in a time, and so many requests at once. A caller is a
// principal, or for whoever is not known yet the address that the request comes from.
//
// A request costs what it is worth (package caller says how much); a caller has a store of so many that fills up again at a
// steady rate, so an office that loads a page or imports a sheet is not slowed, and one that never ends is.
//
// INV-LIMIT-APART: one caller's requests take nothing from another's.
// INV-LIMIT-BOUNDED: so many callers are known at once; those whose store is full again are forgotten first.
package limit

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"coso/gateway/internal/source"
	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// Limits are what an operator decides; zero ones have the defaults of the settings.
type Limits struct {
	Rate    int `name:"rate" help:"What one caller may ask in a second: a look-up costs 1, a list or a change 5, a password 20." default:"1000"`
	Burst   int `name:"rate-burst" help:"What one caller may ask at once before the rate counts." default:"10000"`
	AtOnce  int `name:"at-once" help:"How many requests of one caller may be under way, beside streams of events." default:"64"`
	Streams int `name:"streams" help:"How many streams of events one caller may listen to." default:"16"`
}

// The defaults, as the settings have them.
const (
	defaultRate    = 1000
	defaultBurst   = 10000
	defaultAtOnce  = 64
	defaultStreams = 16
	// strangers have a part of what callers have who are known.
	part = 10
	// maxKnown is how many callers are known at once.
	maxKnown = 16384
)

var errLimits = errors.New("--rate, --rate-burst, --at-once and --streams are at least 1, 100, 1 and 1")

// Check answers what is wrong with the limits.
func (l Limits) Check() error {
	l = l.orDefault()
	if l.Rate < 1 || l.Burst < leastBurst || l.AtOnce < 1 || l.Streams < 1 {
		return errLimits
	}
	return nil
}

// leastBurst lets the dearest single request through.
const leastBurst = 100

func (l Limits) orDefault() Limits {
	for _, d := range []struct {
		set   *int
		usual int
	}{{&l.Rate, defaultRate}, {&l.Burst, defaultBurst}, {&l.AtOnce, defaultAtOnce}, {&l.Streams, defaultStreams}} {
		if *d.set == 0 {
			*d.set = d.usual
		}
	}
	return l
}

// Limiter counts. Safe for concurrent use.
type Limiter struct {
	limits Limits
	now    func() time.Time

	mu    sync.Mutex
	known map[string]*account
}

// account is what one caller has left.
type account struct {
	store    *rate.Limiter
	underway int
	streams  int
	last     time.Time
}

// New returns a limiter with this clock.
func New(l Limits, now func() time.Time) *Limiter {
	return &Limiter{limits: l.orDefault(), now: now, known: map[string]*account{}}
}

// Enter lets a request of a caller in; leave must be called when it has ended. ResourceExhausted for one too many: the header
// Retry-After of the answer says when to come back.
func (l *Limiter) Enter(w http.ResponseWriter, who string, cost int) (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of(who, l.limits.Rate, l.limits.Burst)
	if a.underway >= l.limits.AtOnce {
		w.Header().Set("Retry-After", "1")
		return nil, fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_AT_ONCE, "", "limit", strconv.Itoa(l.limits.AtOnce))
	}
	return l.count(w, a, &a.underway, cost)
}

// Listen lets a stream of events of a caller in, as Enter does a request. Streams are counted apart: they stay, and must
// neither keep requests out nor take all the room that others need to listen.
func (l *Limiter) Listen(w http.ResponseWriter, who string, cost int) (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of(who, l.limits.Rate, l.limits.Burst)
	if a.streams >= l.limits.Streams {
		w.Header().Set("Retry-After", "60")
		return nil, fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_STREAMS_AT_ONCE, "", "limit", strconv.Itoa(l.limits.Streams))
	}
	return l.count(w, a, &a.streams, cost)
}

// count takes the cost, and counts what is under way until it is left. The lock is held.
func (l *Limiter) count(w http.ResponseWriter, a *account, underway *int, cost int) (leave func(), err error) {
	if err := l.take(w, a, cost); err != nil {
		return nil, err
	}
	*underway++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		*underway--
	}, nil
}

// Stranger counts what nobody answers for by name against the address that it comes from, which has a part of what a
// known caller has.
func (l *Limiter) Stranger(w http.ResponseWriter, address string, cost int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.take(w, l.of("from "+source.Network(address), max(1, l.limits.Rate/part), max(leastBurst, l.limits.Burst/part)), cost)
}

// of finds the account of a caller. The lock is held.
func (l *Limiter) of(who string, perSecond, burst int) *account {
	a := l.known[who]
	if a == nil {
		l.makeRoom()
		a = &account{store: rate.NewLimiter(rate.Limit(perSecond), burst)}
		l.known[who] = a
	}
	a.last = l.now()
	return a
}

// take takes the cost of a request. The lock is held.
func (l *Limiter) take(w http.ResponseWriter, a *account, cost int) error {
	now := l.now()
	r := a.store.ReserveN(now, cost)
	wait := r.DelayFrom(now)
	if r.OK() && wait == 0 {
		return nil
	}
	r.CancelAt(now)
	seconds := strconv.Itoa(int((wait + time.Second - 1) / time.Second))
	w.Header().Set("Retry-After", seconds)
	return fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_REQUESTS, "", "limit", seconds)
}

// makeRoom forgets callers if there are too many: those who have not come for so long that nothing is to be remembered of
// them, and if all have, any who has nothing under way. The lock is held.
func (l *Limiter) makeRoom() {
	if len(l.known) < maxKnown {
		return
	}
	whole := time.Duration(l.limits.Burst/l.limits.Rate+1) * time.Second
	for who, a := range l.known {
		if a.underway+a.streams == 0 && l.now().Sub(a.last) > whole {
			delete(l.known, who)
		}
	}
	for who, a := range l.known {
		if len(l.known) < maxKnown*3/4 {
			return
		}
		if a.underway+a.streams == 0 {
			delete(l.known, who)
		}
	}
}

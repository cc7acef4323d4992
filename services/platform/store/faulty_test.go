package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// testSeed is the variable that repeats a run of a seeded test.
const testSeed = "COSO_TEST_SEED"

// seeded prints the seed it draws from; the variable sets it.
func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv(testSeed); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("repeat with %s=%d", testSeed, seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// odds say how often a faulty log misbehaves, in percent of what it is asked.
type odds struct {
	lostRequest int // an entry does not arrive
	lostAnswer  int // it gets its place, and nobody says so
	late        int // it arrives with a later question, if the place is free then
	refused     int // the place is said to be given away, and is not
	stranger    int // another writer takes the place with an entry that changes nothing
	silent      int // a question for an entry gets no answer
	behind      int // it is answered by somebody who does not know the last entries
	delay       int // a question takes up to two milliseconds
	tailEnds    int // the tail breaks off
}

var bad = odds{lostRequest: 6, lostAnswer: 8, late: 6, refused: 6, stranger: 12, silent: 8, behind: 8, delay: 10, tailEnds: 5}

var errBreak = errors.New("the connection broke")

// faultyLog is a shared log in memory with the faults of a network and of those who run it. Seeded: the same questions in
// the same order meet the same faults.
type faultyLog struct {
	id uuid.UUID

	mu      sync.Mutex
	rand    *rand.Rand
	odds    odds
	entries []Placed
	head    *journalpb.Head // of the entries, for strangers
	late    []Placed
	changed chan struct{}
	refuse  error         // not nil: what every Append answers
	asked   chan uint64   // not nil: told the place of every Append
	held    chan struct{} // not nil: an Append waits for it before it answers
}

func newFaultyLog(r *rand.Rand, o odds) *faultyLog {
	return &faultyLog{
		id: uuid.UUID{0: 0xc0, 6: 0x70, 8: 0x80}, rand: r, odds: o, changed: make(chan struct{}),
		head: &journalpb.Head{Moment: timestamppb.New(time.Date(2020, 11, 30, 7, 0, 0, 0, time.UTC))},
	}
}

// on opens stores on the log.
func (l *faultyLog) on(o *Options) { o.Log, o.Key = l, bytes.Repeat([]byte{7}, 32) }

// anyLog draws the log that a script runs on: the store's own, or a faulty one with another writer on it.
func anyLog(rt *rapid.T) func(*Options) {
	if rapid.Bool().Draw(rt, "own log") {
		return func(*Options) {}
	}
	return newFaultyLog(rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed of the log"), 0)), bad).on
}

func (*faultyLog) Shared() bool             { return true }
func (l *faultyLog) Incarnation() uuid.UUID { return l.id }

// set changes the log under its lock.
func (l *faultyLog) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// happens draws a fault. The caller holds mu.
func (l *faultyLog) happens(percent int) bool { return l.rand.IntN(100) < percent }

// slow lets a question take its time.
func (l *faultyLog) slow(ctx context.Context) error {
	l.mu.Lock()
	d := time.Duration(l.rand.Int64N(int64(2 * time.Millisecond)))
	slow := l.happens(l.odds.delay)
	l.mu.Unlock()
	if !slow {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

func (l *faultyLog) Append(ctx context.Context, position uint64, entry []byte) error {
	if err := l.slow(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	asked, held := l.asked, l.held
	l.mu.Unlock()
	if asked != nil {
		asked <- position
	}
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.offer(Placed{position, bytes.Clone(entry)})
}

// offer is what becomes of a request. The caller holds mu.
func (l *faultyLog) offer(p Placed) error {
	if len(l.late) > 0 && l.happens(50) {
		l.land(l.late[0])
		l.late = l.late[1:]
	}
	switch {
	case l.refuse != nil:
		return l.refuse
	case l.happens(l.odds.lostRequest):
		return ErrUnknown
	case l.happens(l.odds.refused):
		return ErrConflict
	case l.happens(l.odds.late):
		l.late = append(l.late, p)
		return ErrUnknown
	case l.happens(l.odds.stranger):
		l.land(l.noop())
	}
	granted := l.land(p)
	switch {
	case l.happens(l.odds.lostAnswer):
		return ErrUnknown
	case !granted:
		return ErrConflict
	}
	return nil
}

// noop is an entry that changes nothing, as another writer would make it.
func (l *faultyLog) noop() Placed {
	moment := timestamppb.New(l.head.GetMoment().AsTime().Add(time.Microsecond))
	_, raw, err := seal(l.head, l.id[:], "", moment, nil)
	if err != nil {
		panic(err)
	}
	return Placed{l.head.GetPosition() + 1, raw}
}

// land is the compare-and-append itself. The caller holds mu.
func (l *faultyLog) land(p Placed) bool {
	if p.Position != l.head.GetPosition()+1 {
		return false
	}
	e, err := readEntry(p.Entry)
	if err == nil {
		err = follows(e, l.head, l.id[:])
	}
	if err != nil {
		panic(fmt.Sprintf("a store offered an entry that does not follow: %v", err))
	}
	next := after(l.head, e, p.Entry)
	l.force(p)
	l.head = next
	return true
}

// force puts whatever into the log. The caller holds mu.
func (l *faultyLog) force(p Placed) {
	l.entries = append(l.entries, p)
	l.head = &journalpb.Head{Position: p.Position}
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *faultyLog) Read(ctx context.Context, from uint64) (Placed, error) {
	if err := l.slow(ctx); err != nil {
		return Placed{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.happens(l.odds.silent) {
		return Placed{}, ErrUnknown
	}
	p, ok := l.first(from)
	if !ok || l.happens(l.odds.behind) {
		return Placed{}, ErrNothing
	}
	return p, nil
}

func (l *faultyLog) first(from uint64) (Placed, bool) {
	for _, p := range l.entries {
		if p.Position >= from {
			return p, true
		}
	}
	return Placed{}, false
}

func (l *faultyLog) Tail(ctx context.Context, from uint64) iter.Seq2[Placed, error] {
	return func(yield func(Placed, error) bool) {
		for {
			l.mu.Lock()
			p, ok := l.first(from)
			changed, ends := l.changed, l.happens(l.odds.tailEnds)
			l.mu.Unlock()
			switch {
			case ends:
				yield(Placed{}, errBreak)
				return
			case ok:
				if !yield(p, nil) {
					return
				}
				from = p.Position + 1
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

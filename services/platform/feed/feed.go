package feed

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"

	faultpb "coso/proto/gen/coso/fault/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

const (
	// askEvery is how often a source is asked where its events stand.
	askEvery = 3 * time.Second
	// maxAge is when a copy is too old to rest on.
	maxAge = 5 * time.Minute
	// lookAgainAfter is when a relay or follower that stopped looks whether it may go on.
	lookAgainAfter = 5 * time.Second
)

// Options say what one service's feed consists of.
type Options struct {
	// Store is the service's.
	Store *store.Store
	// Followers are what it does with other services' events, one per source.
	Followers []Follower
	// Logger takes what an operator must know.
	Logger *slog.Logger
	// AskEvery is how often sources are asked where their events stand; 0: every 3 seconds.
	AskEvery time.Duration
	// LookAgain is when a relay or follower that stopped looks whether it may go on; 0: after 5 seconds.
	LookAgain time.Duration
	// MaxAge is when a copy is too old to rest on; 0: 5 minutes.
	MaxAge time.Duration
	// Ages is the file that keeps how old the copies are across restarts; empty: nothing does.
	Ages string
	// Now is the clock by which copies age; nil: the machine's. It is not the store's: age is not legal time.
	Now func() time.Time
}

// Feed is the relay and the followers of one service, what is known of them, and what an operator can do about them. Its
// methods are safe for concurrent use. It is the service's feedpb.FeedServiceServer.
type Feed struct {
	feedpb.UnimplementedFeedServiceServer

	o          Options
	relayState relayState
	// watches are the followers in order of their sources.
	watches []*watch
	takers  *takers
	ages    *ages
	// working: Work runs.
	working atomic.Bool
	// forget ends the metrics.
	forget func()
}

// New makes a feed; nothing runs before Run does. Close ends its metrics.
func New(o Options) *Feed {
	if o.AskEvery == 0 {
		o.AskEvery = askEvery
	}
	if o.LookAgain == 0 {
		o.LookAgain = lookAgainAfter
	}
	if o.MaxAge == 0 {
		o.MaxAge = maxAge
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &Feed{o: o, takers: newTakers(o.Store.Service()), ages: openAges(o.Ages, o.Logger)}
	for _, fl := range o.Followers {
		w := newWatch(fl)
		f.recall(context.Background(), w)
		f.watches = append(f.watches, w)
	}
	slices.SortFunc(f.watches, func(a, b *watch) int { return strings.Compare(a.follower.Source, b.follower.Source) })
	f.forget = f.measure()
	return f
}

// Close ends the feed's metrics. Run must have returned.
func (f *Feed) Close() { f.forget() }

// Run runs relay and followers over js until ctx ends, and asks the sources where their events stand over conns, by the
// sources' names. A source without a connection is not asked; how old its copy is remains unknown, and nothing is refused
// for it. The age of a copy goes on across restarts (Options.Ages).
//
// A relay or follower that has met something it must not pass over stops and is logged as an alarm; the rest goes on. It
// looks again every few seconds whether the cause has passed, a follower at once when the event at which it stopped is
// skipped; the alarm stays until it does go on. A follower also stops while its source says that it does not hold the
// event that was taken from it last.
func (f *Feed) Run(ctx context.Context, js jetstream.JetStream, conns map[string]grpc.ClientConnInterface) {
	var g sync.WaitGroup
	g.Go(func() { f.Work(ctx, js) })
	g.Go(func() { f.Ask(ctx, conns) })
	g.Wait()
}

// Work is the part of Run that one of several replicas is enough for: it runs relay and followers until ctx ends, and may be called
// again then. While it does not run, status says that the feed rests.
func (f *Feed) Work(ctx context.Context, js jetstream.JetStream) {
	f.working.Store(true)
	defer f.rest()
	var g sync.WaitGroup
	g.Go(func() { f.relay(ctx, js) })
	for _, w := range f.watches {
		g.Go(func() { f.follow(ctx, js, w) })
	}
	g.Wait()
}

// rest forgets what stopped a relay or follower that does not run any more.
func (f *Feed) rest() {
	f.working.Store(false)
	f.relayState.alarm.Store(nil)
	for _, w := range f.watches {
		w.rest()
	}
}

// Ask is the part of Run that every replica does for itself: it asks the sources where their events stand, until ctx ends.
func (f *Feed) Ask(ctx context.Context, conns map[string]grpc.ClientConnInterface) {
	var g sync.WaitGroup
	for _, w := range f.watches {
		if conn, ok := conns[w.follower.Source]; ok {
			if !f.recall(ctx, w) {
				f.first(w)
			}
			g.Go(func() { f.ask(ctx, w, feedpb.NewFeedServiceClient(conn)) })
		} else {
			w.begin(time.Time{})
		}
	}
	g.Wait()
	f.ages.flush()
}

// recall says how old a copy is before its source is heard, by when it was complete before the restart. One of which that is not
// known is just too old. false: nothing was ever taken from the source, or nothing is kept.
func (f *Feed) recall(ctx context.Context, w *watch) bool {
	if f.o.Ages == "" {
		return false
	}
	now := f.o.Now()
	at, err := f.o.Store.Cursor(ctx, w.follower.Source)
	if err != nil {
		f.o.Logger.WarnContext(ctx, "a cursor cannot be read; its copy is too old until the source was heard", "source", w.follower.Source, "error", err)
	}
	last, kept := f.ages.last(w.follower.Source, at, now)
	if err == nil && !kept && at.GetSequence() == 0 {
		return false
	}
	if err != nil || !kept {
		last = now.Add(-f.o.MaxAge - time.Second)
	}
	w.begin(last)
	return true
}

// first begins the age of a copy that is new; it goes on across restarts, however often there are some.
func (f *Feed) first(w *watch) {
	now := f.o.Now()
	w.begin(now)
	f.ages.keep(w.follower.Source, complete{At: now}, now)
}

// OldCopies says, for a call of a full gRPC method, which copies are older than the limit: `registry=312s`, several
// separated by commas, empty for none. The error refuses a method that changes what rests on one of them (Follower.Fresh):
// Unavailable, COPY_TOO_OLD.
func (f *Feed) OldCopies(method string) (string, error) {
	var old []string
	for _, w := range f.watches {
		age, known := w.age(f.o.Now())
		if !known || age <= f.o.MaxAge {
			continue
		}
		if w.follower.restsOn(method) {
			return "", fault.Unavailable(faultpb.Reason_REASON_COPY_TOO_OLD, "", "name", w.follower.Source,
				"current", age.Truncate(time.Second).String(), "limit", f.o.MaxAge.String())
		}
		old = append(old, w.follower.Source+"="+seconds(age))
	}
	return strings.Join(old, ","), nil
}

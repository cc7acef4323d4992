package replica

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"

	faultpb "coso/proto/gen/coso/fault/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
)

const (
	// watchEvery is how often the others are asked, watchSoon how often while something is wrong.
	watchEvery = 3 * time.Second
	watchSoon  = time.Second
	// aheadFor is how long a replica bears to be alone in holding more than the log shows: longer than an isolated server goes on
	// answering what was.
	aheadFor = 30 * time.Second
)

// WatchOptions say what is watched.
type WatchOptions struct {
	// Service is the service's name, Replica this replica's.
	Service, Replica string
	// Peers are the ways to all other configured replicas, by name. None: this one is its own majority.
	Peers map[string]grpc.ClientConnInterface
	// Log is the service's log.
	Log *streamlog.Log
	// Logger takes what an operator must know; nil: slog.Default.
	Logger *slog.Logger
	// Every is how often the others are asked; 0: every 3 seconds. AheadFor is how long replicas may hold more than the log
	// shows before an older one was put back, and this one may while no majority does before it is set aside; 0: 30 seconds.
	Every, AheadFor time.Duration
}

// Watch compares a replica with the others, and lets it write while a majority holds the same. It is safe for concurrent use.
type Watch struct {
	replicapb.UnimplementedReplicaServiceServer

	o WatchOptions
	// names are the other replicas', in order.
	names []string
	store atomic.Pointer[store.Store]
	// wake asks for a round now.
	wake chan struct{}
	// asking is held by whoever makes a round.
	asking sync.Mutex
	// ahead is since when replicas hold more than the log shows. Held by asking.
	ahead ahead

	mu sync.Mutex
	// last is what the last round showed; nil: there was none. ended is closed at the end of the next.
	last  *picture
	ended chan struct{}
	// agreed: at the log's turn agreedAt a majority held the same, and nothing has spoken against it since.
	agreed   bool
	agreedAt uint64
	// end is how far the journal goes, as far as the log and the others have said; heard: one of them has, or there are no others.
	end   uint64
	heard bool
	// accepted is an operator's decision to write without a majority; nil: there is none in force.
	accepted *replicapb.Acceptance
}

// NewWatch makes the watch of a replica whose store is not open yet: the store gets the watch's Log, and the watch the store by
// Of.
func NewWatch(o WatchOptions) *Watch {
	o.Logger = cmp.Or(o.Logger, slog.Default()).With("service", o.Service, "replica", o.Replica)
	o.Every, o.AheadFor = cmp.Or(o.Every, watchEvery), cmp.Or(o.AheadFor, aheadFor)
	return &Watch{
		o: o, names: slices.Sorted(maps.Keys(o.Peers)), wake: make(chan struct{}, 1), ended: make(chan struct{}), heard: len(o.Peers) == 0,
	}
}

// Of says which store is watched: the one that was opened on the watch's Log. It is called once, before Run.
func (w *Watch) Of(s *store.Store) { w.store.Store(s) }

// Run asks the others and the log every few seconds, at once when somebody waits to write, and when the connection or the
// stream's leader has changed, until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	stop, err := w.o.Log.Elections(w.poke)
	if err == nil {
		defer stop()
	} else {
		w.o.Logger.WarnContext(ctx, "elections of the stream's leader are noticed a few seconds late", "error", err)
	}
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-t.C:
		}
		next := w.o.Every
		if w.round(ctx); w.Healthy() != nil {
			next = min(next, watchSoon)
		}
		t.Reset(next)
	}
}

// poke asks for a round now.
func (w *Watch) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Healthy answers nil while this replica holds what a majority holds and may write, as far as the others are concerned.
// Otherwise it says why not: DataLoss once the store is set aside; Unavailable while no majority has agreed, replicas are divided
// or the log went back; and what Log.Sound says.
func (w *Watch) Healthy() error {
	s := w.store.Load()
	if s == nil {
		return fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
	}
	if err := s.Aside(); err != nil {
		return err
	}
	w.mu.Lock()
	_, why := w.refusal()
	w.mu.Unlock()
	if why == nil {
		why = w.o.Log.Sound()
	}
	return why
}

// End answers the position of the last entry that the log or a replica with the same journal was seen to hold, at most a few seconds
// ago; while the log does not answer, what was seen before counts too. false: nobody but this replica has said anything yet.
func (w *Watch) End() (position uint64, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.end, w.heard
}

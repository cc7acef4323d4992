package client

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"coso/deploy/faults/check"
	"coso/services/platform/store"
	"coso/services/platform/token"
)

const (
	// shared is how many records all clients change, contested how many of the created ids they share.
	shared    = 6
	contested = 40
	// pace is what a client waits between two requests, and between two tries of one.
	pace  = 15 * time.Millisecond
	again = 100 * time.Millisecond
)

// Workload is several clients at once.
type Workload struct {
	// Ways are the ways to the replicas. The first clients stay with one replica each, the others move.
	Ways []Way
	// Signer signs their tokens.
	Signer *token.Signer
	// Clients is how many there are.
	Clients int
	// Seed decides what they ask.
	Seed uint64
	// Began is the beginning of the run.
	Began time.Time
	// Logger takes what surprises.
	Logger *slog.Logger

	mu         sync.Mutex
	ops        []check.Op
	surprises  []string
	damaged    string
	lastWrites []time.Duration
}

// Run lets the clients ask until ctx ends, and then finish what they have begun until give up ends.
func (w *Workload) Run(ctx, giveUp context.Context) {
	var all sync.WaitGroup
	for i := range w.Clients {
		c := &client{
			w: w, desk: desk{w.Signer}, n: i, dice: rand.New(rand.NewPCG(w.Seed, uint64(i))), //nolint:gosec // drawn from the run's seed
			etags: map[string][]known{}, way: i % len(w.Ways), moves: i >= len(w.Ways),
		}
		all.Go(func() { c.run(ctx, giveUp) })
	}
	all.Wait()
}

// Ops are all requests so far, in no order.
func (w *Workload) Ops() []check.Op {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.ops)
}

// Surprises are the errors that no fault of a machine explains, each once.
func (w *Workload) Surprises() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.surprises)
}

// Acknowledged is how many writes were acknowledged so far.
func (w *Workload) Acknowledged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.lastWrites)
}

// LongestGap is the longest time between two acknowledged writes from one moment of the run to another.
func (w *Workload) LongestGap(from, to time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.lastWrites)
	var longest time.Duration
	for _, at := range w.lastWrites {
		if at > from && at < to {
			longest, from = max(longest, at-from), at
		}
	}
	return max(longest, to-from)
}

func (w *Workload) keep(o check.Op) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ops = append(w.ops, o)
	if o.Kind != check.Read && o.Outcome == check.Done {
		w.lastWrites = append(w.lastWrites, o.Answered)
	}
}

// Damage says that the data of a replica are damaged on purpose: from now on it may say so.
func (w *Workload) Damage(replica string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.damaged = replica
}

// owns reports whether an error is a replica's own word about data that were damaged on purpose.
func (w *Workload) owns(replica string, code codes.Code) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return code == codes.DataLoss && replica == w.damaged
}

func (w *Workload) surprised(replica string, o check.Op, err error) {
	said := fmt.Sprintf("%s answers %s with: %v", replica, o.Kind, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.surprises, said) {
		w.surprises = append(w.surprises, said)
		w.Logger.Warn("a surprise", "replica", replica, "request", o.RequestID, "error", err)
	}
}

// known is a revision of a record and the etag that it has.
type known struct {
	etag     string
	revision int64
}

// client asks one thing after the other.
type client struct {
	w    *Workload
	desk desk
	n    int
	dice *rand.Rand
	// count counts its requests, for their ids and values.
	count int
	// etags are what it has seen of each record, in order.
	etags map[string][]known
	// seen is the furthest position that it was told.
	seen []store.Position
	// way is the replica that it asks, moves whether it goes to another one each time.
	way   int
	moves bool
}

func (c *client) run(ctx, giveUp context.Context) {
	for ctx.Err() == nil {
		o, etag := c.next()
		c.made(giveUp, &o, etag)
		c.w.keep(o)
		wait(ctx, pace)
	}
}

// next draws what is asked next.
func (c *client) next() (o check.Op, etag string) {
	c.count++
	o = check.Op{
		RequestID: fmt.Sprintf("c%d-%d", c.n, c.count), Value: fmt.Sprintf("đơn vị %d-%d", c.n, c.count),
		Record: fmt.Sprintf("%sshared-%d", collection, c.dice.IntN(shared)),
	}
	const parts = 100
	seen := c.etags[o.Record]
	switch at := c.dice.IntN(parts); {
	case at < 15:
		o.Kind, o.Record = check.Create, fmt.Sprintf("%sc%d-%d", collection, c.n, c.count)
	case at < 25:
		o.Kind, o.Record = check.Create, fmt.Sprintf("%scontested-%d", collection, c.dice.IntN(contested))
	case len(seen) == 0 && at < 50:
		o.Kind = check.Create
	case len(seen) == 0 || at < 50:
		o.Kind = check.Read
		if c.dice.IntN(2) == 0 && len(c.seen) > 0 {
			o.AtLeast = c.seen[0].Number
		}
	default:
		o.Kind = check.Update
		k := seen[len(seen)-1]
		if at >= 90 {
			k = seen[c.dice.IntN(len(seen))]
		}
		o.Revision, etag = k.revision, k.etag
	}
	return o, etag
}

// made sends a request until its outcome is known or giveUp ends.
func (c *client) made(giveUp context.Context, o *check.Op, etag string) {
	o.Sent = time.Since(c.w.Began)
	var atLeast []store.Position
	if o.AtLeast > 0 {
		atLeast = c.seen
	}
	for giveUp.Err() == nil {
		if c.moves {
			c.way = c.dice.IntN(len(c.w.Ways))
		}
		to := c.w.Ways[c.way]
		o.Tries++
		a := c.desk.ask(giveUp, to, *o, etag, atLeast)
		if a.surprise != nil && giveUp.Err() == nil && !c.w.owns(to.Name, a.code) {
			c.w.surprised(to.Name, *o, a.surprise)
		}
		if o.Outcome = a.outcome; o.Outcome != check.Unknown {
			o.Answered = time.Since(c.w.Began)
			c.learn(o, a)
			return
		}
		wait(giveUp, again)
	}
}

// learn keeps what an answer says. A refusal says no less than another answer where the replica stood: no later answer may be older.
func (c *client) learn(o *check.Op, a answer) {
	o.Position = a.position.Number
	c.seen = store.MergePositions(c.seen, a.position)
	if a.outcome != check.Done {
		return
	}
	o.Got = check.Row{Value: a.unit.GetDisplayName(), Revision: a.unit.GetRevision()}
	if all := c.etags[o.Record]; len(all) == 0 || all[len(all)-1].revision < a.unit.GetRevision() {
		c.etags[o.Record] = append(all, known{a.unit.GetEtag(), a.unit.GetRevision()})
	}
}

// wait waits a while or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

package rpc

import (
	"context"
	"errors"
	"sync"
	"time"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// cutWait is how long a stop waits for calls to notice that they were cut.
const cutWait = time.Second

// errStopping ends the contexts of calls that a stop does not wait for.
var errStopping = errors.New("the server stops")

// gate counts the calls inside and shuts when the server stops. It is safe for concurrent use.
type gate struct {
	// idle is closed when the gate is shut and nobody is inside.
	idle chan struct{}
	// draining ends when the gate shuts: streams end with it.
	draining context.Context //nolint:containedctx // the signal that ends streams
	drain    context.CancelFunc
	// cutting ends when a stop waits no longer: calls end with it.
	cutting context.Context //nolint:containedctx // the signal that ends calls
	cutAll  context.CancelFunc

	mu     sync.Mutex
	shut   bool
	inside int
}

func newGate() *gate {
	g := &gate{idle: make(chan struct{})}
	g.draining, g.drain = context.WithCancel(context.Background())
	g.cutting, g.cutAll = context.WithCancel(context.Background())
	return g
}

// enter lets a call in; false: the gate is shut. Whoever is let in leaves.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		g.inside++
	}
	return !g.shut
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.shut && g.inside == 0 {
		close(g.idle)
	}
}

// close shuts the gate and ends streams.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut && g.inside == 0 {
		close(g.idle)
	}
	g.shut = true
	g.drain()
}

// cut ends the calls inside and says how many there are.
func (g *gate) cut() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cutAll()
	return g.inside
}

// pass refuses calls of a stopping server and ends those that it does not wait for. The health service goes on answering
// questions, so that it can say that the rest does not.
func (g *gate) pass(ctx context.Context, c *call, next func(context.Context) error) error {
	signal := g.cutting
	switch {
	case c.stream:
		signal = g.draining
	case c.service == healthService:
		return next(ctx)
	}
	if !g.enter() {
		return fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
	}
	defer g.leave()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(signal, func() { cancel(errStopping) })()
	err := next(ctx)
	if fault.KindOf(err) == fault.KindCancelled && errors.Is(context.Cause(ctx), errStopping) {
		return fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "").With(err)
	}
	return err
}

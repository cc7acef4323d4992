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

// gate knows the calls inside and shuts when the server stops. It is safe for concurrent use.
type gate struct {
	// idle is closed when the gate is shut and nobody is inside.
	idle chan struct{}

	mu   sync.Mutex
	shut bool
	// inside are the ways to end the calls.
	inside map[*call]context.CancelCauseFunc
}

func newGate() *gate {
	return &gate{idle: make(chan struct{}), inside: map[*call]context.CancelCauseFunc{}}
}

// enter lets a call in; false: the gate is shut. Whoever is let in leaves.
func (g *gate) enter(c *call, end context.CancelCauseFunc) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		g.inside[c] = end
	}
	return !g.shut
}

func (g *gate) leave(c *call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if delete(g.inside, c); g.shut && len(g.inside) == 0 {
		close(g.idle)
	}
}

// close shuts the gate and ends streams.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut && len(g.inside) == 0 {
		close(g.idle)
	}
	g.shut = true
	for c, end := range g.inside {
		if c.stream {
			end(errStopping)
		}
	}
}

// cut ends the calls inside and says how many there are.
func (g *gate) cut() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, end := range g.inside {
		end(errStopping)
	}
	return len(g.inside)
}

// pass refuses calls of a stopping server and ends those that it does not wait for. The health service goes on answering
// questions, so that it can say that the rest does not.
func (g *gate) pass(ctx context.Context, c *call, next func(context.Context) error) error {
	if !c.stream && c.service == healthService {
		return next(ctx)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	if !g.enter(c, end) {
		return fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
	}
	defer g.leave(c)
	err := next(ctx)
	if fault.KindOf(err) == fault.KindCancelled && errors.Is(context.Cause(ctx), errStopping) {
		return fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "").With(err)
	}
	return err
}

package page

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"coso/services/platform/fault"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
)

// The headers of a call, as the services read and write them.
const (
	requestIDHeader = "x-request-id"
	copyAgeHeader   = "coso-copy-age"
	traceHeader     = "traceparent"
)

// atOnce is how many calls a page has under way at a time.
const atOnce = 8

// asker asks the services for one page. Its methods are safe for concurrent use.
type asker struct {
	clients

	header metadata.MD

	mu    sync.Mutex
	stale string
}

// newAsker makes an asker whose calls carry the request's id, trace and caller.
func newAsker(c clients, r *http.Request) *asker {
	header := metadata.Pairs(requestIDHeader, exchange.Of(r.Context()).ID)
	if trace := r.Header.Get(traceHeader); trace != "" {
		header.Set(traceHeader, trace)
	}
	if who := caller.Of(r.Context()); who != nil {
		header.Set("authorization", who.Bearer())
	}
	return &asker{clients: c, header: header}
}

// call asks a service; a refusal comes back as the fault it was.
func call[Q, A any](ctx context.Context, a *asker, method func(context.Context, Q, ...grpc.CallOption) (A, error), question Q) (A, error) {
	var said metadata.MD
	answer, err := method(metadata.NewOutgoingContext(ctx, a.header.Copy()), question, grpc.Header(&said))
	if err != nil {
		return answer, fault.FromStatus(status.Convert(err))
	}
	if old := said.Get(copyAgeHeader); len(old) > 0 {
		a.mu.Lock()
		a.stale = old[0]
		a.mu.Unlock()
	}
	return answer, nil
}

// staleCopies names the copies behind the answers that are older than they should be; empty while all are fresh.
func (a *asker) staleCopies() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stale
}

// each calls do for 0 to n-1, several at a time, and returns one of the errors. A panic becomes an Internal error: on another
// goroutine it would end the process.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	next := make(chan int)
	for range min(n, atOnce) {
		group.Go(func() {
			for i := range next {
				if err := guarded(func() error { return do(ctx, i) }); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		next <- i
	}
	close(next)
	group.Wait()
	return context.Cause(ctx)
}

func guarded(do func() error) (err error) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if e, ok := cause.(error); ok && errors.Is(e, http.ErrAbortHandler) {
			err = fault.Internal(e)
			return
		}
		err = fault.Internal(fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
	}()
	return do()
}

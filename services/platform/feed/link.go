package feed

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
)

// errReconnected is why a session ended: the server that answers now may not be as it was.
var errReconnected = errors.New("the connection was made anew")

// untilReconnected answers a context that also ends, with errReconnected as its cause, when the connection is made anew:
// questions under way are lost then, and so may be the end of a stream. release must be called.
func untilReconnected(ctx context.Context, nc *nats.Conn) (link context.Context, release func()) {
	link, cancel := context.WithCancelCause(ctx)
	connected := nc.StatusChanged(nats.CONNECTED)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-connected:
			cancel(errReconnected)
		case <-link.Done():
		}
	}()
	return link, func() {
		cancel(nil)
		<-watched
		nc.RemoveStatusListener(connected)
	}
}

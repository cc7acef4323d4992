// Package stream serves change events over HTTP as server-sent events: GET /v1/events. It listens to the services' own feeds
// (coso.feed.v1.EventService), so events come while NATS is away, and merges them into one stream per client.
//
// An event's data is a CloudEvent as JSON. Its id says how far the stream is in every service's journal,
// `registry:12@<incarnation>,planning:4@<incarnation>`, so that a browser, which sends the last id when it comes back, goes on
// exactly there. A service that is away for a while holds up its own events only.
//
// INV-STREAM-RESUME: who comes back with the last id gets each event once.
// INV-STREAM-BOUND: so many streams and no more; each holds a bounded number of events; a client that does not read is cut off.
// INV-STREAM-SAME-JOURNAL: an id of a journal that is no longer in use is refused with 410, never guessed at.
package stream

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
)

// Path is where events are served.
const Path = "/v1/events"

const (
	// beginLimit is how long the services may take to say where their events stand.
	beginLimit = 5 * time.Second
	// writeLimit is how long a client may take to read what it was sent.
	writeLimit = 10 * time.Second
	// lifetime ends a stream; its client comes back by itself.
	lifetime = time.Hour
	// proofMargin is how long before its client's token a stream ends, so that it does not end in a refusal.
	proofMargin = time.Second
	// beatEvery is how often a stream says that it is alive, so that no proxy thinks it idle.
	beatEvery = 15 * time.Second
	// comeBack is after how long a browser whose stream has ended asks again.
	comeBack = 3 * time.Second
	// maxStreams bounds the streams at a time, buffer the events that one of them holds.
	maxStreams = 256
	buffer     = 32
)

// Source is a service to listen to.
type Source struct {
	// Name is its bare name, `registry`.
	Name string
	// Conn reaches it.
	Conn grpc.ClientConnInterface
}

// Options are what events come from. Sources are required.
type Options struct {
	Sources []Source
	// Beat starts the beats of one stream and answers how to end them; nil: every 15 s.
	Beat func() (<-chan time.Time, func())
	// MaxStreams is how many clients may listen at a time; 0: 256.
	MaxStreams int
	// WriteLimit is how long a client may take to read what it was sent; 0: 10 s.
	WriteLimit time.Duration
}

// Hub serves streams. It is safe for concurrent use.
type Hub struct {
	o       Options
	streams atomic.Int64
	// open tells what streams counts: coso.stream.open.
	open metric.Int64UpDownCounter
	// draining ends when the server stops.
	draining context.Context //nolint:containedctx // the signal that ends streams
	drain    context.CancelFunc
}

// New makes a hub.
func New(o Options) *Hub {
	if o.Beat == nil {
		o.Beat = func() (<-chan time.Time, func()) {
			t := time.NewTicker(beatEvery)
			return t.C, t.Stop
		}
	}
	if o.MaxStreams == 0 {
		o.MaxStreams = maxStreams
	}
	if o.WriteLimit == 0 {
		o.WriteLimit = writeLimit
	}
	h := &Hub{o: o}
	var err error
	if h.open, err = otel.Meter("coso/gateway/internal/stream").Int64UpDownCounter("coso.stream.open", metric.WithUnit("{stream}"),
		metric.WithDescription("Streams of events that clients have open now.")); err != nil {
		otel.Handle(err)
	}
	h.draining, h.drain = context.WithCancel(context.Background())
	return h
}

// Drain ends all streams and lets no other begin. Their clients come back with the last id when there is a server again.
func (h *Hub) Drain() { h.drain() }

// ServeHTTP serves one stream until its client goes, the hub drains or its lifetime is over.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		exchange.RefuseRoute(w, r, http.MethodGet, http.MethodHead)
		return
	}
	exchange.Of(r.Context()).Route = Path
	q, err := h.question(r)
	if err == nil {
		err = h.enter()
	}
	if err != nil {
		exchange.Refuse(w, r, err)
		return
	}
	defer h.leave()
	ctx, cancel := context.WithTimeout(r.Context(), life(r))
	defer cancel()
	defer context.AfterFunc(h.draining, cancel)()
	ctx = metadata.AppendToOutgoingContext(ctx, "x-request-id", exchange.Of(ctx).ID)
	if c := caller.Of(ctx); c != nil {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", c.Bearer())
	}
	if err := h.unitThere(ctx, q.unit); err != nil {
		exchange.Refuse(w, r, err)
		return
	}
	l := listen(ctx, q)
	defer l.wait()
	defer cancel()
	if err := l.begin(ctx); err != nil {
		exchange.Refuse(w, r, err)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // nginx would hold events back
	if r.Method == http.MethodHead {
		return
	}
	beat, stop := h.o.Beat()
	defer stop()
	out := &writer{w: w, control: http.NewResponseController(w), limit: h.o.WriteLimit, listener: l, requestID: exchange.Of(ctx).ID}
	out.run(ctx, beat)
}

// life is how long a stream may last: it ends a moment before the token that proves its client, who comes back with the next.
func life(r *http.Request) time.Duration {
	c := caller.Of(r.Context())
	if c == nil || c.Claims.Expires.IsZero() {
		return lifetime
	}
	return min(lifetime, max(0, time.Until(c.Claims.Expires)-proofMargin))
}

// enter takes one of the places there are.
func (h *Hub) enter() error {
	if h.draining.Err() != nil {
		return fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
	}
	if h.streams.Add(1) > int64(h.o.MaxStreams) {
		h.streams.Add(-1)
		return fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_STREAMS, "", "limit", strconv.Itoa(h.o.MaxStreams))
	}
	h.open.Add(context.Background(), 1)
	return nil
}

// leave gives the place back.
func (h *Hub) leave() {
	h.streams.Add(-1)
	h.open.Add(context.Background(), -1)
}

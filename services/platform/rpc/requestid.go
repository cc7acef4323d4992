package rpc

import (
	"context"
	"strings"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// The metadata a call brings and an answer takes.
const (
	// RequestIDHeader holds the id under which a call is logged; answered to every call.
	RequestIDHeader = "x-request-id"
	// PositionHeader holds positions, see store.ParsePositions; answered to every call that reads or writes, to one
	// that is refused too.
	PositionHeader = "coso-position"
	// SeenHeader holds the last entry of the service's own journal that an answer rests on, as one position: what its replicas must
	// have reached to answer no older state. It is answered to every call that reads or writes, for the gateway, which sends it back
	// in PositionHeader to the same service alone: others hear of events only.
	SeenHeader = "coso-seen"
)

// maxRequestID bounds a caller's request id, in bytes.
const maxRequestID = 128

// NewID is given, or a new UUIDv7 if that is empty.
func NewID(given string) string {
	if given != "" {
		return given
	}
	return uuid.Must(uuid.NewV7()).String()
}

type callKey struct{}

// nameRequest gives the call the id that its caller chose, if it is fit to be repeated, or a new one, and answers it.
func nameRequest(ctx context.Context, c *call, next func(context.Context) error) error {
	c.requestID = NewID(fit(strings.Join(metadata.ValueFromIncomingContext(ctx, RequestIDHeader), ",")))
	if err := c.say(ctx, RequestIDHeader, c.requestID); err != nil {
		return err
	}
	err := next(context.WithValue(ctx, callKey{}, c))
	if gone := setHeader(ctx, c.said...); err == nil {
		err = gone
	}
	return err
}

// say adds to the metadata of the answer. A stream says it at once: its header may be gone later.
func (c *call) say(ctx context.Context, key, value string) error {
	if c.stream {
		return setHeader(ctx, key, value)
	}
	c.said = append(c.said, key, value)
	return nil
}

// fit is id if it is short and of visible ASCII; else "".
func fit(id string) string {
	unfit := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(id) > maxRequestID || strings.ContainsFunc(id, unfit) {
		return ""
	}
	return id
}

// setHeader adds keys and values to the metadata of the answer. If its caller is gone it says so; else a failure is
// Internal.
func setHeader(ctx context.Context, pairs ...string) error {
	if len(pairs) == 0 {
		return nil
	}
	err := grpc.SetHeader(ctx, metadata.Pairs(pairs...))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return fault.Internal(err)
	}
}

// RequestID is the id of the call that ctx belongs to; "" outside of a call.
func RequestID(ctx context.Context) string {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return ""
	}
	return c.requestID
}

// Outgoing is ctx for asking another service about the call that ctx belongs to: the request id, the trace and the
// positions that the call asked for or has reached so far go along. Outside of a call only the trace does.
func Outgoing(ctx context.Context) context.Context {
	md, _ := metadata.FromOutgoingContext(ctx)
	md = md.Copy()
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		md.Set(RequestIDHeader, c.requestID)
		positions := c.asked
		if c.recorder != nil {
			positions = store.MergePositions(positions, c.recorder.Positions()...)
		}
		if len(positions) > 0 {
			md.Set(PositionHeader, store.FormatPositions(positions))
		}
	}
	propagation.TraceContext{}.Inject(ctx, carrier(md))
	return metadata.NewOutgoingContext(ctx, md)
}

// carrier lets a trace travel in metadata.
type carrier metadata.MD

// Get reads the first value of a key.
func (c carrier) Get(key string) string {
	if v := metadata.MD(c).Get(key); len(v) > 0 {
		return v[0]
	}
	return ""
}

// Set replaces the values of a key.
func (c carrier) Set(key, value string) { metadata.MD(c).Set(key, value) }

// Keys lists what is there.
func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	return keys
}

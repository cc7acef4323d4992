package feed

import (
	"testing"

	"github.com/nats-io/nats.go"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// heardFrom is an event that came with a traceparent.
func heardFrom(number uint64, traceparent string) received {
	h := nats.Header{}
	h.Set(headerTrace, traceparent)
	return received{at: Envelope{Number: number}, body: &registrypb.UnitCreated{}, trace: traceOf(h)}
}

func TestSpanOfACommand(t *testing.T) {
	const one, two = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	const again = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b8-01"
	unheard := heardFrom(9, two)
	unheard.body = nil
	for name, c := range map[string]struct {
		events []received
		trace  string // which it continues
		links  int
	}{
		"one trace":              {[]received{heardFrom(8, one)}, "0af7651916cd43dd8448eb211c80319c", 1},
		"one trace, many spans":  {[]received{heardFrom(8, one), heardFrom(9, again), heardFrom(10, again)}, "0af7651916cd43dd8448eb211c80319c", 2},
		"several traces":         {[]received{heardFrom(8, one), heardFrom(9, two)}, "", 2},
		"none":                   {[]received{heardFrom(8, ""), heardFrom(9, "garbage")}, "", 0},
		"took effect before":     {[]received{heardFrom(7, two), heardFrom(8, one)}, "0af7651916cd43dd8448eb211c80319c", 1},
		"one that nobody hears":  {[]received{heardFrom(8, one), unheard}, "0af7651916cd43dd8448eb211c80319c", 1},
		"one without, one with":  {[]received{heardFrom(8, ""), heardFrom(9, one)}, "0af7651916cd43dd8448eb211c80319c", 1},
		"nothing that is listed": {nil, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := tracetest.NewSpanRecorder()
			tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer(scope)
			f := &following{source: "registry", tracer: tracer, cursor: &journalpb.Cursor{Sequence: 7}}
			ctx, span := f.span(t.Context(), c.events)
			endSpan(span, nil)
			got := recorder.Ended()[0]
			if got.Name() != "follow registry" || got.SpanKind() != trace.SpanKindConsumer || len(got.Links()) != c.links {
				t.Errorf("%s, %s, %d links, want %d", got.Name(), got.SpanKind(), len(got.Links()), c.links)
			}
			if c.trace != "" && got.SpanContext().TraceID().String() != c.trace || c.trace == "" && got.Parent().IsValid() {
				t.Errorf("it is in the trace %s, want %q", got.SpanContext().TraceID(), c.trace)
			}
			if trace.SpanContextFromContext(ctx).SpanID() != got.SpanContext().SpanID() {
				t.Error("the command does not run inside its span")
			}
		})
	}
}

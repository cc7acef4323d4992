package feed

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/nats-io/nats.go"

	"coso/services/platform/fault"
)

// scope names this package to OpenTelemetry.
const scope = "coso/services/platform/feed"

// traceOf is the context of the request that a message comes from; invalid if it names none.
func traceOf(h nats.Header) trace.SpanContext {
	given := propagation.MapCarrier{headerTrace: h.Get(headerTrace)}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), given))
}

// span begins the span of one command, linked to the requests that its events come from. If they come from one trace the
// command continues it, so that what it announces in turn belongs to that trace too; of several none is preferred.
func (f *following) span(ctx context.Context, events []received) (context.Context, trace.Span) {
	var links []trace.Link
	var last trace.SpanContext
	traces, seen := map[trace.TraceID]bool{}, map[trace.SpanID]bool{}
	for _, e := range events {
		if e.body == nil || !e.trace.IsValid() || e.at.Number <= f.cursor.GetSequence() || seen[e.trace.SpanID()] {
			continue
		}
		last = e.trace
		seen[last.SpanID()], traces[last.TraceID()] = true, true
		links = append(links, trace.Link{SpanContext: last})
	}
	if len(traces) == 1 {
		ctx = trace.ContextWithRemoteSpanContext(ctx, last)
	}
	return f.tracer.Start(ctx, "follow "+f.source, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(links...),
		trace.WithAttributes(attribute.String("messaging.system", "nats"),
			attribute.String("messaging.destination.name", StreamName(f.source)),
			attribute.Int("messaging.batch.message_count", len(events))))
}

// endSpan ends a command's span. Of an error it shows the kind alone.
func endSpan(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(otelcodes.Error, fault.KindOf(err).Code().String())
	}
	span.End()
}

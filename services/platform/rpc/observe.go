package rpc

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"coso/services/platform/fault"
)

// scope names this package to OpenTelemetry.
const scope = "coso/services/platform/rpc"

// meters count and time calls, by service, method and code.
type meters struct {
	tracer   trace.Tracer
	calls    metric.Int64Counter
	duration metric.Float64Histogram
}

// labels are the labels of an outcome of a method. They are made once: making them costs more than counting.
type labels struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

// by are the labels of the method's outcome.
func (m *method) by(code codes.Code) *labels {
	at := &m.seen[min(int(code), len(m.seen)-1)]
	if known := at.Load(); known != nil {
		return known
	}
	by := metric.WithAttributeSet(attribute.NewSet(
		attribute.String("service", m.service), attribute.String("method", m.name), attribute.String("code", code.String())))
	at.Store(&labels{add: []metric.AddOption{by}, record: []metric.RecordOption{by}})
	return at.Load()
}

func newMeters() meters {
	m := meters{tracer: otel.Tracer(scope)}
	meter := otel.Meter(scope)
	var err error
	if m.calls, err = meter.Int64Counter("coso.rpc.calls",
		metric.WithDescription("Calls answered, by service, method and code."), metric.WithUnit("{call}")); err != nil {
		otel.Handle(err)
	}
	if m.duration, err = meter.Float64Histogram("coso.rpc.duration",
		metric.WithDescription("How long calls took, by service, method and code."), metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 30)); err != nil {
		otel.Handle(err)
	}
	return m
}

// observe continues the caller's trace with a span, and counts, times and logs the call when it has ended.
func (s *Server) observe(ctx context.Context, c *call, next func(context.Context) error) error {
	if len(metadata.ValueFromIncomingContext(ctx, "traceparent")) > 0 {
		md, _ := metadata.FromIncomingContext(ctx)
		ctx = propagation.TraceContext{}.Extract(ctx, carrier(md))
	}
	ctx, span := s.meters.tracer.Start(ctx, c.span, c.spanOptions...)
	defer span.End()
	start := time.Now()
	err := next(ctx)
	took := time.Since(start)

	code := codes.OK
	if err != nil {
		code = fault.KindOf(err).Code()
	}
	if span.IsRecording() {
		span.SetAttributes(attribute.Int("rpc.grpc.status_code", int(code)))
		if level(code) >= slog.LevelWarn {
			span.SetStatus(otelcodes.Error, code.String())
		}
	}
	by := c.by(code)
	s.meters.calls.Add(ctx, 1, by.add...)
	s.meters.duration.Record(ctx, took.Seconds(), by.record...)
	s.log(ctx, c, code, took, err)
	return err
}

// level says how much an outcome concerns the operator: what callers do wrong is theirs.
func level(code codes.Code) slog.Level {
	switch code {
	case codes.OK:
		return slog.LevelDebug
	case codes.Unavailable, codes.DeadlineExceeded:
		return slog.LevelWarn
	case codes.Internal, codes.DataLoss, codes.Unknown:
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

// log writes the call's one line. A refusal shows its reason and field, not its text, which may repeat what the caller
// wrote; the cause and the stack are shown only where the service itself is at fault.
func (s *Server) log(ctx context.Context, c *call, code codes.Code, took time.Duration, err error) {
	at := level(code)
	if !s.logger.Enabled(ctx, at) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", c.requestID), slog.String("method", c.full), slog.String("code", code.String()),
		slog.Duration("took", took), slog.String("principal", c.principal.Name),
	}
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		attrs = append(attrs, slog.String("trace_id", span.TraceID().String()))
	}
	if e := fault.From(err); e != nil {
		attrs = append(attrs, slog.String("reason", e.Reason.String()), slog.String("field", e.Field))
	}
	if at >= slog.LevelWarn {
		attrs = append(attrs, slog.Any("error", err))
	}
	if thrown, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(thrown.stack)))
	}
	s.logger.LogAttrs(ctx, at, "call", attrs...)
}

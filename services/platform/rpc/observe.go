package rpc

import (
	"context"
	"errors"
	"log/slog"
	"sync"
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
	// labels keeps the label sets of outcomes that were counted before: making one costs more than counting. There are as
	// many as methods times codes.
	labels *sync.Map // outcome → metric.MeasurementOption
}

// outcome is what calls are counted by.
type outcome struct {
	service, method string
	code            codes.Code
}

func (m meters) by(o outcome) metric.MeasurementOption {
	if by, ok := m.labels.Load(o); ok {
		return by.(metric.MeasurementOption) //nolint:forcetypeassert // nothing else is stored
	}
	by := metric.WithAttributeSet(attribute.NewSet(
		attribute.String("service", o.service), attribute.String("method", o.method), attribute.String("code", o.code.String())))
	m.labels.Store(o, by)
	return by
}

func newMeters() meters {
	m := meters{tracer: otel.Tracer(scope), labels: &sync.Map{}}
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
	service, method := s.label(c)
	md, _ := metadata.FromIncomingContext(ctx)
	if len(md.Get("traceparent")) > 0 {
		ctx = propagation.TraceContext{}.Extract(ctx, carrier(md))
	}
	ctx, span := s.meters.tracer.Start(ctx, service+"/"+method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("rpc.system", "grpc"), attribute.String("rpc.service", service), attribute.String("rpc.method", method)))
	defer span.End()
	start := time.Now()
	err := next(ctx)
	took := time.Since(start)

	code := codes.OK
	if err != nil {
		code = fault.KindOf(err).Code()
	}
	span.SetAttributes(attribute.Int("rpc.grpc.status_code", int(code)))
	if level(code) >= slog.LevelWarn {
		span.SetStatus(otelcodes.Error, code.String())
	}
	by := s.meters.by(outcome{service, method, code})
	s.meters.calls.Add(ctx, 1, by)
	s.meters.duration.Record(ctx, took.Seconds(), by)
	s.log(ctx, c, code, took, err)
	return err
}

// label is how a call is counted. Methods that nobody registered are counted as one, or callers could fill the memory
// with names.
func (s *Server) label(c *call) (service, method string) {
	if s.methods[c.method] {
		return c.service, c.name
	}
	return "unknown", "unknown"
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
		slog.String("request_id", c.requestID), slog.String("method", c.method), slog.String("code", code.String()),
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

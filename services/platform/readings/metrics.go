package readings

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// meters are the book's metrics, by service; none names a principal or a resource.
type meters struct {
	service  metric.MeasurementOption
	recorded metric.Int64Counter
	duration metric.Float64Histogram
	forget   func()
}

func (b *Book) observe() *meters {
	meter := otel.Meter("coso/services/platform/readings")
	m := &meters{forget: func() {}, service: metric.WithAttributeSet(attribute.NewSet(attribute.String("service", b.service)))}
	var err error
	if m.recorded, err = meter.Int64Counter("coso.readings.recorded", metric.WithUnit("{reading}"),
		metric.WithDescription("Readings of personal data that were recorded.")); err != nil {
		otel.Handle(err)
	}
	if m.duration, err = meter.Float64Histogram("coso.readings.write.duration", metric.WithUnit("s"),
		metric.WithDescription("How long it took to write and sync the readings that waited beside each other."),
		metric.WithExplicitBucketBoundaries(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15)); err != nil {
		otel.Handle(err)
	}
	alarm, err := meter.Int64ObservableGauge("coso.readings.alarm", metric.WithUnit("1"),
		metric.WithDescription("1: readings of personal data cannot be recorded, so none is shown."))
	if err != nil {
		otel.Handle(err)
	}
	registered, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		stuck := int64(0)
		if b.Healthy() != nil {
			stuck = 1
		}
		o.ObserveInt64(alarm, stuck, m.service)
		return nil
	}, alarm)
	if err != nil {
		otel.Handle(err)
		return m
	}
	m.forget = func() {
		if err := registered.Unregister(); err != nil {
			otel.Handle(err)
		}
	}
	return m
}

// wrote counts what became of readings.
func (m *meters) wrote(ctx context.Context, readings int, took time.Duration, err error) {
	if err == nil {
		m.recorded.Add(ctx, int64(readings), m.service)
		m.duration.Record(ctx, took.Seconds(), m.service)
	}
}

package store

import (
	"context"
	"time"

	"coso/services/platform/fault"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scope names this package to OpenTelemetry.
const scope = "coso/services/platform/store"

// meters are the store's metrics. All are by service; none names a principal, a method or a record.
type meters struct {
	service metric.MeasurementOption
	of      string
	// commits times groups, from their first closure to their outcome; groups counts the commands in an entry.
	commits  metric.Float64Histogram
	groups   metric.Int64Histogram
	refusals metric.Int64Counter
	// forget ends what is observed.
	forget func()
}

// startMeters makes the store's metrics; they end with Close.
func (s *Store) startMeters() {
	meter := otel.Meter(scope)
	m := &meters{of: s.service, forget: func() {}, service: metric.WithAttributeSet(attribute.NewSet(attribute.String("service", s.service)))}
	var err error
	if m.commits, err = meter.Float64Histogram("coso.store.commit.duration", metric.WithUnit("s"),
		metric.WithDescription("How long groups of commands took to be run and written."),
		metric.WithExplicitBucketBoundaries(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15)); err != nil {
		otel.Handle(err)
	}
	if m.groups, err = meter.Int64Histogram("coso.store.group.size", metric.WithUnit("{command}"),
		metric.WithDescription("Commands that became one journal entry."),
		metric.WithExplicitBucketBoundaries(1, 2, 4, 8, 16, 32, 64, 128, 256, 512)); err != nil {
		otel.Handle(err)
	}
	if m.refusals, err = meter.Int64Counter("coso.store.refusals", metric.WithUnit("{command}"),
		metric.WithDescription("Commands that had no effect, by kind of error.")); err != nil {
		otel.Handle(err)
	}
	m.forget = s.observeState(meter, m.service)
	s.meters = m
}

// observeState makes the gauges of what the store is now.
func (s *Store) observeState(meter metric.Meter, service metric.MeasurementOption) (forget func()) {
	gauge := func(name, what, unit string) metric.Int64ObservableGauge {
		g, err := meter.Int64ObservableGauge(name, metric.WithDescription(what), metric.WithUnit(unit))
		if err != nil {
			otel.Handle(err)
		}
		return g
	}
	queue := gauge("coso.store.queue", "Commands that wait for their group.", "{command}")
	position := gauge("coso.store.position", "Position of the journal's last entry.", "{entry}")
	alarm := gauge("coso.store.alarm", "1: nothing can be written.", "1")
	unwritten := gauge("coso.store.unwritten", "About what waits in memory and log for the next checkpoint.", "By")
	lagging := gauge("coso.store.checkpoint.alarm", "1: the data file cannot be written; the log keeps what changes, while there is room in memory.", "1")
	tables := gauge("coso.store.rebuild.tables", "Derived tables that are being built anew; what reads them is refused meanwhile.", "{table}")
	rows := gauge("coso.store.rebuild.rows", "Rows that the tables being built have still to take, as far as counted.", "{row}")
	registered, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(queue, int64(len(s.queue)), service)
		o.ObserveInt64(position, int64(s.Head().GetPosition()), service) //nolint:gosec // positions stay far below 2^63
		o.ObserveInt64(unwritten, int64(s.db.now.Load().waiting), service)
		o.ObserveInt64(lagging, s.lag(), service)
		stuck, building, left := int64(0), s.Rebuilding(), int64(0)
		if s.Healthy() != nil {
			stuck = 1
		}
		for _, b := range building {
			left += int64(b.Total) - int64(b.Done) //nolint:gosec // rows are counted far below 2^63
		}
		o.ObserveInt64(alarm, stuck, service)
		o.ObserveInt64(tables, int64(len(building)), service)
		o.ObserveInt64(rows, max(left, 0), service)
		return nil
	}, queue, position, alarm, unwritten, lagging, tables, rows)
	if err != nil {
		otel.Handle(err)
		return func() {}
	}
	return func() {
		if err := registered.Unregister(); err != nil {
			otel.Handle(err)
		}
	}
}

// note counts what became of a group.
func (m *meters) note(g *group, err error, took time.Duration) {
	ctx := context.Background()
	if err == nil && len(g.commands) > 0 {
		m.commits.Record(ctx, took.Seconds(), m.service)
		m.groups.Record(ctx, int64(len(g.commands)), m.service)
	}
	if err != nil {
		m.refused(ctx, err, len(g.calls))
		return
	}
	for _, out := range g.outcomes {
		if out.err != nil {
			m.refused(ctx, out.err, 1)
		}
	}
}

func (m *meters) refused(ctx context.Context, err error, n int) {
	m.refusals.Add(ctx, int64(n), metric.WithAttributeSet(attribute.NewSet(
		attribute.String("service", m.of), attribute.String("kind", fault.KindOf(err).String()))))
}

package feed

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// gauges are the feed's metrics.
type gauges struct {
	relayLag, relayAlarm       metric.Int64ObservableGauge
	rebuilds                   metric.Int64ObservableCounter
	followerLag, followerAlarm metric.Int64ObservableGauge
	age                        metric.Float64ObservableGauge
}

// measure makes the feed's metrics: by service, and those of followers by source. forget ends them.
func (f *Feed) measure() (forget func()) {
	meter := otel.Meter(scope)
	count := func(name, what, unit string) metric.Int64ObservableGauge {
		g, err := meter.Int64ObservableGauge(name, metric.WithDescription(what), metric.WithUnit(unit))
		if err != nil {
			otel.Handle(err)
		}
		return g
	}
	g := gauges{
		relayLag:      count("coso.feed.relay.lag", "Events of the journal that are not known to be in the stream.", "{event}"),
		relayAlarm:    count("coso.feed.relay.alarm", "1: the relay has stopped and an operator must look.", "1"),
		followerLag:   count("coso.feed.follower.lag", "Events of the source that have not taken effect, as far as known.", "{event}"),
		followerAlarm: count("coso.feed.follower.alarm", "1: the follower has stopped and an operator must look.", "1"),
	}
	var err error
	if g.age, err = meter.Float64ObservableGauge("coso.feed.copy.age", metric.WithUnit("s"),
		metric.WithDescription("For how long the copy may have been older than its source.")); err != nil {
		otel.Handle(err)
	}
	if g.rebuilds, err = meter.Int64ObservableCounter("coso.feed.relay.rebuilds", metric.WithUnit("{rebuild}"),
		metric.WithDescription("How often a damaged stream was deleted and filled anew.")); err != nil {
		otel.Handle(err)
	}
	registered, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error { return f.observe(ctx, o, g) },
		g.relayLag, g.relayAlarm, g.rebuilds, g.followerLag, g.followerAlarm, g.age)
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

func (f *Feed) observe(ctx context.Context, o metric.Observer, g gauges) error {
	status, err := f.GetFeedStatus(ctx, nil)
	if err != nil {
		return err
	}
	service := attribute.String("service", status.GetService())
	by := metric.WithAttributeSet(attribute.NewSet(service))
	r := status.GetRelay()
	o.ObserveInt64(g.relayLag, lag(r.GetJournalSequence(), r.GetPublishedSequence()), by)
	o.ObserveInt64(g.relayAlarm, one(r.GetAlarm() != ""), by)
	o.ObserveInt64(g.rebuilds, r.GetRebuilds(), by)
	for _, w := range status.GetFollowers() {
		by := metric.WithAttributeSet(attribute.NewSet(service, attribute.String("source", w.GetSource())))
		o.ObserveInt64(g.followerLag, lag(w.GetHeadSequence(), w.GetSequence()), by)
		o.ObserveInt64(g.followerAlarm, one(w.GetAlarm() != ""), by)
		if w.GetAge() != nil {
			o.ObserveFloat64(g.age, w.GetAge().AsDuration().Seconds(), by)
		}
	}
	return nil
}

func lag(end, at uint64) int64 {
	if at >= end {
		return 0
	}
	return int64(end - at) //nolint:gosec // events are counted far below 2^63
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

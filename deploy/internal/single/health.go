package single

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	feedpb "coso/proto/gen/coso/feed/v1"
	"coso/services/platform/run"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// patience is how long a relay may publish nothing, though it has something to publish, before the process is not ready.
const patience = 30 * time.Second

// readiness answers whether the process does what it is for. It is safe for concurrent use.
type readiness struct {
	services []*run.Service

	mu   sync.Mutex
	last map[string]published
}

// published is how far a relay had come when it was first seen there.
type published struct {
	sequence uint64
	since    time.Time
}

// stuck says whether a relay stands still with work to do, and since when it was seen so.
func (r *readiness) stuck(service string, relay *feedpb.RelayStatus) (since time.Time, stuck bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, known := r.last[service]
	if !known || at.sequence != relay.GetPublishedSequence() || relay.GetPublishedSequence() == relay.GetJournalSequence() {
		r.last[service] = published{relay.GetPublishedSequence(), time.Now()}
		return time.Time{}, false
	}
	return at.since, time.Since(at.since) > patience
}

// healthy asks every service whether it serves, and whether its relay and followers go on: a service whose copies stand
// still answers, but what it answers is of yesterday.
func (r *readiness) healthy(ctx context.Context) error {
	for _, s := range r.services {
		answer, err := healthpb.NewHealthClient(s.Conn()).Check(ctx, &healthpb.HealthCheckRequest{})
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name(), err)
		}
		if answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			return fmt.Errorf("%s: %s", s.Name(), answer.GetStatus())
		}
		if err := r.alarms(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// alarms says what of a service's feed has stopped; nil: nothing.
func (r *readiness) alarms(ctx context.Context, s *run.Service) error {
	status, err := feedpb.NewFeedServiceClient(s.Conn()).GetFeedStatus(ctx, &feedpb.GetFeedStatusRequest{})
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name(), err)
	}
	if why := status.GetRelay().GetAlarm(); why != "" {
		return fmt.Errorf("%s: relay stopped: %s", s.Name(), why)
	}
	if since, stuck := r.stuck(s.Name(), status.GetRelay()); stuck {
		return fmt.Errorf("%s: relay has published nothing since %s, though there are events to publish", s.Name(), since.Format(time.RFC3339))
	}
	for _, f := range status.GetFollowers() {
		if why := f.GetAlarm(); why != "" {
			return fmt.Errorf("%s: follower of %s stopped: %s", s.Name(), f.GetSource(), why)
		}
	}
	return nil
}

// newMeters makes the process's metrics readable for Prometheus: those of the services, of Go and of the process.
func newMeters() (http.Handler, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(exporter)))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), nil
}

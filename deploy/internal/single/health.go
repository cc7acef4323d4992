package single

import (
	"context"
	"fmt"
	"net/http"

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

// healthy asks every service whether it serves, and whether its relay and followers go on: a service whose copies stand
// still answers, but what it answers is of yesterday.
func healthy(ctx context.Context, services []*run.Service) error {
	for _, s := range services {
		r, err := healthpb.NewHealthClient(s.Conn()).Check(ctx, &healthpb.HealthCheckRequest{})
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name(), err)
		}
		if r.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			return fmt.Errorf("%s: %s", s.Name(), r.GetStatus())
		}
		if err := alarms(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// alarms says what of a service's feed has stopped; nil: nothing.
func alarms(ctx context.Context, s *run.Service) error {
	status, err := feedpb.NewFeedServiceClient(s.Conn()).GetFeedStatus(ctx, &feedpb.GetFeedStatusRequest{})
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name(), err)
	}
	if why := status.GetRelay().GetAlarm(); why != "" {
		return fmt.Errorf("%s: relay stopped: %s", s.Name(), why)
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

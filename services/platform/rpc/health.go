package rpc

import (
	"context"
	"time"

	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// healthService is the name of the health service, which outlives the others.
const healthService = "grpc.health.v1.Health"

// healthWatch is how often a watcher's answer is held against the store.
const healthWatch = time.Second

// healthServer is the library's, with faults for its statuses. While the store takes no commands no service serves but
// this one.
type healthServer struct {
	*health.Server

	// sound answers nil while the store takes commands.
	sound func() error
}

// Check answers whether a service serves; NOT_FOUND for one that is not here.
func (h healthServer) Check(ctx context.Context, req *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	answer, err := h.Server.Check(ctx, req)
	if err != nil {
		return nil, fromLibrary(err)
	}
	return &healthpb.HealthCheckResponse{Status: h.status(req.GetService(), answer.GetStatus())}, nil
}

// List answers which services serve.
func (h healthServer) List(ctx context.Context, req *healthpb.HealthListRequest) (*healthpb.HealthListResponse, error) {
	answer, err := h.Server.List(ctx, req)
	if err != nil {
		return nil, fromLibrary(err)
	}
	out := &healthpb.HealthListResponse{Statuses: map[string]*healthpb.HealthCheckResponse{}}
	for name, one := range answer.GetStatuses() {
		out.Statuses[name] = &healthpb.HealthCheckResponse{Status: h.status(name, one.GetStatus())}
	}
	return out, nil
}

// Watch sends whether a service serves, at once and within a second of a change.
func (h healthServer) Watch(req *healthpb.HealthCheckRequest, out healthpb.Health_WatchServer) error {
	tick := time.NewTicker(healthWatch)
	defer tick.Stop()
	said := healthpb.HealthCheckResponse_UNKNOWN
	for {
		now := healthpb.HealthCheckResponse_SERVICE_UNKNOWN
		if answer, err := h.Server.Check(out.Context(), req); err == nil {
			now = h.status(req.GetService(), answer.GetStatus())
		}
		if now != said {
			if err := out.Send(&healthpb.HealthCheckResponse{Status: now}); err != nil {
				return err
			}
			said = now
		}
		select {
		case <-tick.C:
		case <-out.Context().Done():
			return out.Context().Err()
		}
	}
}

func (h healthServer) status(service string, known healthpb.HealthCheckResponse_ServingStatus) healthpb.HealthCheckResponse_ServingStatus {
	if service != healthService && known == healthpb.HealthCheckResponse_SERVING && h.sound() != nil {
		return healthpb.HealthCheckResponse_NOT_SERVING
	}
	return known
}

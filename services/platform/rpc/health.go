package rpc

import (
	"context"

	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// healthService is the name of the health service, which outlives the others.
const healthService = "grpc.health.v1.Health"

// healthServer is the library's, with faults for its statuses.
type healthServer struct{ *health.Server }

// Check answers whether a service serves; NOT_FOUND for one that is not here.
func (h healthServer) Check(ctx context.Context, req *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	answer, err := h.Server.Check(ctx, req)
	return answer, fromLibrary(err)
}

// List answers which services serve.
func (h healthServer) List(ctx context.Context, req *healthpb.HealthListRequest) (*healthpb.HealthListResponse, error) {
	answer, err := h.Server.List(ctx, req)
	return answer, fromLibrary(err)
}

// Watch sends whether a service serves, at once and whenever that changes.
func (h healthServer) Watch(req *healthpb.HealthCheckRequest, out healthpb.Health_WatchServer) error {
	return fromLibrary(h.Server.Watch(req, out))
}

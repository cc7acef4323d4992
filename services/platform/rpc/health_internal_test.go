package rpc

import (
	"errors"
	"testing"

	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// Whoever asks for a service's health hears of a store that takes no commands; the health service itself serves on.
func TestHealthIsTheStoresToo(t *testing.T) {
	const service = "coso.registry.v1.UnitService"
	var sick error
	h := healthServer{health.NewServer(), func() error { return sick }}
	h.SetServingStatus(service, healthpb.HealthCheckResponse_SERVING)
	h.SetServingStatus(healthService, healthpb.HealthCheckResponse_SERVING)
	for _, want := range []healthpb.HealthCheckResponse_ServingStatus{
		healthpb.HealthCheckResponse_SERVING, healthpb.HealthCheckResponse_NOT_SERVING, healthpb.HealthCheckResponse_SERVING,
	} {
		if sick = nil; want == healthpb.HealthCheckResponse_NOT_SERVING {
			sick = errors.New("the disk is full")
		}
		list, err := h.List(t.Context(), &healthpb.HealthListRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for name, expected := range map[string]healthpb.HealthCheckResponse_ServingStatus{
			"": want, service: want, healthService: healthpb.HealthCheckResponse_SERVING,
		} {
			one, err := h.Check(t.Context(), &healthpb.HealthCheckRequest{Service: name})
			if err != nil || one.GetStatus() != expected || list.GetStatuses()[name].GetStatus() != expected {
				t.Errorf("%q is %v, listed %v, %v; want %v", name, one, list.GetStatuses()[name], err, expected)
			}
		}
	}
}

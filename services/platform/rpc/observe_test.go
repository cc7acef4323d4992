package rpc_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// TestCallsAreCountedAndTraced runs by itself: the providers belong to the whole process.
func TestCallsAreCountedAndTraced(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	spans := tracetest.NewInMemoryExporter()
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))

	for i, tcp := range []bool{false, true} {
		b := newBench(t, tcp)
		b.units.during(func(context.Context, proto.Message) error {
			return fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "", "name", "units")
		})
		ctx := with(t, "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		_, err := b.client().GetUnit(ctx, &registrypb.GetUnitRequest{Name: "units/a"})
		refused(t, err, fault.KindDataLoss, faultpb.Reason_REASON_DATA_DAMAGED, "")
		got := spans.GetSpans()
		spans.Reset()
		if len(got) != 1 || got[0].Name != unitService+"/GetUnit" || got[0].Status.Code.String() != "Error" ||
			got[0].Parent.SpanID().String() != "00f067aa0ba902b7" || got[0].SpanContext.TraceID() != got[0].Parent.TraceID() {
			t.Errorf("spans %v", got)
		}
		if n, timed := countOf(t, reader, unitService, "GetUnit", "DataLoss"); n != int64(i+1) || timed != uint64(i+1) {
			t.Errorf("counted %d, timed %d, want %d", n, timed, i+1)
		}
		if tcp { // what nobody registered has no name of its own
			err := b.conn.Invoke(t.Context(), "/made.up/Name", &emptypb.Empty{}, &emptypb.Empty{})
			refused(t, err, fault.KindUnimplemented, faultpb.Reason_REASON_METHOD_UNKNOWN, "")
			if n, _ := countOf(t, reader, "unknown", "unknown", "Unimplemented"); n != 1 {
				t.Errorf("counted %d calls of an unknown method, want 1", n)
			}
		}
	}
}

// countOf reads the counter and the histogram of one method and code.
func countOf(t *testing.T, reader *sdkmetric.ManualReader, service, method, code string) (counted int64, timed uint64) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					if by(p.Attributes, service, method, code) {
						counted += p.Value
					}
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					if by(p.Attributes, service, method, code) {
						timed += p.Count
					}
				}
			}
		}
	}
	return counted, timed
}

func by(set attribute.Set, service, method, code string) bool {
	want := attribute.NewSet(attribute.String("service", service), attribute.String("method", method), attribute.String("code", code))
	return set.Equals(&want)
}

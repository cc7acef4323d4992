package stream_test

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"coso/gateway/internal/stream"
)

// The gauge says how many streams are open: refused ones never were.
func TestOpenStreamsAreMeasured(t *testing.T) {
	reader := metric.NewManualReader()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	t.Cleanup(func() { otel.SetMeterProvider(noop.NewMeterProvider()) })
	h := newHouse(t, func(o *stream.Options) { o.MaxStreams = 2 })
	measured := func(n int64) {
		t.Helper()
		h.eventually(fmt.Sprintf("%d streams are measured", n), func() bool { return open(h, reader) == n })
	}
	first, second := h.listen("", ""), h.listen("", "")
	measured(2)
	if l, _, _ := h.open("", ""); l != nil {
		t.Error("a third is let in")
	}
	measured(2)
	first.hangUp()
	measured(1)
	second.hangUp()
	measured(0)
}

func open(h *house, reader *metric.ManualReader) int64 {
	h.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(h.Context(), &all); err != nil {
		h.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "coso.stream.open" && len(sum.DataPoints) == 1 {
				return sum.DataPoints[0].Value
			}
		}
	}
	return -1
}

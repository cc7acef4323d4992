package store

import (
	"context"
	"fmt"
	"testing"

	"coso/services/platform/fault"

	bolt "go.etcd.io/bbolt"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func TestMetrics(t *testing.T) {
	reader := metric.NewManualReader()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	t.Cleanup(func() { otel.SetMeterProvider(noop.NewMeterProvider()) })
	units := NewTable("units", (*registrypb.Unit).GetName)
	s, err := Open(Options{Dir: t.TempDir(), Service: "meters", Schema: NewSchema(units), MapSize: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		_, err := Update(caller(), s, nil, func(tx *Tx) (*registrypb.Unit, error) {
			if i >= 3 {
				return nil, fault.NotFound(faultpb.Reason_REASON_UNIT_UNKNOWN, "", "name", "units/x")
			}
			u := &registrypb.Unit{Name: fmt.Sprintf("units/u%d", i), DisplayName: "Đơn vị", Level: "DISTRICT_COMMITTEE", ValidFrom: "2020-01-01"}
			return units.Create(tx, u, &registrypb.UnitCreated{})
		})
		if (err != nil) != (i >= 3) {
			t.Fatal(err)
		}
	}
	want := map[string]int64{
		"coso.store.commit.duration": 3, "coso.store.group.size": 3, "coso.store.refusals NotFound": 2, "coso.store.queue": 0,
		"coso.store.position": 3, "coso.store.alarm": 0, "coso.store.rebuild.tables": 0, "coso.store.rebuild.rows": 0,
		"coso.store.checkpoint.alarm": 1,
	}
	s.db.file.writing.Lock()
	s.db.file.commit = full
	s.db.file.writing.Unlock()
	if err := s.db.flush(context.Background(), s.stop); err == nil {
		t.Fatal("a checkpoint on a full disk")
	}
	got := collect(t, reader)
	if got["coso.store.unwritten"] < 1000 {
		t.Errorf("%d bytes wait", got["coso.store.unwritten"])
	}
	for name, n := range want {
		if v, ok := got[name]; !ok || v != n {
			t.Errorf("%s = %d, %t, want %d", name, v, ok, n)
		}
	}
	s.db.file.writing.Lock()
	s.db.file.commit = (*bolt.Tx).Commit
	s.db.file.writing.Unlock()
	if err := s.db.flush(context.Background(), s.stop); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, reader); got["coso.store.checkpoint.alarm"] != 0 || got["coso.store.unwritten"] != 0 {
		t.Errorf("after a checkpoint: alarm %d, %d bytes wait", got["coso.store.checkpoint.alarm"], got["coso.store.unwritten"])
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := collect(t, reader)["coso.store.position"]; ok {
		t.Error("a closed store is observed")
	}
}

// collect answers gauges and counters of the store meters by name and kind, and of histograms how many were recorded.
func collect(t *testing.T, reader *metric.ManualReader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	put := func(name string, by attribute.Set, n int64) {
		if service, _ := by.Value("service"); service.AsString() != "meters" {
			return // another test's store
		}
		if kind, ok := by.Value("kind"); ok {
			name += " " + kind.AsString()
		}
		out[name] = n
	}
	for _, sc := range all.ScopeMetrics {
		for _, m := range sc.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					put(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					put(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Histogram[int64]:
				for _, p := range d.DataPoints {
					put(m.Name, p.Attributes, int64(p.Count))
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					put(m.Name, p.Attributes, int64(p.Count))
				}
			}
		}
	}
	return out
}

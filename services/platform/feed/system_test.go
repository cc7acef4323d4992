//go:build system

package feed

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"coso/services/platform/feed/feedtest"
)

// These tests need root and mounts, or a minute and more; `make test-system` runs them.

// smallDisk is a disk of its own, of a size as mount has it.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.Background(), "umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}

// The disk of the streams is full while the stores go on. A server that met that error stores nothing more in the stream
// until it is started again; the relay does not wait for that: when there is room, it fills the stream anew, and everyone
// who follows takes each event once.
func TestFullDiskOfTheStreamsIsOvercome(t *testing.T) {
	disk := smallDisk(t, "16m")
	srv := feedtest.In(t, disk)
	js, follows := srv.JetStream(), srv.JetStream()
	so, si, late := newSource(t), newSink(t), newSink(t)
	f := quick(t, so.Store)
	f.runIn(t, js, nil)
	si.follow(follows, si.follower())
	so.create(100)
	si.mustEqual(so)

	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 14<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		so.create(400) // some 250 KB in the stream
	}
	// The second time, the stream filled the disk again after it was made anew.
	within(t, 2*time.Minute, "the relay finds twice that the stream stores nothing more", func() bool { return f.relayStatus(t).GetRebuilds() > 1 })
	so.createEach(10) // commands go on
	stood, since := uint64(0), time.Now()
	within(t, time.Minute, "the disk is full again", func() bool {
		if n := f.relayStatus(t).GetPublishedSequence(); n != stood {
			stood, since = n, time.Now()
		}
		return time.Since(since) > 2*time.Second
	})
	if s := f.relayStatus(t); stood == 0 || stood == s.GetJournalSequence() {
		t.Fatalf("the disk is not full: %v", s)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	within(t, 2*longRebuildPause, "the stream is whole again", func() bool {
		s := f.relayStatus(t)
		return s.GetPublishedSequence() == s.GetJournalSequence()
	})
	t.Logf("whole again %s after there was room, filled anew %d times", time.Since(began).Round(time.Second), f.relayStatus(t).GetRebuilds())
	so.mustBeJournal(js)
	si.mustEqual(so)
	late.follow(follows, late.follower())
	late.mustEqual(so)
	so.createEach(3)
	si.mustEqual(so)
}

// relayLag reads the metric of the relay's lag.
func relayLag(t *testing.T, reader *metric.ManualReader) int64 {
	t.Helper()
	const name = "coso.feed.relay.lag"
	var got metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	for _, scope := range got.ScopeMetrics {
		for _, m := range scope.Metrics {
			if g, ok := m.Data.(metricdata.Gauge[int64]); ok && m.Name == name {
				return g.DataPoints[0].Value
			}
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// NATS is away for a minute and more while commands go on: the lag grows and is seen, and falls when NATS is back; each
// event takes effect once and in order.
func TestNATSAwayForAMinute(t *testing.T) {
	reader := metric.NewManualReader()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	t.Cleanup(func() { otel.SetMeterProvider(noop.NewMeterProvider()) })
	srv, js, follows := connections(t)
	so, si := newSource(t), newSink(t)
	f := quick(t, so.Store)
	f.runIn(t, js, nil)
	si.follow(follows, si.follower())
	so.create(10)
	si.mustEqual(so)
	eventually(t, "nothing waits", func() bool { return relayLag(t, reader) == 0 })

	srv.Stop()
	stood := si.sequence()
	minute, commands, looks := time.After(61*time.Second), time.NewTicker(20*time.Millisecond), time.NewTicker(5*time.Second)
	defer commands.Stop()
	defer looks.Stop()
	var seen []int64
	for away := true; away; {
		select {
		case <-commands.C:
			so.create(2)
		case <-looks.C:
			seen = append(seen, relayLag(t, reader))
		case <-minute:
			away = false
		}
	}
	for i := range seen {
		if i > 0 && seen[i] <= seen[i-1] || seen[i] == 0 {
			t.Errorf("the lag does not grow: %v", seen)
			break
		}
	}
	if len(seen) < 10 || si.sequence() != stood {
		t.Errorf("%d looks; the follower came from %d to %d without NATS", len(seen), stood, si.sequence())
	}
	srv.Start()
	before := relayLag(t, reader)
	eventually(t, "the lag falls", func() bool { return relayLag(t, reader) < before })
	eventually(t, "nothing waits", func() bool { return relayLag(t, reader) == 0 })
	so.mustBeJournal(js)
	si.mustEqual(so)
	t.Logf("lag while away: %v", seen)
}

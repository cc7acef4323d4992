package copying

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/store"
	"coso/services/platform/streamlog/streamlogtest"
)

// fill makes the file some size with commands of many units each.
func (p *peer) fill(b *testing.B, bytes int64) {
	b.Helper()
	for i := 0; ; i++ {
		_, err := store.Update(caller(b.Context()), p.store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
			var u *registrypb.Unit
			var err error
			for j := 0; j < 250 && err == nil; j++ {
				u, err = p.units.Create(tx, &registrypb.Unit{
					Name: fmt.Sprintf("units/f-%d-%d", i, j), DisplayName: strings.Repeat("đ", 300), Level: "DISTRICT_COMMITTEE", ValidFrom: "2020-01-01",
				}, &registrypb.UnitCreated{})
			}
			return u, err
		})
		if err != nil {
			b.Fatal(err)
		}
		if info, err := os.Stat(filepath.Join(p.dir, p.service+".db")); err != nil || info.Size() > bytes {
			return
		}
	}
}

// latencies writes with some writers until stop, and answers how long the writes took, the shortest first.
func (p *peer) latencies(stop <-chan struct{}, next *int) []time.Duration {
	var mu sync.Mutex
	var all []time.Duration
	var writers sync.WaitGroup
	for w := range 4 {
		first := *next + w*1_000_000
		writers.Go(func() {
			for i := first; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				began := time.Now()
				if err := p.createOne(i); err != nil {
					p.t.Error(err)
					return
				}
				took := time.Since(began)
				mu.Lock()
				all = append(all, took)
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	*next += 10_000_000
	slices.Sort(all)
	return all
}

func at(all []time.Duration, percent float64) time.Duration {
	return all[int(math.Ceil(percent/100*float64(len(all))))-1]
}

// BenchmarkWriteWhileCopied compares the latency of writes before and while another replica fetches a copy, in one run. The log's
// server keeps its stream on the same disk, which is the worst place for it.
func BenchmarkWriteWhileCopied(b *testing.B) {
	c := streamlogtest.New(b, 1, func(_ int, o *server.Options) { o.JetStreamMaxStore = 4 << 30 })
	p := newPeer(b, c)
	p.server.pace.rate = rate
	p.fill(b, 300<<20)
	next := 0
	for b.Loop() {
		quiet := make(chan struct{})
		time.AfterFunc(8*time.Second, func() { close(quiet) })
		before := p.latencies(quiet, &next)
		fetched := make(chan struct{})
		began := time.Now()
		var took time.Duration
		go func() {
			defer close(fetched)
			if err := fetch(context.WithoutCancel(b.Context()), b.TempDir(), "registry", p.as("registry")); err != nil {
				b.Error(err)
			}
			took = time.Since(began)
		}()
		during := p.latencies(fetched, &next)
		b.ReportMetric(float64(at(before, 50).Microseconds()), "quiet-p50-µs")
		b.ReportMetric(float64(at(before, 99).Microseconds()), "quiet-p99-µs")
		b.ReportMetric(float64(at(during, 50).Microseconds()), "copied-p50-µs")
		b.ReportMetric(float64(at(during, 99).Microseconds()), "copied-p99-µs")
		b.ReportMetric(float64(at(during, 99))/float64(at(before, 99)), "p99-ratio")
		b.ReportMetric(took.Seconds(), "fetch-s")
	}
}

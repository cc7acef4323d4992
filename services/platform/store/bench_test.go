package store

import (
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// What the digest costs a commit: the same commands on a store that keeps it and on one that does not, in turns, medians. What counts
// on a machine that does other work too is the time of the processors; a ratio is that of the two halves of a turn.
func BenchmarkDigestOfCommits(b *testing.B) {
	for _, l := range []shift{{1, 1, 100}, {64, 1, 640}, {1, 250, 4}} {
		b.Run(fmt.Sprintf("writers=%d/rows=%d", l.writers, l.rows), func(b *testing.B) {
			stores := [2]*bench{open(b, b.TempDir()), open(b, b.TempDir())} // with and without
			var wall, work [2][]float64                                     // µs a row
			stores[1].sums(b)
			for turn := 0; b.Loop(); {
				var took, used [2]float64
				for again := true; again; again = stores[1].sums(b) { // what looks for a digest when a store begins may come late
					for i := range stores {
						i = (i + turn) % 2 // what the first leaves behind, the second pays
						took[i], used[i] = l.on(b, stores[i], turn)
					}
					turn++
				}
				for i := range took {
					wall[i], work[i] = append(wall[i], took[i]), append(work[i], used[i])
				}
			}
			for unit, all := range map[string][2][]float64{"µs": wall, "cpu-µs": work} {
				b.ReportMetric(median(ratios(all[0], all[1])), unit+"-with/without")
				b.ReportMetric(median(all[0]), "with-"+unit+"/row")
				b.ReportMetric(median(all[1]), "without-"+unit+"/row")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// shift is what is asked of a store at a time: by so many writers, so many rows a command, so many commands.
type shift struct{ writers, rows, commands int }

// on puts it on a store, the turn-th time, and answers how long a row took and how much of the processors it used, in µs.
func (l shift) on(t testing.TB, b *bench, turn int) (took, used float64) {
	t.Helper()
	next := make(chan int)
	var all sync.WaitGroup
	began, before := time.Now(), processorTime(t)
	for range l.writers {
		all.Go(func() {
			for i := range next {
				_, err := Update(caller(), b.Store, nil, func(tx *Tx) (e *registrypb.Enterprise, err error) {
					for j := range l.rows {
						n := (turn*l.commands+i)*l.rows + j
						if e, err = b.enterprises.Create(tx, enterprise(n, "units/u", fmt.Sprint(n)), &registrypb.EnterpriseCreated{}); err != nil {
							break
						}
					}
					return e, err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range l.commands {
		next <- i
	}
	close(next)
	all.Wait()
	rows := float64(l.commands * l.rows)
	return time.Since(began).Seconds() * 1e6 / rows, (processorTime(t) - before).Seconds() * 1e6 / rows
}

// sums reports whether a store keeps a digest or counts one, and ends that.
func (b *bench) sums(t testing.TB) bool {
	t.Helper()
	v := b.db.now.Load()
	err := b.db.Update(func(w *overlay) error { w.digest, w.counting = nil, nil; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return v.digest != nil || v.counting != nil
}

// processorTime is what this process has used of the processors.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// What the digest of one row takes: its lanes and their sum.
func BenchmarkDigestOfARow(b *testing.B) {
	for _, bytes := range []int{150, 1000} {
		b.Run(fmt.Sprintf("bytes=%d", bytes), func(b *testing.B) {
			row := make([]byte, bytes)
			var sum lanes
			var d drawer
			for b.Loop() {
				sum.add(d.draw("table/enterprises", Text("enterprises/e1"), row))
			}
		})
	}
}

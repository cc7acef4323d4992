package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// figure is what one measurement gave; bytes and objects are what one call allocates.
type figure struct {
	rate           float64 // calls per second
	p50, p99       time.Duration
	bytes, objects uint64
}

func (f figure) columns() []string {
	return []string{short(f.p50), short(f.p99), fmt.Sprint(f.bytes / 1024), fmt.Sprint(f.objects)}
}

func short(d time.Duration) string { return d.Round(time.Microsecond).String() }

func ratio(a, b figure) string { return fmt.Sprintf("%.2f ×", float64(a.p50)/float64(b.p50)) }

// job is what is measured: prepare, which is not, before each work; nil: nothing.
type job struct {
	prepare, work func(context.Context, *office) error
}

// again does a job again and again for a while, after one time that is not measured.
func (j job) again(ctx context.Context, o *office, length time.Duration) (figure, error) {
	var f figure
	var times []time.Duration
	var worked time.Duration
	runtime.GC()
	var start time.Time
	for first := true; first || len(times) == 0 || time.Since(start) < length; first = false {
		if j.prepare != nil {
			if err := j.prepare(ctx, o); err != nil {
				return f, err
			}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		from := time.Now()
		err := j.work(ctx, o)
		took := time.Since(from)
		if err != nil {
			return f, err
		}
		runtime.ReadMemStats(&after)
		if first {
			start = time.Now()
			continue
		}
		times, worked = append(times, took), worked+took
		f.bytes, f.objects = f.bytes+after.TotalAlloc-before.TotalAlloc, f.objects+after.Mallocs-before.Mallocs
	}
	slices.Sort(times)
	n := len(times)
	f.p50, f.p99, f.rate = times[n/2], times[n*99/100], float64(n)/worked.Seconds()
	f.bytes, f.objects = f.bytes/uint64(n), f.objects/uint64(n)
	return f, nil
}

// compare does a job in the offices in turn, round by round, and answers their medians in order.
func compare(ctx context.Context, rounds int, length time.Duration, offices []*office, j job) ([]figure, error) {
	taken := make([][]figure, len(offices))
	for range rounds {
		for i, o := range offices {
			f, err := j.again(ctx, o, length)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", o.name, err)
			}
			taken[i] = append(taken[i], f)
		}
	}
	out := make([]figure, len(offices))
	for i, fs := range taken {
		out[i] = figure{
			rate:    median(fs, func(f figure) float64 { return f.rate }),
			p50:     median(fs, func(f figure) time.Duration { return f.p50 }),
			p99:     median(fs, func(f figure) time.Duration { return f.p99 }),
			bytes:   median(fs, func(f figure) uint64 { return f.bytes }),
			objects: median(fs, func(f figure) uint64 { return f.objects }),
		}
	}
	return out, nil
}

func median[T cmp.Ordered](fs []figure, of func(figure) T) T {
	vs := make([]T, len(fs))
	for i, f := range fs {
		vs[i] = of(f)
	}
	slices.Sort(vs)
	return vs[len(vs)/2]
}

func say(w io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(w, format, args...)
	return err
}

// table prints rows under a title, columns aligned.
func table(w io.Writer, title string, header []string, rows [][]string) error {
	if err := say(w, "\n%s\n\n", title); err != nil {
		return err
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range append([][]string{header}, rows...) {
		for _, c := range r {
			if err := say(tab, "%s\t", c); err != nil {
				return err
			}
		}
		if err := say(tab, "\n"); err != nil {
			return err
		}
	}
	return tab.Flush()
}

// Command bench measures coso against the plainest thing that does the same kind of work, in one run: rounds interleaved,
// medians, ratios. Absolute figures say something about the machine; the ratios are what to hold on to.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	var s settings
	flag.IntVar(&s.rounds, "rounds", 5, "how often each measurement is taken, interleaved")
	flag.DurationVar(&s.length, "length", time.Second, "how long one measurement takes")
	flag.StringVar(&s.bin, "bin", "", "folder of coso, registryd, gatewayd and nats-server, which replicas and copies need")
	flag.Int64Var(&s.copied, "copy", 1024, "how many MiB the replica has that another one copies")
	only := flag.String("only", "", "take only this measurement: stores, reads, nominations, imports, recounts, replicas or copies")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, *only, s)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings say how it is measured.
type settings struct {
	// rounds is how often a measurement is taken, length how long one takes.
	rounds int
	length time.Duration
	// bin is the folder of the programs.
	bin string
	// copied is how many MiB the replica has that another one copies.
	copied int64
}

// run takes every measurement, or the one that is named, and prints a table of each.
func run(ctx context.Context, w io.Writer, only string, s settings) error {
	taken := 0
	for _, m := range []struct {
		name string
		take func(context.Context, io.Writer, settings) error
	}{
		{"stores", stores},
		{"reads", reads},
		{"nominations", nominations},
		{"imports", imports},
		{"recounts", recounts},
		{"replicas", replicas},
		{"copies", copies},
	} {
		if only != "" && only != m.name {
			continue
		}
		taken++
		if err := m.take(ctx, w, s); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if taken == 0 {
		return fmt.Errorf("no measurement is called %q", only)
	}
	return nil
}

// figure is what one measurement gave.
type figure struct {
	rate     float64 // per second
	p50, p99 time.Duration
}

// contender is one way of doing the work.
type contender struct {
	name    string
	measure func(length time.Duration) (figure, error)
}

// compare measures the contenders in turn, round by round, and answers their medians in order.
func compare(rounds int, length time.Duration, contenders ...contender) ([]figure, error) {
	taken := make([][]figure, len(contenders))
	for range rounds {
		for i, c := range contenders {
			f, err := c.measure(length)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			taken[i] = append(taken[i], f)
		}
	}
	out := make([]figure, len(contenders))
	for i, fs := range taken {
		out[i] = figure{
			rate: median(fs, func(f figure) float64 { return f.rate }),
			p50:  median(fs, func(f figure) time.Duration { return f.p50 }),
			p99:  median(fs, func(f figure) time.Duration { return f.p99 }),
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

// summarise makes a figure of single times.
func summarise(times []time.Duration, took time.Duration) figure {
	if len(times) == 0 {
		return figure{}
	}
	slices.Sort(times)
	return figure{
		rate: float64(len(times)) / took.Seconds(),
		p50:  times[len(times)/2],
		p99:  times[len(times)*99/100],
	}
}

// cells are a figure as tables show it.
func (f figure) cells() []string { return []string{perSecond(f), short(f.p50), short(f.p99)} }

// table prints rows under a title, columns aligned.
func table(w io.Writer, title string, header []string, rows [][]string) error {
	if _, err := fmt.Fprintf(w, "\n%s\n\n", title); err != nil {
		return err
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range append([][]string{header}, rows...) {
		for _, c := range r {
			if _, err := fmt.Fprintf(tab, "%s\t", c); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintln(tab); err != nil {
			return err
		}
	}
	return tab.Flush()
}

func perSecond(f figure) string { return fmt.Sprintf("%.0f/s", f.rate) }

func ratio(a, b figure) string { return fmt.Sprintf("%.2f ×", a.rate/b.rate) }

func short(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }

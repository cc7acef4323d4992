// Command bench measures what it costs to prove who calls and to ask what they may do: calls over the whole chain with tokens
// and grants, against the same chain over the same records with neither. A hundred thousand units, ten thousand grants. All in
// one run: rounds interleaved, medians, ratios.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

// goal is how much longer a call may take with both than with neither.
const goal = 1.3

func main() {
	rounds := flag.Int("rounds", 101, "how often each measurement is taken, interleaved")
	length := flag.Duration("length", 25*time.Millisecond, "how long one measurement takes")
	grants := flag.Int("grants", 10_000, "how many grants there are")
	flag.Parse()
	if err := measure(context.Background(), os.Stdout, *rounds, *length, *grants); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measure makes two offices with the same records, measures them and prints a table.
func measure(ctx context.Context, w io.Writer, rounds int, length time.Duration, grants int) (err error) {
	dir, err := os.MkdirTemp("", "coso-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var offices []*office
	defer func() {
		for _, o := range offices {
			err = errors.Join(err, o.close(ctx))
		}
	}()
	for _, guarded := range []bool{true, false} {
		o, err := newOffice(ctx, filepath.Join(dir, fmt.Sprint(guarded)), guarded, grants)
		if err != nil {
			return err
		}
		offices = append(offices, o)
	}
	if _, err := fmt.Fprintf(w, "%d units, %d grants; with sign-in and grants against without (goal: ≤ %.1f ×)\n\n", offices[0].units, grants, goal); err != nil {
		return err
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(tab, "way\tcall\twith\twithout\tratio"); err != nil {
		return err
	}
	for _, way := range []string{"network", "memory"} {
		for _, o := range offices {
			if o.clients = o.network; way == "memory" {
				o.clients = o.memory
			}
		}
		for _, c := range calls() {
			with, without, err := c.compare(offices[0], offices[1], rounds, length)
			if err != nil {
				return fmt.Errorf("%s: %w", c.title, err)
			}
			if _, err := fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%.2f ×\n", way, c.title, short(with), short(without), float64(with)/float64(without)); err != nil {
				return err
			}
		}
	}
	return tab.Flush()
}

func short(d time.Duration) string { return d.Round(100 * time.Nanosecond).String() }

// compare measures a call in both offices in turn and answers the medians.
func (c call) compare(a, b *office, rounds int, length time.Duration) (with, without time.Duration, err error) {
	taken := map[*office][]time.Duration{}
	for range rounds {
		for _, o := range []*office{a, b} {
			took, err := c.again(o, length)
			if err != nil {
				return 0, 0, err
			}
			taken[o] = append(taken[o], took)
		}
	}
	return median(taken[a]), median(taken[b]), nil
}

// again calls for a while and answers the median time of a call.
func (c call) again(o *office, length time.Duration) (time.Duration, error) {
	var times []time.Duration
	for start, n := time.Now(), 0; n == 0 || time.Since(start) < length; n++ {
		from := time.Now()
		if err := c.do(o, n); err != nil {
			return 0, err
		}
		times = append(times, time.Since(from))
	}
	return median(times), nil
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

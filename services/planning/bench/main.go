// Command bench measures how fast planning counts: progress of a city and of a country asked for over the whole chain, with
// ten thousand, a hundred thousand and a million facts, and facts taken over with judging. All in one run: rounds interleaved,
// medians, ratios. Absolute figures say something about the machine; the ratios are what to hold on to.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// goals of the progress of a unit.
const (
	goalFlat = 1.5 // a million facts against ten thousand
	goalWide = 20  // the country against the city
)

func main() {
	rounds := flag.Int("rounds", 5, "how often each measurement is taken, interleaved")
	length := flag.Duration("length", time.Second, "how long one measurement takes")
	largest := flag.Int("facts", 1_000_000, "the largest number of facts; the others are a tenth and a hundredth of it")
	flag.Parse()
	if err := measure(context.Background(), os.Stdout, *rounds, *length, *largest); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measure makes the offices, measures them and prints a table of each measurement.
func measure(ctx context.Context, w io.Writer, rounds int, length time.Duration, largest int) (err error) {
	dir, err := os.MkdirTemp("", "coso-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	sizes := []int{largest / 100, largest / 10, largest}
	var offices []*office
	defer func() {
		for _, o := range offices {
			err = errors.Join(err, o.Close())
		}
	}()
	for _, units := range []int{30, 3400} {
		for _, facts := range sizes {
			o, err := newOffice(ctx, dir, units, facts)
			if err != nil {
				return err
			}
			offices = append(offices, o)
			if err := say(w, "%s, %d facts loaded in %s\n", o.name, facts, o.loading.Round(100*time.Millisecond)); err != nil {
				return err
			}
		}
	}
	if err := progresses(ctx, w, rounds, length, offices); err != nil {
		return err
	}
	return takings(ctx, w, rounds, length, offices)
}

// progresses measures the progress of the highest unit: as it is asked for again and again, after each new fact, and in the
// first month of the plan.
func progresses(ctx context.Context, w io.Writer, rounds int, length time.Duration, offices []*office) error {
	goals := fmt.Sprintf(" (goals: facts ≤ %.1f ×, units ≤ %d ×)", goalFlat, goalWide)
	for _, m := range []struct {
		title string
		job   job
	}{
		{"progress of the highest unit, 7 indicators, 4 targets a unit, one in 25 missed" + goals, job{work: ask}},
		{"the same, each time after another fact" + goals, job{prepare: another, work: ask}},
		{"the same in the plan's first month, when most targets are missed and all of these are listed", job{work: askEarly}},
	} {
		fs, err := compare(ctx, rounds, length, offices, m.job)
		if err != nil {
			return err
		}
		sizes := len(offices) / 2
		var rows [][]string
		for i, o := range offices {
			flat, wide := "", ""
			if i%sizes > 0 {
				flat = ratio(fs[i], fs[i/sizes*sizes])
			}
			if i >= sizes {
				wide = ratio(fs[i], fs[i-sizes])
			}
			rows = append(rows, slices.Concat(o.columns(), fs[i].columns(), []string{flat, wide}))
		}
		header := []string{"units", "facts", "p50", "p99", "KiB", "objects", "facts ×", "units ×"}
		if err := table(w, m.title, header, rows); err != nil {
			return err
		}
	}
	return nil
}

// takings measures how fast facts are taken over, on days of the plan year in any order, and the targets they touch
// judged: one by one, and many in one command as a follower does that has fallen behind.
func takings(ctx context.Context, w io.Writer, rounds int, length time.Duration, offices []*office) error {
	for _, many := range []int{1, 250} {
		fs, err := compare(ctx, rounds, length, offices, job{work: func(ctx context.Context, o *office) error { return o.take(ctx, many) }})
		if err != nil {
			return err
		}
		var rows [][]string
		for i, o := range offices {
			rows = append(rows, slices.Concat(o.columns(), fs[i].columns(), []string{fmt.Sprintf("%.0f/s", fs[i].rate*float64(many))}))
		}
		title := fmt.Sprintf("intakes taken over and judged, %d in one command", many)
		if err := table(w, title, []string{"units", "facts", "p50", "p99", "KiB", "objects", "intakes"}, rows); err != nil {
			return err
		}
	}
	return nil
}

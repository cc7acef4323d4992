package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"coso/deploy/faults/cage"
)

const (
	shortHarm, longHarm = 8 * time.Second, 30 * time.Second
	longRounds          = 2
	// roundLimit bounds a round, beside its harm.
	roundLimit = 5 * time.Minute
	// heading and row are the table's.
	heading = "%-15s %20s %10s %12s %8s %8s %6s  %s\n"
	row     = "%-15s %20d %10d %12d %8d %8s %6s  %s\n"
)

// chosen are the nemeses that the flags name; all if they name none.
func (f *flags) chosen() (chosen []nemesis, err error) {
	for _, name := range f.Nemesis {
		if !slices.ContainsFunc(nemeses(), func(n nemesis) bool { return n.name == name }) {
			err = errors.Join(err, fmt.Errorf("--nemesis: there is no %q", name))
		}
	}
	for _, n := range nemeses() {
		if len(f.Nemesis) == 0 || slices.Contains(f.Nemesis, n.name) {
			chosen = append(chosen, n)
		}
	}
	return chosen, err
}

// complete sets what the flags leave open.
func (f *flags) complete() (err error) {
	if f.Harm == 0 {
		if f.Harm = longHarm; f.Short {
			f.Harm = shortHarm
		}
	}
	if f.Rounds == 0 {
		if f.Rounds = longRounds; f.Short || f.Seed != 0 {
			f.Rounds = 1
		}
	}
	if f.Seed == 0 {
		f.Seed = rand.Uint64() //nolint:gosec // a seed that is printed
	}
	if f.Bin, err = filepath.Abs(f.Bin); err == nil {
		f.Logs, err = filepath.Abs(f.Logs)
	}
	return err
}

// all makes the rounds and prints the table as they end.
func (f *flags) all(ctx context.Context, chosen []nemesis, out io.Writer) (failed error) {
	if err := f.complete(); err != nil {
		return err
	}
	rooms, vacate, err := occupy(os.TempDir())
	if err != nil {
		return err
	}
	f.rooms = rooms
	defer func() { failed = errors.Join(failed, vacate()) }()
	began := time.Now()
	t := &table{w: out}
	t.print(heading, "NEMESIS", "SEED", "OPERATIONS", "ACKNOWLEDGED", "UNKNOWN", "GAP", "TOOK", "VERDICT")
	var mu sync.Mutex
	bad, rounds := 0, 0
	turns := make(chan struct{}, max(f.Parallel, 1))
	var running sync.WaitGroup
	for i := range f.Rounds {
		for _, n := range chosen {
			turns <- struct{}{}
			if ctx.Err() != nil {
				break
			}
			running.Go(func() {
				defer func() { <-turns }()
				r := f.round(ctx, n, f.Seed+uint64(i)) //nolint:gosec // a small count
				mu.Lock()
				defer mu.Unlock()
				if rounds++; !t.say(n, r) {
					bad++
				}
			})
		}
	}
	running.Wait()
	t.print("%d rounds in %s; logs are in %s\n", rounds, time.Since(began).Round(time.Second), f.Logs)
	switch {
	case t.err != nil:
		return t.err
	case ctx.Err() != nil:
		return errors.New("cut short")
	case bad > 0:
		return fmt.Errorf("%d of %d rounds failed; make one again with --nemesis NAME --seed SEED", bad, rounds)
	}
	return nil
}

// table is what is printed. Its first error stays.
type table struct {
	w   io.Writer
	err error
}

func (t *table) print(format string, args ...any) {
	if _, err := fmt.Fprintf(t.w, format, args...); t.err == nil {
		t.err = err
	}
}

// say prints a round's row and what is wrong; false: the round failed.
func (t *table) say(n nemesis, r result) bool {
	good := false
	var verdict string
	switch {
	case r.Broken != "":
		verdict = "BROKEN"
	case len(n.control) > 0:
		found := slices.IndexFunc(r.Wrong, func(w string) bool {
			kind, _, _ := strings.Cut(w, ": ")
			return slices.Contains(n.control, kind)
		})
		if good = found >= 0; good {
			verdict = "control, found: " + r.Wrong[found]
		} else {
			verdict = fmt.Sprintf("FAILED: a control run, and nothing was found wrong by the checks %q", n.control)
		}
	case len(r.Wrong) > 0:
		verdict = "FAILED"
	default:
		good, verdict = true, "good"
	}
	t.print(row, r.Nemesis, r.Seed, r.Operations, r.Acknowledged, r.Unknown,
		r.Gap.Round(100*time.Millisecond), r.Took.Round(time.Second), verdict)
	if !good {
		for _, w := range append(r.Wrong, strings.Split(r.Broken, "\n")...) {
			if w != "" {
				t.print("    %s\n", w)
			}
		}
	}
	return good
}

// round makes one round in a cage of its own.
func (f *flags) round(ctx context.Context, n nemesis, seed uint64) (r result) {
	r = result{Nemesis: n.name, Seed: seed}
	if err := f.caged(ctx, n, seed, &r); err != nil {
		r.Broken = strings.TrimSpace(r.Broken + "\n" + err.Error())
	}
	return r
}

func (f *flags) caged(ctx context.Context, n nemesis, seed uint64, r *result) (err error) {
	ctx, cancel := context.WithTimeout(ctx, f.Harm+roundLimit)
	defer cancel()
	c := caged{Nemesis: n.name, Seed: seed, Harm: f.Harm, Bin: f.Bin, Logs: filepath.Join(f.Logs, fmt.Sprintf("%s-%d", n.name, seed))}
	if err := errors.Join(os.RemoveAll(c.Logs), os.MkdirAll(c.Logs, 0o700)); err != nil {
		return err
	}
	if c.Dir, err = os.MkdirTemp(f.rooms, ""); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.Dir)) }()
	told, err := json.Marshal(c)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(c.Logs, "round.log"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	var said bytes.Buffer
	err = cage.Run(ctx, &said, log, inACage, string(told))
	if err = errors.Join(err, log.Close()); err != nil {
		return fmt.Errorf("%w; see %s", err, log.Name())
	}
	return json.Unmarshal(said.Bytes(), r)
}

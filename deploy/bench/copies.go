package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"coso/deploy/bench/fleet"

	registrypb "coso/proto/gen/coso/registry/v1"
)

const (
	// fillers is how many fill a registry at once, with batches of so many enterprises.
	fillers   = 4
	fillBatch = 240
	// quiet is how long clients write before a copy is fetched; a shift is how long as many write.
	quiet = 20 * time.Second
	shift = 2 * time.Second
	// late is the replica that begins with an empty folder, giver the one that it asks first.
	late, giver = fleet.Size - 1, 0
)

// copies measures how long a replica with an empty folder takes from its start until it is ready, and how long writes take
// meanwhile at the replica that gives it the copy, against those before. All share one disk, which is the worst place.
func copies(ctx context.Context, w io.Writer, s settings) (err error) {
	dir, err := os.MkdirTemp("", "coso-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f, err := fleet.Open(ctx, fleet.Options{Bin: s.bin, Dir: dir, Begin: late, Fill: func(ctx context.Context, f *fleet.Fleet) error {
		return fill(ctx, f, s.copied<<20)
	}})
	defer func() { err = errors.Join(err, f.Close()) }()
	if err != nil {
		return err
	}
	if err := writes(ctx, f); err != nil {
		return err
	}
	writer, err := f.Writer(ctx)
	if err != nil {
		return err
	}
	if writer != giver { // the one that does both is measured
		return fmt.Errorf("%s writes, not the one that gives the copy", fleet.Name(writer))
	}
	work := asking(ctx, f, giver)
	alone := shifts{}
	if err := errors.Join(f.Rest(ctx), alone.write(ctx, work, quiet)); err != nil {
		return err
	}
	fetched, took, err := meanwhile(ctx, f, work)
	if err != nil {
		return err
	}
	info, err := os.Stat(f.File(late))
	if err != nil {
		return err
	}
	mib := float64(info.Size()) / (1 << 20)
	err = table(w, "A replica with an empty folder, from its start until it is ready", []string{"MiB", "took", "MiB/s"},
		[][]string{{fmt.Sprintf("%.0f", mib), took.Round(100 * time.Millisecond).String(), fmt.Sprintf("%.1f", mib/took.Seconds())}})
	if err != nil {
		return err
	}
	var rows [][]string
	for _, clients := range crowds() {
		a, b := alone.of(clients), fetched.of(clients)
		rows = append(rows, slices.Concat([]string{fmt.Sprint(clients)}, a.cells(), b.cells(), []string{times(b.p50, a.p50), times(b.p99, a.p99)}))
	}
	return table(w, "Commands by gRPC at the replica that gives the copy, before against meanwhile (goal: p99 ≤ 2 ×)",
		[]string{"clients", "quiet", "p50", "p99", "meanwhile", "p50", "p99", "p50 ×", "p99 ×"}, rows)
}

func times(a, b time.Duration) string { return fmt.Sprintf("%.2f ×", float64(a)/float64(b)) }

// crowds are how many clients write, in turns.
func crowds() []int { return []int{1, 4} }

// shifts are the times of commands by how many clients sent them at once; each shift has the same length.
type shifts map[int]*written

// written is what came of the shifts of one number of clients.
type written struct {
	times []time.Duration
	took  time.Duration
}

// write lets clients write in turns, until ctx ends or for a while.
func (s shifts) write(ctx context.Context, work func() error, length time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	for n := 0; ctx.Err() == nil; n++ {
		clients := crowds()[n%len(crowds())]
		turn, end := context.WithTimeout(ctx, shift)
		began := time.Now()
		all, err := again(turn, clients, work)
		end()
		if err != nil {
			return err
		}
		if s[clients] == nil {
			s[clients] = &written{}
		}
		s[clients].times = append(s[clients].times, all...)
		s[clients].took += time.Since(began)
	}
	return nil
}

// of are the figures of a number of clients.
func (s shifts) of(clients int) figure {
	if s[clients] == nil {
		return figure{}
	}
	return summarise(s[clients].times, s[clients].took)
}

// meanwhile lets clients write while the late replica begins.
func meanwhile(ctx context.Context, f *fleet.Fleet, work func() error) (s shifts, took time.Duration, err error) {
	fetching, stop := context.WithCancel(ctx)
	defer stop()
	ready := make(chan error, 1)
	began := time.Now()
	if err := f.Replicas[late].Start(); err != nil {
		return nil, 0, err
	}
	go func() {
		err := f.Ready(ctx, late)
		took = time.Since(began)
		stop()
		ready <- err
	}()
	s = shifts{}
	err = s.write(fetching, work, time.Hour)
	err = errors.Join(<-ready, err)
	return s, took, err
}

// fill makes the registry's file some size, with enterprises whose names are as long as they may be.
func fill(ctx context.Context, f *fleet.Fleet, bytes int64) error {
	if err := settle(ctx, f); err != nil {
		return err
	}
	filling, full := context.WithCancel(ctx)
	defer full()
	enterprises := registrypb.NewEnterpriseServiceClient(f.Way(giver))
	_, err := again(filling, fillers, func() error {
		as, err := f.As(ctx)
		if err != nil {
			return err
		}
		batch := &registrypb.BatchCreateEnterprisesRequest{}
		for range fillBatch {
			one := another()
			one.RequestId = ""
			one.Enterprise.DisplayName = strings.Repeat("đường ế ", 300/8)
			batch.Requests = append(batch.Requests, one)
		}
		if _, err := enterprises.BatchCreateEnterprises(as, batch); err != nil {
			return err
		}
		info, err := os.Stat(f.File(giver))
		if err == nil && info.Size() >= bytes {
			full()
		}
		return err
	})
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"coso/deploy/bench/fleet"
	"coso/deploy/internal/sheet"

	bolt "go.etcd.io/bbolt"
)

// recounts measures how long a store that begins takes until it has counted the digest of its rows, while nobody asks it for
// anything: first those of a file without one, as an earlier version left it. A replica recounts in the same steps.
func recounts(ctx context.Context, w io.Writer, s settings) (err error) {
	r, err := openRegistry()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	for _, noun := range []string{"enterprises", "organisations"} {
		for part := range importParts {
			one, err := sheet.Parse(noun+".csv", importSheet(noun, part))
			if err == nil {
				_, err = r.rate(one)
			}
			if err != nil {
				return err
			}
		}
	}
	var taken []figure
	for range s.rounds {
		began, err := r.recount(ctx)
		if err != nil {
			return err
		}
		taken = append(taken, figure{p50: began})
	}
	took := median(taken, func(f figure) time.Duration { return f.p50 })
	return table(w, "The digest of a file that has none, from the start of the store until it is counted",
		[]string{"rows", "median", "rows/s"}, [][]string{{fmt.Sprint(importRows), short(took), fmt.Sprintf("%.0f/s", importRows/took.Seconds())}})
}

// recount takes the digest out of the file, opens the store again and answers how long it took until it was counted.
func (r *rawRegistry) recount(ctx context.Context) (time.Duration, error) {
	if err := r.store.Close(); err != nil {
		return 0, err
	}
	file, err := bolt.Open(filepath.Join(r.dir, "bench.db"), 0o600, nil)
	if err != nil {
		return 0, err
	}
	err = file.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("meta")).Delete([]byte("digest")) })
	if err := errors.Join(err, file.Close()); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := r.open(); err != nil {
		return 0, err
	}
	if r.store.State().Known {
		return 0, errors.New("the file still has a digest")
	}
	err = fleet.Until(ctx, "the rows are counted", func() error {
		if !r.store.State().Known {
			return errors.New("they are not yet")
		}
		return nil
	})
	return time.Since(began), err
}

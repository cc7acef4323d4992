package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"coso/services/platform/access"
	"coso/services/platform/store"

	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// stores holds a whole store.Update (record, two indexes, history, journal, request id) against one put of the same bytes
// in a bbolt.DB.Update with default options.
func stores(_ context.Context, w io.Writer, o settings) (err error) {
	dir, err := os.MkdirTemp("", "coso-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ours, closeOurs, err := openStore(store.Options{Dir: filepath.Join(dir, "store"), Service: "bench"})
	if err != nil {
		return err
	}
	plain, err := bolt.Open(filepath.Join(dir, "plain.db"), 0o600, nil)
	if err != nil {
		return errors.Join(err, closeOurs())
	}
	defer func() { err = errors.Join(err, closeOurs(), plain.Close()) }()
	var rows [][]string
	for _, writers := range []int{1, 16, 64, 256} {
		fs, err := compare(o.rounds, o.length,
			contender{"store.Update", func(l time.Duration) (figure, error) { return parallel(writers, l, ours) }},
			contender{"bbolt put", func(l time.Duration) (figure, error) { return parallel(writers, l, putter(plain)) }},
		)
		if err != nil {
			return err
		}
		rows = append(rows, slices.Concat([]string{fmt.Sprint(writers)}, fs[0].cells(), fs[1].cells(), []string{ratio(fs[0], fs[1])}))
	}
	return table(w, "store.Update (record, 2 indexes, history, journal, request id) against bbolt.DB.Update of one put",
		[]string{"writers", "store", "p50", "p99", "bbolt", "p50", "p99", "store / bbolt"}, rows)
}

var numbers atomic.Int64 //nolint:gochecknoglobals // every measurement of a run writes new names

func sample(n int64) *registrypb.Enterprise {
	return &registrypb.Enterprise{
		Name: fmt.Sprintf("enterprises/e%09d", n), DisplayName: "Công ty TNHH Thương mại Minh Họa Số 001 Ba Đình",
		TaxCode: "0100109106", LegalForm: registrypb.LegalForm_LEGAL_FORM_LLC, Unit: fmt.Sprintf("units/u%d", n%30),
	}
}

// openStore opens a store with a table of enterprises; work makes one.
func openStore(o store.Options) (work func() error, closeStore func() error, err error) {
	byUnit := store.NewIndex("unit", func(e *registrypb.Enterprise) []store.Key { return []store.Key{store.Text(e.GetUnit())} })
	byCode := store.NewIndex("code", func(e *registrypb.Enterprise) []store.Key { return []store.Key{store.Text(e.GetTaxCode())} })
	enterprises := store.NewTable("enterprises", (*registrypb.Enterprise).GetName, byUnit, byCode)
	o.Schema, o.Logger = store.NewSchema(enterprises), slog.New(slog.DiscardHandler)
	s, err := store.Open(o)
	if err != nil {
		return nil, nil, err
	}
	ctx := access.WithMethod(access.With(context.Background(), access.Service("bench")), "/bench")
	return func() error {
		e := sample(numbers.Add(1))
		req := &registrypb.CreateEnterpriseRequest{Enterprise: e, RequestId: e.GetName()}
		_, err := store.Update(ctx, s, req, func(tx *store.Tx) (*registrypb.Enterprise, error) {
			return enterprises.Create(tx, proto.CloneOf(e), &registrypb.EnterpriseCreated{})
		})
		return err
	}, s.Close, nil
}

func putter(db *bolt.DB) func() error {
	return func() error {
		e := sample(numbers.Add(1))
		value, err := proto.Marshal(e)
		if err != nil {
			return err
		}
		return db.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("enterprises"))
			if err != nil {
				return err
			}
			return b.Put([]byte(e.GetName()), value)
		})
	}
}

// parallel lets workers do the work again and again for a while.
func parallel(workers int, length time.Duration, work func() error) (figure, error) {
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	start := time.Now()
	times, err := again(ctx, workers, work)
	return summarise(times, time.Since(start)), err
}

// again lets workers do the work again and again until ctx ends or it fails, and answers how long it took each time.
func again(ctx context.Context, workers int, work func() error) (all []time.Duration, failed error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			var mine []time.Duration
			var err error
			for ctx.Err() == nil && err == nil {
				before := time.Now()
				err = work()
				mine = append(mine, time.Since(before))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	return all, failed
}

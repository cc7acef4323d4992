package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
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
func stores(w io.Writer, rounds int, length time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "coso-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ours, closeOurs, err := openStore(filepath.Join(dir, "store"))
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
		fs, err := compare(rounds, length,
			contender{"store.Update", func(l time.Duration) (figure, error) { return parallel(writers, l, ours) }},
			contender{"bbolt put", func(l time.Duration) (figure, error) { return parallel(writers, l, putter(plain)) }},
		)
		if err != nil {
			return err
		}
		rows = append(rows, []string{
			fmt.Sprint(writers), perSecond(fs[0]), short(fs[0].p50), short(fs[0].p99),
			perSecond(fs[1]), short(fs[1].p50), short(fs[1].p99), ratio(fs[0], fs[1]),
		})
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

func openStore(dir string) (work func() error, closeStore func() error, err error) {
	byUnit := store.NewIndex("unit", func(e *registrypb.Enterprise) []store.Key { return []store.Key{store.Text(e.GetUnit())} })
	byCode := store.NewIndex("code", func(e *registrypb.Enterprise) []store.Key { return []store.Key{store.Text(e.GetTaxCode())} })
	enterprises := store.NewTable("enterprises", (*registrypb.Enterprise).GetName, byUnit, byCode)
	s, err := store.Open(store.Options{
		Dir: dir, Service: "bench", Schema: store.NewSchema(enterprises), Logger: slog.New(slog.DiscardHandler),
	})
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
	start := time.Now()
	end := start.Add(length)
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			var mine []time.Duration
			var err error
			for time.Now().Before(end) && err == nil {
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
	return summarise(all, time.Since(start)), failed
}

package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// Files that the system does not let grow any more: the log and bbolt's own commit fail in the middle, again and again.
// Nothing is lost, nothing half-written, and when there is room again writing goes on without a restart.
func TestFileThatMayNotGrow(t *testing.T) {
	b := open(t, t.TempDir())
	fill := func(i int) error {
		_, err := Update(caller(), b.Store, &registrypb.UpdateEnterpriseRequest{RequestId: fmt.Sprint(i)},
			func(tx *Tx) (*registrypb.Enterprise, error) {
				for k := range 3 {
					u := &registrypb.Unit{Name: fmt.Sprintf("units/%d-%d", i, k), DisplayName: strings.Repeat("x", 60<<10)}
					if err := b.units.Put(tx, u); err != nil {
						return nil, err
					}
				}
				return b.enterprises.Create(tx, enterprise(i, "units/u", fmt.Sprint(i)), &registrypb.EnterpriseCreated{})
			})
		return err
	}
	if err := fill(0); err != nil {
		t.Fatal(err)
	}
	limitFileSize(t, b, func() {
		written, failed := 1, 0
		for failed < 3 { // what one attempt could not use may be enough for the next
			err := fill(written)
			if err == nil {
				written, failed = written+1, 0
				continue
			}
			failed++
			wantReason(t, err, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
			if n := count(t, b); n != written || b.Head().GetPosition() != uint64(written) {
				t.Errorf("%d enterprises at position %d, %d were written", n, b.Head().GetPosition(), written)
			}
		}
	})
	n := count(t, b)
	until(t, "there is room again", func() bool { return fill(n) == nil })
	for i := 1; i < 3; i++ {
		if err := fill(n + i); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(t, b); got != n+3 || b.Healthy() != nil {
		t.Errorf("%d enterprises after %d and 3 more; %v", got, n, b.Healthy())
	}
}

// limitFileSize runs f while no file of this process may outgrow the store's file as it is.
func limitFileSize(t *testing.T, b *bench, f func()) {
	t.Helper()
	if err := b.db.flush(context.Background(), b.stop); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(b.dir + "/registry.db")
	if err != nil {
		t.Fatal(err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: uint64(info.Size()), Max: before.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before)); err != nil {
			t.Fatal(err)
		}
	}()
	f()
}

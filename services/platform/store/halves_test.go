package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/logfile"

	bolt "go.etcd.io/bbolt"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// A sync that fails after a long time is a failed sync: its callers are told, and the store recovers by itself.
func TestASyncThatFailsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		onLog(b, nil, func(*os.File) error {
			<-time.After(askLimit + time.Second) // the disk takes its time
			return syscall.EIO
		})
		_, err := create(caller(), b, enterprise(1, "units/u", "a"), "r-1")
		wantReason(t, err, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
		onLog(b, nil, logfile.Sync)
		if _, err := create(caller(), b, enterprise(1, "units/u", "a"), "r-1"); err != nil || b.Head().GetEvents() != 1 {
			t.Errorf("afterwards: %v, %d events", err, b.Head().GetEvents())
		}
	})
}

// What the data file would not take is refused when it is written, not found out at the next checkpoint.
func TestKeysThatTheFileDoesNotTake(t *testing.T) {
	b := open(t, t.TempDir())
	_, err := create(caller(), b, enterprise(1, "units/u", "a"), strings.Repeat("r", 33_000))
	wantReason(t, err, faultpb.Reason_REASON_TOO_LARGE)
	_, err = Update(caller(), b.Store, nil, func(tx *Tx) (*registrypb.Unit, error) {
		u := &registrypb.Unit{Name: strings.Repeat("n", 5000)}
		return u, b.units.Put(tx, u)
	})
	wantReason(t, err, faultpb.Reason_REASON_TOO_LARGE)
	o := newOverlay(nowhere{})
	if err := o.put("t", make([]byte, bolt.MaxKeySize+1), nil); fault.ReasonOf(err) != faultpb.Reason_REASON_TOO_LARGE {
		t.Errorf("a long key: %v", err)
	}
	if err := o.put("t", nil, nil); !errors.Is(err, errEmptyKey) {
		t.Errorf("an empty key: %v", err)
	}
	if err := b.db.flush(context.Background(), b.stop); err != nil {
		t.Error(err)
	}
}

// INV-STORE-WHOLE-WRITE: a closure that makes nothing of an error in the middle of a write is refused all the same.
func TestASwallowedError(t *testing.T) {
	b := open(t, t.TempDir())
	_, err := Update(caller(), b.Store, nil, func(tx *Tx) (*registrypb.Enterprise, error) {
		for i := range 5000 {
			e := enterprise(i, "units/u", fmt.Sprint(i))
			e.DisplayName = strings.Repeat("x", 100)
			if _, err := b.enterprises.Create(tx, e, &registrypb.EnterpriseCreated{}); err != nil {
				return &registrypb.Enterprise{}, nil //nolint:nilerr // what a careless closure would do
			}
		}
		return nil, errors.New("all of it fits")
	})
	wantReason(t, err, faultpb.Reason_REASON_TOO_LARGE)
	if n := count(t, b); n != 0 || b.Head().GetPosition() != 0 {
		t.Errorf("%d enterprises at position %d", n, b.Head().GetPosition())
	}
}

// A transaction that a closure has kept reaches nobody once the closure has ended.
func TestATransactionKeptForLater(t *testing.T) {
	b := open(t, t.TempDir())
	var kept *Tx
	errNo := errors.New("no")
	_, err := Update(caller(), b.Store, nil, func(tx *Tx) (*registrypb.Enterprise, error) {
		kept = tx
		return nil, errNo
	})
	if !errors.Is(err, errNo) {
		t.Fatal(err)
	}
	_, err = Update(caller(), b.Store, nil, func(tx *Tx) (*registrypb.Enterprise, error) {
		if _, err := b.enterprises.Create(kept, enterprise(2, "units/u", "b"), &registrypb.EnterpriseCreated{}); err != nil {
			t.Logf("the kept transaction says %v", err)
		}
		return b.enterprises.Create(tx, enterprise(1, "units/u", "a"), &registrypb.EnterpriseCreated{})
	})
	if n := count(t, b); err != nil || n != 1 || b.Head().GetEvents() != 1 {
		t.Errorf("%d enterprises, %d events, %v", n, b.Head().GetEvents(), err)
	}
}

// While the data file is away, nobody else gets the data, and the store says that it is not well.
func TestNobodyElseComesWhileTheFileIsAway(t *testing.T) {
	b := open(t, t.TempDir())
	back, cause := away(t, b)
	if err := b.Healthy(); !errors.Is(err, cause) {
		t.Errorf("healthy: %v", err)
	}
	_, err := Open(Options{Dir: b.dir, Service: "registry", Schema: newSchema().all})
	wantReason(t, err, faultpb.Reason_REASON_DATA_LOCKED)
	back()
	until(t, "the file is back", func() bool {
		_, err := get(b, "enterprises/e1")
		return fault.KindOf(err) == fault.KindNotFound
	})
	if err := b.Healthy(); err != nil {
		t.Error(err)
	}
}

// Request ids are forgotten while others come, however many gaps they leave: each takes about as long as the last.
func TestForgettingManyRequestIDs(t *testing.T) {
	b := hasty(open(t, t.TempDir()))
	const many = 3000
	write := func(i int) {
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range many {
		write(i)
	}
	b.now = b.now.Add(onceKept + time.Hour)
	for i := range many/onceForget + 2 {
		write(many + i)
	}
	left := 0
	if err := b.db.View(func(in reading) error {
		for range in.ascend(bucketOnceTime, nil, nil) {
			left++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := many/onceForget + 2; left != want {
		t.Errorf("%d request ids are kept, want %d", left, want)
	}
	if from := b.db.now.Load().forgotten; len(from) == 0 {
		t.Error("it walks all gaps each time")
	}
	sameDerived(t, b, t.TempDir())
}

// A View ends with its caller while the store waits for a disk that does not answer.
func TestAStoreThatStopsWhileTheDiskHangs(t *testing.T) {
	b := open(t, t.TempDir())
	hung, free := make(chan struct{}), make(chan struct{})
	onLog(b, nil, func(*os.File) error {
		close(hung)
		<-free
		return syscall.EIO
	})
	ctx, cancel := context.WithCancel(caller())
	told := make(chan error, 1)
	go func() {
		_, err := create(ctx, b, enterprise(1, "units/u", "a"), "r-1")
		told <- err
	}()
	<-hung
	cancel()
	wantReason(t, <-told, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE) // it may take effect yet
	if n := count(t, b); n != 0 {
		t.Errorf("%d enterprises are seen", n)
	}
	close(free)
	onLog(b, nil, logfile.Sync)
}

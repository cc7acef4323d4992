package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	historypb "coso/proto/gen/coso/history/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// INV-STORE-VIEW-BOUNDED: after its limit a View reads nothing more and answers DeadlineExceeded, whatever it reads and
// whatever its function answers.
func TestAViewHasATimeLimit(t *testing.T) {
	reads := map[string]func(b *bench, tx *ReadTx) error{
		"Get":  func(b *bench, tx *ReadTx) error { _, err := b.enterprises.Get(tx, "enterprises/e1"); return err },
		"Find": func(b *bench, tx *ReadTx) error { _, _, err := b.enterprises.Find(tx, "enterprises/none"); return err },
		"All": func(b *bench, tx *ReadTx) error {
			for _, err := range b.enterprises.All(tx) {
				return err
			}
			return nil
		},
		"By": func(b *bench, tx *ReadTx) error {
			for _, err := range b.enterprises.By(tx, b.byUnit, Text("units/u")) {
				return err
			}
			return nil
		},
		"List": func(b *bench, tx *ReadTx) error {
			_, _, err := b.enterprises.List(tx, &registrypb.ListEnterprisesRequest{}, Every[*registrypb.Enterprise](), nil)
			return err
		},
		"History": func(b *bench, tx *ReadTx) error {
			_, err := b.enterprises.History(tx, &registrypb.ListEnterpriseHistoryRequest{Name: "enterprises/e1"})
			return err
		},
	}
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		if _, err := create(caller(), b, enterprise(1, "units/u", "a"), ""); err != nil {
			t.Fatal(err)
		}
		for name, read := range reads {
			_, err := View(caller(), b.Store, func(tx *ReadTx) (bool, error) {
				if err := read(b, tx); fault.KindOf(err) == fault.KindDeadlineExceeded && err != nil {
					t.Errorf("%s in time: %v", name, err)
				}
				pass(viewLimit)
				if err := read(b, tx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s too late: %v", name, err)
				}
				return true, nil
			})
			wantReason(t, err, faultpb.Reason_REASON_DEADLINE_EXCEEDED)
		}
		_, err := View(caller(), b.Store, func(tx *ReadTx) (int, error) {
			pass(viewLimit)
			n := 0
			for range b.perUnit.In(tx).Ascend(nil, nil) {
				n++
			}
			if n != 0 {
				t.Error("a counter was read too late")
			}
			return n, nil
		})
		wantReason(t, err, faultpb.Reason_REASON_DEADLINE_EXCEEDED)
		short, cancel := context.WithTimeout(caller(), time.Second)
		defer cancel()
		began := time.Now()
		_, err = View(short, b.Store, func(tx *ReadTx) (*historypb.History, error) {
			pass(time.Second)
			return nil, reads["Get"](b, tx)
		})
		wantReason(t, err, faultpb.Reason_REASON_DEADLINE_EXCEEDED)
		if took := time.Since(began); took != time.Second {
			t.Errorf("a caller's own deadline counts, not %s", took)
		}
	})
}

// A View that stays open does not hold up commands, though the file grows far beyond what it was when the View began.
func TestReadersDoNotHoldUpWriters(t *testing.T) {
	b := open(t, t.TempDir())
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), ""); err != nil {
		t.Fatal(err)
	}
	entered, leave, left := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		_, err := View(caller(), b.Store, func(tx *ReadTx) (bool, error) {
			close(entered)
			<-leave
			_, ok, err := b.enterprises.Find(tx, "enterprises/e2")
			return ok, err
		})
		left <- err
	}()
	<-entered
	ctx, cancel := context.WithTimeout(caller(), 10*time.Second)
	defer cancel()
	for i := range 40 {
		_, err := Update(ctx, b.Store, nil, func(tx *Tx) (*registrypb.Enterprise, error) {
			for j := range 4 {
				u := &registrypb.Unit{Name: fmt.Sprintf("units/%d-%d", i, j), DisplayName: strings.Repeat("x", 50<<10)}
				if err := b.units.Put(tx, u); err != nil {
					return nil, err
				}
			}
			return b.enterprises.Create(tx, enterprise(i+2, "units/u", fmt.Sprint(i)), &registrypb.EnterpriseCreated{})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	close(leave)
	if err := <-left; err != nil && fault.KindOf(err) != fault.KindDeadlineExceeded {
		t.Error(err)
	}
}

// INV-STORE-CLOSURE-ALONE: a closure that reads or writes past its transaction is refused, not left waiting for itself;
// others read at the same time.
func TestAClosureUsesItsTransactionOnly(t *testing.T) {
	b := open(t, t.TempDir())
	ctx := caller()
	inside := map[string]func() error{
		"View": func() error { _, err := get(b, "enterprises/e1"); return err },
		"Update": func() error {
			_, err := create(ctx, b, enterprise(9, "units/u", "i"), "")
			return err
		},
	}
	for name, do := range inside {
		_, err := Update(ctx, b.Store, nil, func(tx *Tx) (*registrypb.Enterprise, error) {
			other := make(chan error)
			go func() {
				_, err := View(ctx, b.Store, func(tx *ReadTx) (bool, error) {
					_, ok, err := b.enterprises.Find(tx, "enterprises/e1")
					return ok, err
				})
				other <- err
			}()
			if err := <-other; err != nil {
				t.Errorf("a View beside the closure: %v", err)
			}
			if err := do(); err != nil {
				return nil, err
			}
			return b.enterprises.Create(tx, enterprise(1, "units/u", "a"), &registrypb.EnterpriseCreated{})
		})
		if wantReason(t, err, faultpb.Reason_REASON_INTERNAL); !errors.Is(err, errInClosure) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b.Head().GetPosition() != 0 {
		t.Error("something was written")
	}
}

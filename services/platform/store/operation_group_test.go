package store

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// Batches, the activation and other commands meet in groups; request ids are replayed; nothing is lost or done twice.
func TestAnOperationAmongOtherCommands(t *testing.T) {
	b := open(t, t.TempDir())
	begin(t, b)
	var wg sync.WaitGroup
	errs := make([]error, 60)
	for i := range 20 {
		wg.Go(func() { _, errs[i] = create(caller(), b, enterprise(2000+i, "units/u", fmt.Sprint("c", i)), "") })
		for again := range 2 {
			wg.Go(func() { _, errs[20+2*i+again] = stage(b, load, fmt.Sprint("stage-", i), i*10, i*10+9) })
		}
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	ops := make([]*journalpb.Operation, 8)
	for i := range ops {
		wg.Go(func() { ops[i], errs[i] = activate(b, "activate") })
		wg.Go(func() { _, errs[20+i] = create(caller(), b, enterprise(3000+i, "units/u", fmt.Sprint("d", i)), "") })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, op := range ops {
		if op.GetState() != journalpb.OperationState_OPERATION_STATE_ACTIVE || op.GetRows() != 200 {
			t.Errorf("activated: %v", op)
		}
	}
	if n, events := count(t, b), b.Head().GetEvents(); n != 228 || events != 228 {
		t.Errorf("%d enterprises and %d events", n, events)
	}
	sameDerived(t, b, t.TempDir())
	if diff := cmp.Diff(everything(t, b), everything(t, replayed(t, b))); diff != "" {
		t.Errorf("the journal read again (-live +replayed):\n%s", diff)
	}
}

// A command behind a batch in its group sees nothing of it, one in the batch does.
func TestABatchIsNotSeenInItsGroup(t *testing.T) {
	b := open(t, t.TempDir())
	begin(t, b)
	batch := newCall(b, 0, "", "")
	batch.run = func(tx *Tx) (proto.Message, error) {
		return tx.putAside(load, func(tx *Tx) error {
			if _, err := b.enterprises.Create(tx, enterprise(5, "units/u", "5"), &registrypb.EnterpriseCreated{}); err != nil {
				return err
			}
			_, err := b.enterprises.Get(tx, "enterprises/e5")
			return err
		})
	}
	g, left, err := b.runGroup([]*call{batch, newCall(b, 5, "5", "")})
	if err != nil || len(left) != 0 || len(g.commands) != 2 || errors.Join(g.outcomes[0].err, g.outcomes[1].err) != nil {
		t.Fatalf("%d commands, %d left, %v, outcomes %v", len(g.commands), len(left), err, g.outcomes)
	}
}

// A command behind an activation in its group sees what it brought in.
func TestAnActivationIsSeenInItsGroup(t *testing.T) {
	b := open(t, t.TempDir())
	begin(t, b)
	if _, err := stage(b, load, "", 0, 9); err != nil {
		t.Fatal(err)
	}
	activation := newCall(b, 0, "", "")
	activation.answer = func() proto.Message { return &journalpb.Operation{} }
	activation.run = func(tx *Tx) (proto.Message, error) { return activateOperation(tx, load) }
	g, left, err := b.runGroup([]*call{activation, newCall(b, 5, "z", ""), newCall(b, 77, "5", ""), newCall(b, 78, "78", "")})
	if err != nil || len(left) != 0 || len(g.commands) != 2 {
		t.Fatalf("%d commands, %d left, %v", len(g.commands), len(left), err)
	}
	wantReason(t, g.outcomes[1].err, faultpb.Reason_REASON_RESOURCE_EXISTS)
	wantReason(t, g.outcomes[2].err, faultpb.Reason_REASON_TAX_CODE_TAKEN)
	g, left, err = b.runGroup([]*call{newCall(b, 79, "79", ""), activation})
	if err != nil || len(left) != 1 || len(g.commands) != 1 {
		t.Errorf("behind another command an activation waits for the next group: %d commands, %d left, %v", len(g.commands), len(left), err)
	}
}

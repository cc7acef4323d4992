package store

import (
	"runtime"
	"testing"
	"time"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// inOpenUnits is a rule of the bench's enterprises: none is in a unit that is known to be closed.
func (sc *schema) inOpenUnits(tx *Tx) func(*registrypb.Enterprise) error {
	units := sc.units.Remembering(tx)
	return func(e *registrypb.Enterprise) error {
		u, _, err := units(e.GetUnit())
		if err != nil || u.GetClosedOn() == "" {
			return err
		}
		return fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "unit", "name", u.GetName(), "date", u.GetClosedOn())
	}
}

func (sc *schema) closeUnit(tx *Tx, name string) error {
	return sc.units.Put(tx, &registrypb.Unit{Name: name, ClosedOn: "2020-11-01"})
}

// notJudgedSound checks that an activation was refused for the first of the rows in units/u2, and that nothing is left of it.
func notJudgedSound(t *testing.T, b *bench, refused error) {
	t.Helper()
	wantReason(t, refused, faultpb.Reason_REASON_UNIT_NOT_IN_FORCE)
	if e := fault.From(refused); e.Kind != fault.KindFailedPrecondition || e.Field != "rows[2].unit" {
		t.Errorf("refused with %v at %q", e.Kind, e.Field)
	}
	if n, events := count(t, b), b.Head().GetEvents(); n != 0 || events != 0 {
		t.Errorf("%d enterprises and %d events came in", n, events)
	}
	op, err := View(caller(), b.Store, func(tx *ReadTx) (*journalpb.Operation, error) { return GetOperation(tx, load) })
	if err != nil || op.GetState() != journalpb.OperationState_OPERATION_STATE_ABANDONED || op.GetReason() != faultpb.Reason_REASON_UNIT_NOT_IN_FORCE {
		t.Errorf("what was refused is %v (%v)", op, err)
	}
	_, err = activate(b, "")
	wantReason(t, err, faultpb.Reason_REASON_OPERATION_ENDED)
}

// INV-OPERATION-JUDGED-ANEW: what a row rested on when it was put aside must be so still when it takes effect.
func TestARowIsJudgedAnew(t *testing.T) {
	b := open(t, t.TempDir())
	change(t, b, func(tx *Tx) error { return b.units.Put(tx, &registrypb.Unit{Name: "units/u2"}) })
	begin(t, b)
	for _, first := range []int{0, 10} {
		if _, err := stage(b, load, "", first, first+9); err != nil {
			t.Fatal(err)
		}
	}
	change(t, b, func(tx *Tx) error { return b.closeUnit(tx, "units/u2") })
	_, err := activate(b, "")
	notJudgedSound(t, b, err)
}

// What changes behind the snapshot on which the rows were judged sound, the command of the activation finds.
func TestARowIsJudgedInTheCommandToo(t *testing.T) {
	b := open(t, t.TempDir())
	begin(t, b)
	if _, err := stage(b, load, "", 0, 9); err != nil {
		t.Fatal(err)
	}
	kept, free := make(chan struct{}), make(chan struct{})
	closed, done := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := Update(caller(), b.Store, nil, func(tx *Tx) (*journalpb.Operation, error) {
			close(kept)
			<-free
			return &journalpb.Operation{}, b.closeUnit(tx, "units/u2")
		})
		closed <- err
	}()
	<-kept
	go func() {
		_, err := activate(b, "")
		done <- err
	}()
	for end := time.Now().Add(10 * time.Second); len(b.queue) == 0; runtime.Gosched() { // until it is judged, and waits for the committer
		if time.Now().After(end) {
			t.Fatal("the activation does not come")
		}
	}
	close(free)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	notJudgedSound(t, b, <-done)
}

// A table that does not say how its rows are judged again has none put aside.
func TestATableWithoutJudgementPutsNothingAside(t *testing.T) {
	b := open(t, t.TempDir())
	begin(t, b)
	b.enterprises.spec.judging = nil
	before := b.Head().GetPosition()
	_, err := stage(b, load, "", 0, 0)
	wantReason(t, err, faultpb.Reason_REASON_INTERNAL)
	if b.Head().GetPosition() != before {
		t.Error("something was written")
	}
}

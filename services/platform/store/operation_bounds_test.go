package store

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"coso/services/platform/access"
	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// INV-OPERATION-JUDGED-ONCE: an activation that is refused has not been run by the committer, and is not judged again.
func TestARefusedActivationKeepsNobodyWaiting(t *testing.T) {
	b := open(t, t.TempDir())
	begin(t, b)
	for _, first := range []int{0, 5} { // 5 … 9 are there twice, which the activation alone finds
		if _, err := stage(b, load, "", first, first+9); err != nil {
			t.Fatal(err)
		}
	}
	// While the committer is kept, whoever is judged by it waits.
	kept, free := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := Update(caller(), b.Store, nil, func(*Tx) (*journalpb.Operation, error) {
			close(kept)
			<-free
			return &journalpb.Operation{}, nil
		})
		done <- err
	}()
	<-kept
	refused := b.rehearseActivation(caller(), load)
	close(free)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantReason(t, refused, faultpb.Reason_REASON_RESOURCE_EXISTS)
	for i, want := range []faultpb.Reason{faultpb.Reason_REASON_RESOURCE_EXISTS, faultpb.Reason_REASON_OPERATION_ENDED, faultpb.Reason_REASON_OPERATION_ENDED} {
		before := b.Head().GetPosition()
		_, err := activate(b, "")
		wantReason(t, err, want)
		if i > 0 && b.Head().GetPosition() != before {
			t.Error("what had ended was written again")
		}
	}
}

// Two who activate the same rows at once are judged one after the other, and a request id that was used otherwise ends nothing.
func TestARefusalThatIsNotAboutRowsEndsNothing(t *testing.T) {
	b := open(t, t.TempDir())
	begin(t, b)
	if _, err := stage(b, load, "used", 0, 9); err != nil {
		t.Fatal(err)
	}
	_, err := Activate(caller(), b.Store, &registrypb.CreateUnitRequest{RequestId: "used"}, load)
	wantReason(t, err, faultpb.Reason_REASON_REQUEST_ID_REUSED)
	if op, err := activate(b, ""); err != nil || op.GetState() != journalpb.OperationState_OPERATION_STATE_ACTIVE {
		t.Errorf("%v (%v)", op, err)
	}
}

// An activation whose rows are sound takes effect though its caller goes away: else it could be asked for, and cut off, for ever.
func TestAnActivationIsNotCutOff(t *testing.T) {
	b := open(t, t.TempDir())
	begin(t, b)
	if _, err := stage(b, load, "", 0, 9); err != nil {
		t.Fatal(err)
	}
	ctx, gone := context.WithCancel(caller())
	kept, free := make(chan struct{}), make(chan struct{})
	go func() {
		_, _ = Update(caller(), b.Store, nil, func(*Tx) (*journalpb.Operation, error) {
			close(kept)
			<-free
			return &journalpb.Operation{}, nil
		})
	}()
	<-kept
	done := make(chan error, 1)
	go func() {
		_, err := Activate(ctx, b.Store, nil, load)
		done <- err
	}()
	for end := time.Now().Add(10 * time.Second); len(b.queue) == 0; runtime.Gosched() { // until it is judged, and waits for the committer
		if time.Now().After(end) {
			t.Fatal("the activation does not come")
		}
	}
	gone()
	close(free)
	if err := <-done; err != nil || count(t, b) != 10 {
		t.Errorf("%v, and %d came in", err, count(t, b))
	}
}

// INV-OPERATION-BOUNDED: nobody has more than a few operations under way; ending one makes room.
func TestOperationsUnderWayAreBounded(t *testing.T) {
	b := open(t, t.TempDir())
	another := func(ctx context.Context, n int) error {
		_, err := Update(ctx, b.Store, nil, func(tx *Tx) (*journalpb.Operation, error) {
			return BeginOperation(tx, fmt.Sprint("operations/", n))
		})
		return err
	}
	for n := range maxOperations {
		if err := another(caller(), n); err != nil {
			t.Fatal(err)
		}
	}
	err := another(caller(), 7)
	if wantReason(t, err, faultpb.Reason_REASON_TOO_MANY_OPERATIONS); fault.KindOf(err) != fault.KindResourceExhausted {
		t.Error(err)
	}
	if err := another(access.With(context.Background(), access.Principal{Name: "principals/other"}), 8); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	change(t, b, func(tx *Tx) error {
		_, err := AbandonOperation(tx, "operations/1", faultpb.Reason_REASON_CANCELLED)
		return err
	})
	if err := another(caller(), 7); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
}

// nobody may do nothing.
type nobody struct{}

func (nobody) PowerOf(Reader, access.Principal, time.Time) (Power, error) { return nobody{}, nil }
func (nobody) Anywhere(accesspb.Permission) bool                          { return false }
func (nobody) At(accesspb.Permission, string) (Basis, error)              { return Basis{}, nil }
func (nobody) Units(accesspb.Permission) (Scope, error)                   { return Scope{}, nil }

// Who may record nothing begins no operation, and where nothing is recorded nobody does.
func TestWhoMayRecordNothingBeginsNoOperation(t *testing.T) {
	b := open(t, t.TempDir())
	b.authority = nobody{}
	for _, recording := range [][]accesspb.Permission{{access.EnterprisesRecord, access.OrganisationsRecord}, nil} {
		before := b.Head()
		_, err := Update(access.WithCall(context.Background(), access.Principal{Name: "principals/stranger"}, "/begin", accesspb.Permission_PERMISSION_SIGNED_IN), b.Store, nil,
			func(tx *Tx) (*journalpb.Operation, error) { return BeginOperation(tx, load, recording...) })
		wantReason(t, err, faultpb.Reason_REASON_PERMISSION_DENIED)
		if !proto.Equal(before, b.Head()) {
			t.Error("something was written")
		}
	}
}

// What has ended is forgotten, but not before the request ids of its batches are: under its name another can be begun then.
func TestAnEndedOperationIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := timed(t, t.TempDir())
		defer stop()
		begin(t, b)
		if _, err := stage(b, load, "batch", 0, 9); err != nil {
			t.Fatal(err)
		}
		if _, err := activate(b, ""); err != nil {
			t.Fatal(err)
		}
		again := func() error {
			_, err := Update(caller(), b.Store, nil, func(tx *Tx) (*journalpb.Operation, error) { return BeginOperation(tx, load) })
			return err
		}
		pass(30 * 24 * time.Hour)
		wantReason(t, again(), faultpb.Reason_REASON_RESOURCE_EXISTS)
		pass(2 * 24 * time.Hour)
		if err := again(); err != nil {
			t.Errorf("after it was forgotten: %v", err)
		}
		if n := count(t, b); n != 10 {
			t.Errorf("%d enterprises are left", n)
		}
	})
}

package store

import (
	"bytes"
	"context"
	"iter"
	"math/rand/v2"
	"testing"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// deafLog tells its store of nothing that others write: the store reads it when it writes itself.
type deafLog struct{ *faultyLog }

func (deafLog) Tail(ctx context.Context, _ uint64) iter.Seq2[Placed, error] {
	return func(func(Placed, error) bool) { <-ctx.Done() }
}

// aheadAndBehind are two stores on one log, of which the second lags until it writes.
func aheadAndBehind(t *testing.T) (ahead, behind *bench) {
	t.Helper()
	log := newFaultyLog(rand.New(rand.NewPCG(1, 2)), odds{})
	ahead = open(t, t.TempDir(), log.on)
	behind = open(t, t.TempDir(), func(o *Options) { o.Log, o.Key = deafLog{log}, bytes.Repeat([]byte{7}, 32) })
	return ahead, behind
}

// awaits reports whether a store waits for what a call was told elsewhere.
func awaits(t *testing.T, b *bench, told *Recorder) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(caller())
	cancel() // it waits for nothing, or not at all
	return b.Await(ctx, append(told.Positions(), told.Seen())) != nil
}

// A request sent again shows its resource as it is by now, so what it is told is the position of now: elsewhere nobody goes back.
func TestReplayTellsThePositionOfNow(t *testing.T) {
	ahead, behind := aheadAndBehind(t)
	if _, err := create(caller(), ahead, enterprise(1, "units/u", "c1"), "id"); err != nil {
		t.Fatal(err)
	}
	if err := barrier(caller(), behind); err != nil {
		t.Fatal(err)
	}
	if _, err := rename(caller(), ahead, "enterprises/e1", "newer", ""); err != nil {
		t.Fatal(err)
	}
	ctx, told := Record(caller())
	again, err := create(ctx, ahead, enterprise(1, "units/u", "c1"), "id")
	if err != nil || again.GetDisplayName() != "newer" {
		t.Fatalf("sent again: %v, %v", again, err)
	}
	if got := told.Positions(); len(got) != 1 || got[0].Number != ahead.Head().GetEventPosition() || told.Seen().Number != ahead.Head().GetPosition() {
		t.Errorf("told %v and %v; the journal's end: %v", got, told.Seen(), ahead.Head())
	}
	if !awaits(t, behind, told) {
		t.Error("who does not have what was answered does not wait for it")
	}
	if err := barrier(caller(), behind); err != nil {
		t.Fatal(err)
	}
	if awaits(t, behind, told) {
		t.Errorf("told %v and %v, which nobody reaches", told.Positions(), told.Seen())
	}
	if e, err := get(behind, "enterprises/e1"); err != nil || e.GetRevision() < again.GetRevision() {
		t.Errorf("revision %d, then %d elsewhere: %v", again.GetRevision(), e.GetRevision(), err)
	}
}

// Who is refused for what the state is, is told which state: elsewhere it is not an older one.
func TestRefusalTellsItsPosition(t *testing.T) {
	for name, ask := range map[string]struct {
		do     func(context.Context, *bench) error
		reason faultpb.Reason
	}{
		"a key is taken": {func(ctx context.Context, b *bench) error {
			_, err := create(ctx, b, enterprise(2, "units/u", "c1"), "")
			return err
		}, faultpb.Reason_REASON_TAX_CODE_TAKEN},
		"an etag is old": {func(ctx context.Context, b *bench) error {
			_, err := rename(ctx, b, "enterprises/e1", "newer", `"0"`)
			return err
		}, faultpb.Reason_REASON_ETAG_STALE},
		"a request id is used": {func(ctx context.Context, b *bench) error {
			_, err := create(ctx, b, enterprise(2, "units/u", "c2"), "id")
			return err
		}, faultpb.Reason_REASON_REQUEST_ID_REUSED},
		"a reading finds nothing": {func(ctx context.Context, b *bench) error {
			_, err := View(ctx, b.Store, func(tx *ReadTx) (*registrypb.Enterprise, error) { return b.enterprises.Get(tx, "enterprises/e9") })
			return err
		}, faultpb.Reason_REASON_RESOURCE_NOT_FOUND},
	} {
		t.Run(name, func(t *testing.T) {
			ahead, behind := aheadAndBehind(t)
			if _, err := create(caller(), ahead, enterprise(1, "units/u", "c1"), "id"); err != nil {
				t.Fatal(err)
			}
			ctx, told := Record(caller())
			wantReason(t, ask.do(ctx, ahead), ask.reason)
			if got := told.Positions(); len(got) != 1 || got[0].Number != 1 || !awaits(t, behind, told) {
				t.Errorf("told %v and %v: who has nothing yet does not wait", told.Positions(), told.Seen())
			}
			if err := barrier(caller(), behind); err != nil {
				t.Fatal(err)
			}
			if awaits(t, behind, told) {
				t.Errorf("told %v and %v, which nobody reaches", told.Positions(), told.Seen())
			}
		})
	}
}

// What a row needs and another store has freed, and said so, is free where the operation is: nothing is given up for an old state.
func TestActivationSeesWhatIsFree(t *testing.T) {
	ahead, behind := aheadAndBehind(t)
	begin(t, behind)
	if _, err := stage(behind, load, "", 7, 7); err != nil {
		t.Fatal(err)
	}
	if _, err := create(caller(), behind, enterprise(99, "units/u", "7"), ""); err != nil {
		t.Fatal(err)
	}
	change(t, ahead, func(tx *Tx) error {
		e, err := ahead.enterprises.Get(tx, "enterprises/e99")
		if err == nil {
			e.TaxCode = "free"
			_, err = ahead.enterprises.Put(tx, e, &registrypb.EnterpriseUpdated{})
		}
		return err
	})
	if op, err := activate(behind, ""); err != nil || op.GetState() != journalpb.OperationState_OPERATION_STATE_ACTIVE {
		t.Errorf("activated: %v, %v", op, err)
	}
}

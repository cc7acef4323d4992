package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"coso/services/platform/access"
	"coso/services/platform/fault"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

const load = "operations/load"

func begin(t *testing.T, b *bench) {
	t.Helper()
	change(t, b, func(tx *Tx) error { _, err := BeginOperation(tx, load); return err })
}

// moreThanTheRecord is a field of an event beside its record; here one of a newer version.
var moreThanTheRecord = protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 7)

// stage puts enterprises aside, numbered from first to last.
func stage(b *bench, op, requestID string, first, last int) (*journalpb.Operation, error) {
	req := &registrypb.CreateEnterpriseRequest{RequestId: requestID}
	return Stage(caller(), b.Store, req, op, func(tx *Tx) error {
		for i := first; i <= last; i++ {
			event := &registrypb.EnterpriseUpdated{}
			event.ProtoReflect().SetUnknown(moreThanTheRecord)
			if _, err := b.enterprises.Create(tx, enterprise(i, fmt.Sprintf("units/u%d", i%3), fmt.Sprint(i)), event); err != nil {
				return err
			}
		}
		return nil
	})
}

func activate(b *bench, requestID string) (*journalpb.Operation, error) {
	req := &registrypb.CreateEnterpriseRequest{RequestId: requestID}
	return Activate(caller(), b.Store, req, load)
}

// replayed applies a store's journal to a new file.
func replayed(t *testing.T, b *bench) *bench {
	t.Helper()
	anew := open(t, t.TempDir())
	if err := anew.db.Update(func(w *overlay) error {
		return errors.Join(w.put(bucketMeta, keyIncarnation, b.incarnation), w.put(bucketMeta, keyFingerprintKey, b.fingerprintKey))
	}); err != nil {
		t.Fatal(err)
	}
	anew.incarnation, anew.fingerprintKey = b.incarnation, b.fingerprintKey
	for p := uint64(1); p <= b.Head().GetPosition(); p++ {
		next, err := anew.applied(entryBytes(t, b, p))
		if err != nil {
			t.Fatal(err)
		}
		anew.publish(next)
	}
	return anew
}

// everything is every row of a store's file.
func everything(t *testing.T, b *bench) map[string]string {
	t.Helper()
	out := map[string]string{}
	if err := b.db.flush(context.Background(), b.stop); err != nil {
		t.Fatal(err)
	}
	err := b.db.file.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
			return bucket.ForEach(func(k, v []byte) error {
				out[fmt.Sprintf("%s %x", name, k)] = fmt.Sprintf("%x", v)
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// INV-OPERATION-WHOLE: what is put aside is seen by nobody until one small command brings all of it in, with every index,
// counter, event and revision; a journal that is read again, and a rebuild, give the same.
func TestAnOperationIsSeenWholeOrNotAtAll(t *testing.T) {
	b := open(t, t.TempDir())
	if _, err := create(caller(), b, enterprise(1000, "units/u0", "x"), ""); err != nil {
		t.Fatal(err)
	}
	begin(t, b)
	before := derivedRows(t, b)
	for i := range 4 {
		op, err := stage(b, load, "", i*100, i*100+99)
		if err != nil || op.GetRows() != int64(i+1)*100 || op.GetState() != journalpb.OperationState_OPERATION_STATE_STAGING {
			t.Fatalf("batch %d: %v (%v)", i, op, err)
		}
		if n, events := count(t, b), b.Head().GetEvents(); n != 1 || events != 1 {
			t.Fatalf("after batch %d %d enterprises and %d events are seen", i, n, events)
		}
	}
	after := derivedRows(t, b)
	for k := range after {
		if _, was := before[k]; !was && !bytes.HasPrefix([]byte(k), []byte("index/timers")) {
			t.Errorf("a batch left %s", k)
		}
	}
	b.now = b.now.Add(time.Hour)
	op, err := activate(b, "")
	if err != nil || op.GetState() != journalpb.OperationState_OPERATION_STATE_ACTIVE || len(op.GetBatches()) != 0 {
		t.Fatalf("activated: %v (%v)", op, err)
	}
	if size := len(entryBytes(t, b, b.Head().GetPosition())); size > 1024 {
		t.Errorf("the activation takes %d bytes", size)
	}
	activated(t, b, 400)
	if diff := cmp.Diff(everything(t, b), everything(t, replayed(t, b))); diff != "" {
		t.Errorf("the journal read again (-live +replayed):\n%s", diff)
	}
	sameDerived(t, b, t.TempDir())
	e, err := rename(caller(), b, "enterprises/e7", "Đổi tên", "")
	if err != nil || e.GetRevision() != 2 {
		t.Errorf("a change afterwards: %v (%v)", e, err)
	}
}

// activated checks everything about enterprises 0 … n-1, brought in now, behind event 1.
func activated(t *testing.T, b *bench, n int) {
	t.Helper()
	if got, events := count(t, b), int(b.Head().GetEvents()); got != n+1 || events != n+1 {
		t.Fatalf("%d enterprises and %d events", got, events)
	}
	from, i := uint64(2), 0
	for {
		events, err := b.Events(context.Background(), from, 70)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			break
		}
		for _, ev := range events {
			rec, err := get(b, fmt.Sprintf("enterprises/e%d", i))
			if err != nil {
				t.Fatal(err)
			}
			told := &registrypb.EnterpriseUpdated{}
			if err := proto.Unmarshal(ev.Data, told); err != nil {
				t.Fatal(err)
			}
			if more := told.ProtoReflect().GetUnknown(); !bytes.Equal(more, moreThanTheRecord) {
				t.Fatalf("event %d says %x beside its record", ev.Number, []byte(more))
			}
			if diff := cmp.Diff(rec, told.GetEnterprise(), protocmp.Transform()); diff != "" {
				t.Fatalf("event %d (-record +event):\n%s", ev.Number, diff)
			}
			if ev.Number != from || ev.Subject != rec.GetName() || ev.Rest != uint64(n-i-1) || ev.Position != b.Head().GetPosition() {
				t.Fatalf("event %d of %s at %d, rest %d", ev.Number, ev.Subject, ev.Position, ev.Rest)
			}
			if rec.GetRevision() != 1 || rec.GetEtag() != etag(b.incarnation, 1) || !rec.GetCreateTime().AsTime().Equal(b.now) || !rec.GetUpdateTime().AsTime().Equal(b.now) {
				t.Fatalf("brought in as %v", rec)
			}
			from, i = from+1, i+1
		}
	}
	if i != n {
		t.Fatalf("%d events told", i)
	}
	_, err := View(caller(), b.Store, func(tx *ReadTx) (bool, error) {
		h, err := b.enterprises.History(tx, &registrypb.ListEnterpriseHistoryRequest{Name: "enterprises/e5"})
		if err != nil {
			return false, err
		}
		if r := h.GetRevisions(); len(r) != 1 || r[0].GetRevision() != 1 || len(r[0].GetChanges()) != 4 || !r[0].GetRecordTime().AsTime().Equal(b.now) {
			t.Errorf("history %v", r)
		}
		if c, _ := Key(b.perUnit.In(tx).Get(Text("units/u1"))).Split().Uint64(); c != uint64((n+1)/3) {
			t.Errorf("the counter says %d", c)
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnOperationRefuses(t *testing.T) {
	b := open(t, t.TempDir())
	if _, err := create(caller(), b, enterprise(1000, "units/u0", "x"), ""); err != nil {
		t.Fatal(err)
	}
	begin(t, b)
	if _, err := stage(b, load, "", 0, 9); err != nil {
		t.Fatal(err)
	}
	one := func(f func(tx *Tx) error) func() error {
		return func() error { _, err := Stage(caller(), b.Store, nil, load, f); return err }
	}
	for name, c := range map[string]struct {
		do     func() error
		reason faultpb.Reason
	}{
		"an operation that is not there": {func() error { _, err := stage(b, "operations/none", "", 0, 1); return err }, faultpb.Reason_REASON_RESOURCE_NOT_FOUND},
		"a name that is taken":           {func() error { _, err := stage(b, load, "", 1000, 1000); return err }, faultpb.Reason_REASON_RESOURCE_EXISTS},
		"a name twice in a batch": {one(func(tx *Tx) error {
			for range 2 {
				if _, err := b.enterprises.Create(tx, enterprise(50, "units/u", "50"), &registrypb.EnterpriseCreated{}); err != nil {
					return err
				}
			}
			return nil
		}), faultpb.Reason_REASON_RESOURCE_EXISTS},
		"a unique key that is taken": {one(func(tx *Tx) error {
			_, err := b.enterprises.Create(tx, enterprise(50, "units/u", "x"), &registrypb.EnterpriseCreated{})
			return err
		}), faultpb.Reason_REASON_TAX_CODE_TAKEN},
		"a change": {one(func(tx *Tx) error {
			cur, err := b.enterprises.Get(tx, "enterprises/e1000")
			if err != nil {
				return err
			}
			_, err = b.enterprises.Put(tx, cur, &registrypb.EnterpriseUpdated{})
			return err
		}), faultpb.Reason_REASON_INTERNAL},
		"a copy":             {one(func(tx *Tx) error { return b.units.Put(tx, &registrypb.Unit{Name: "units/u"}) }), faultpb.Reason_REASON_INTERNAL},
		"an event by itself": {one(func(tx *Tx) error { return tx.Emit(&registrypb.EnterpriseCreated{}, "enterprises/e1") }), faultpb.Reason_REASON_INTERNAL},
		"a name that begins twice": {func() error {
			_, err := Update(caller(), b.Store, nil, func(tx *Tx) (*journalpb.Operation, error) { return BeginOperation(tx, load) })
			return err
		}, faultpb.Reason_REASON_RESOURCE_EXISTS},
	} {
		before := b.Head().GetPosition()
		wantReason(t, c.do(), c.reason)
		if b.Head().GetPosition() != before {
			t.Errorf("%s: something was written", name)
		}
	}
}

// An operation whose rows cannot all come in brings in none, and says why.
func TestAnOperationThatCannotComeInWhole(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, b *bench) (faultpb.Reason, error){
		"a name taken meanwhile": func(_ *testing.T, b *bench) (faultpb.Reason, error) {
			_, err := create(caller(), b, enterprise(5, "units/u", "new"), "")
			return faultpb.Reason_REASON_RESOURCE_EXISTS, err
		},
		"a unique key taken meanwhile": func(_ *testing.T, b *bench) (faultpb.Reason, error) {
			_, err := create(caller(), b, enterprise(50, "units/u", "5"), "")
			return faultpb.Reason_REASON_TAX_CODE_TAKEN, err
		},
		"a name in two batches": func(_ *testing.T, b *bench) (faultpb.Reason, error) {
			_, err := stage(b, load, "", 9, 12)
			return faultpb.Reason_REASON_RESOURCE_EXISTS, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, t.TempDir())
			begin(t, b)
			if _, err := stage(b, load, "", 0, 9); err != nil {
				t.Fatal(err)
			}
			reason, err := spoil(t, b)
			if err != nil {
				t.Fatal(err)
			}
			before, had := b.Head(), count(t, b)
			_, err = activate(b, "")
			if wantReason(t, err, reason); fault.KindOf(err) != fault.KindAlreadyExists {
				t.Errorf("refused with %v", err)
			}
			if b.Head().GetEvents() != before.GetEvents() || count(t, b) != had {
				t.Error("something came in")
			}
			op, err := View(caller(), b.Store, func(tx *ReadTx) (*journalpb.Operation, error) { return GetOperation(tx, load) })
			if err != nil || op.GetState() != journalpb.OperationState_OPERATION_STATE_ABANDONED || op.GetReason() != reason {
				t.Errorf("what was refused is %v (%v)", op, err)
			}
			_, err = activate(b, "")
			wantReason(t, err, faultpb.Reason_REASON_OPERATION_ENDED)
			_, err = stage(b, load, "", 60, 61)
			wantReason(t, err, faultpb.Reason_REASON_OPERATION_ENDED)
		})
	}
}

// INV-OPERATION-OWN: to everybody but who began it an operation does not exist.
func TestAnOperationIsItsBeginnersAlone(t *testing.T) {
	b := open(t, t.TempDir())
	begin(t, b)
	if _, err := stage(b, load, "", 0, 9); err != nil {
		t.Fatal(err)
	}
	other := access.With(context.Background(), access.Principal{Name: "principals/other"})
	for name, do := range map[string]func() error{
		"read": func() error {
			_, err := View(other, b.Store, func(tx *ReadTx) (*journalpb.Operation, error) { return GetOperation(tx, load) })
			return err
		},
		"add to": func() error {
			_, err := Stage(other, b.Store, nil, load, func(*Tx) error { return nil })
			return err
		},
		"activate": func() error {
			_, err := Activate(other, b.Store, nil, load)
			return err
		},
		"give up": func() error {
			_, err := Update(other, b.Store, nil, func(tx *Tx) (*journalpb.Operation, error) {
				return AbandonOperation(tx, load, faultpb.Reason_REASON_CANCELLED)
			})
			return err
		},
	} {
		if err := do(); fault.ReasonOf(err) != faultpb.Reason_REASON_RESOURCE_NOT_FOUND {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := activate(b, ""); err != nil || count(t, b) != 10 {
		t.Errorf("its beginner: %v", err)
	}
}

// An operation that nobody goes on with is given up after a day, whatever happens meanwhile.
func TestAnAbandonedOperationEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := timed(t, t.TempDir())
		state := func() journalpb.OperationState {
			op, err := View(caller(), b.Store, func(tx *ReadTx) (*journalpb.Operation, error) { return GetOperation(tx, load) })
			if err != nil {
				t.Fatal(err)
			}
			return op.GetState()
		}
		begin(t, b)
		pass(20 * time.Hour)
		if _, err := stage(b, load, "", 0, 9); err != nil {
			t.Fatal(err)
		}
		pass(23 * time.Hour)
		if s := state(); s != journalpb.OperationState_OPERATION_STATE_STAGING {
			t.Errorf("after 23 hours: %s", s)
		}
		stop()
		b.check(t)
		pass(2 * time.Hour)
		b, stop = timed(t, b.dir)
		synctest.Wait()
		stop()
		if s := state(); s != journalpb.OperationState_OPERATION_STATE_ABANDONED {
			t.Errorf("after a day: %s", s)
		}
		_, err := activate(b, "")
		wantReason(t, err, faultpb.Reason_REASON_OPERATION_ENDED)
		if n := count(t, b); n != 0 {
			t.Errorf("%d enterprises came in", n)
		}
	})
}

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func wantReason(t *testing.T, err error, want faultpb.Reason) {
	t.Helper()
	if got := fault.ReasonOf(err); err == nil || got != want {
		t.Fatalf("error %v with reason %v, want %v", err, got, want)
	}
}

func TestCreateSetsWhatTheStoreKeeps(t *testing.T) {
	b := open(t, t.TempDir())
	e, err := create(caller(), b, enterprise(1, "units/tay-ho", "0100109106"), "")
	if err != nil {
		t.Fatal(err)
	}
	if e.GetRevision() != 1 || e.GetEtag() == "" || !e.GetCreateTime().AsTime().Equal(b.now) || !e.GetUpdateTime().AsTime().Equal(b.now) {
		t.Errorf("revision %d, etag %q, created %v, updated %v", e.GetRevision(), e.GetEtag(), e.GetCreateTime(), e.GetUpdateTime())
	}
	again, err := rename(caller(), b, e.GetName(), "Công ty khác", e.GetEtag())
	if err != nil {
		t.Fatal(err)
	}
	if again.GetRevision() != 2 || again.GetEtag() == e.GetEtag() || !again.GetCreateTime().AsTime().Equal(e.GetCreateTime().AsTime()) {
		t.Errorf("after a change: %v", again)
	}
	events, err := b.Events(context.Background(), 1, 10)
	if err != nil || len(events) != 2 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	told := &registrypb.EnterpriseUpdated{}
	if err := proto.Unmarshal(events[1].Data, told); err != nil || !proto.Equal(told.GetEnterprise(), again) {
		t.Errorf("the event carries %v, the resource is %v (%v)", told.GetEnterprise(), again, err)
	}
}

func TestRefusalsChangeNothing(t *testing.T) {
	b := open(t, t.TempDir())
	first, err := create(caller(), b, enterprise(1, "units/tay-ho", "0100109106"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rename(caller(), b, first.GetName(), "Tên mới", first.GetEtag()); err != nil {
		t.Fatal(err)
	}
	before := b.Head()
	for _, c := range []struct {
		name   string
		do     func() error
		reason faultpb.Reason
	}{
		{"a name that is taken", func() error {
			_, err := create(caller(), b, enterprise(1, "units/ba-dinh", "0100047516"), "")
			return err
		}, faultpb.Reason_REASON_RESOURCE_EXISTS},
		{"a unique key that is taken", func() error {
			_, err := create(caller(), b, enterprise(2, "units/ba-dinh", "0100109106"), "")
			return err
		}, faultpb.Reason_REASON_TAX_CODE_TAKEN},
		{"a stale etag", func() error {
			_, err := rename(caller(), b, first.GetName(), "Tên khác", first.GetEtag())
			return err
		}, faultpb.Reason_REASON_ETAG_STALE},
		{"a record that is not there", func() error {
			_, err := rename(caller(), b, "enterprises/none", "Tên khác", "")
			return err
		}, faultpb.Reason_REASON_RESOURCE_NOT_FOUND},
		{"a record that breaks its own constraints", func() error {
			_, err := create(caller(), b, enterprise(3, "không phải đơn vị", "0100047516"), "")
			return err
		}, faultpb.Reason_REASON_FIELD_FORMAT},
		{"a panic", func() error {
			_, err := Update(caller(), b.Store, &registrypb.GetUnitRequest{}, func(tx *Tx) (*registrypb.Enterprise, error) {
				if _, err := b.enterprises.Create(tx, enterprise(4, "units/tay-ho", "0100047516"), &registrypb.EnterpriseCreated{}); err != nil {
					return nil, err
				}
				panic("in the middle")
			})
			return err
		}, faultpb.Reason_REASON_INTERNAL},
		{"a record beyond the limit", func() error {
			_, err := Update(caller(), b.Store, &registrypb.GetUnitRequest{}, func(tx *Tx) (*registrypb.Unit, error) {
				return nil, b.units.Put(tx, &registrypb.Unit{Name: "units/x", DisplayName: strings.Repeat("x", maxRecord)})
			})
			return err
		}, faultpb.Reason_REASON_TOO_LARGE},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantReason(t, c.do(), c.reason)
			if after := b.Head(); !proto.Equal(before, after) {
				t.Errorf("the journal moved from %v to %v", before, after)
			}
		})
	}
	if n := count(t, b); n != 1 {
		t.Errorf("%d enterprises, want 1", n)
	}
}

func count(t *testing.T, b *bench) int {
	t.Helper()
	n, err := View(caller(), b.Store, func(tx *ReadTx) (int, error) {
		n := 0
		for _, err := range b.enterprises.All(tx) {
			if err != nil {
				return 0, err
			}
			n++
		}
		return n, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// INV-STORE-NO-LOST-UPDATE: of many writers that read the same etag, one wins; a record that was not read in the
// transaction cannot be put.
func TestNoLostUpdate(t *testing.T) {
	b := open(t, t.TempDir())
	e, err := create(caller(), b, enterprise(1, "units/tay-ho", "0100109106"), "")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	errs := make([]error, 32)
	for i := range errs {
		wg.Go(func() { _, errs[i] = rename(caller(), b, e.GetName(), fmt.Sprintf("Tên %d", i), e.GetEtag()) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		wantReason(t, err, faultpb.Reason_REASON_ETAG_STALE)
	}
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
	_, err = Update(caller(), b.Store, &registrypb.GetUnitRequest{}, func(tx *Tx) (*registrypb.Enterprise, error) {
		return b.enterprises.Put(tx, e, &registrypb.EnterpriseUpdated{})
	})
	wantReason(t, err, faultpb.Reason_REASON_INTERNAL)
}

// INV-STORE-ONCE: a request id takes effect once.
func TestRequestIDTakesEffectOnce(t *testing.T) {
	b := open(t, t.TempDir())
	ctx, first := Record(caller())
	made, err := create(ctx, b, enterprise(1, "units/tay-ho", "0100109106"), "r-1")
	if err != nil {
		t.Fatal(err)
	}
	changed, err := rename(caller(), b, made.GetName(), "Đổi tên", "")
	if err != nil {
		t.Fatal(err)
	}
	before := b.Head()
	ctx, second := Record(caller())
	again, err := create(ctx, b, enterprise(1, "units/tay-ho", "0100109106"), "r-1")
	if err != nil || !proto.Equal(again, changed) {
		t.Fatalf("the repeated request answered %v, %v; want the resource as it is now: %v", again, err, changed)
	}
	if f, s := first.Positions()[0].Number, second.Positions()[0].Number; f != 1 || s != before.GetEventPosition() {
		t.Errorf("the repeated request answered position %d, the first %d; what it shows was made at %d", s, f, before.GetEventPosition())
	}
	_, err = create(caller(), b, enterprise(2, "units/tay-ho", "0100047516"), "r-1")
	wantReason(t, err, faultpb.Reason_REASON_REQUEST_ID_REUSED)
	other := access.With(caller(), access.Service("planning"))
	if _, err := create(other, b, enterprise(2, "units/tay-ho", "0100047516"), "r-1"); err != nil {
		t.Errorf("another principal's request id: %v", err)
	}
	if got := b.Head().GetPosition(); got != before.GetPosition()+1 {
		t.Errorf("the journal moved to %d, want %d", got, before.GetPosition()+1)
	}
}

func TestRequestIDOnceUnderContention(t *testing.T) {
	b := open(t, t.TempDir())
	var wg sync.WaitGroup
	errs := make([]error, 64)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = create(caller(), b, enterprise(i%4, "units/tay-ho", fmt.Sprintf("code-%d", i%4)), fmt.Sprintf("r-%d", i%4))
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n, events := count(t, b), b.Head().GetEvents(); n != 4 || events != 4 {
		t.Errorf("%d enterprises and %d events, want 4 and 4", n, events)
	}
}

func TestRequestIDIsForgotten(t *testing.T) {
	b := open(t, t.TempDir())
	if _, err := create(caller(), b, enterprise(1, "units/tay-ho", "a"), "r-1"); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(onceKept + time.Second)
	if _, err := create(caller(), b, enterprise(2, "units/tay-ho", "b"), "r-1"); err != nil {
		t.Fatalf("after 30 days the id is free again: %v", err)
	}
	if _, err := create(caller(), b, enterprise(2, "units/tay-ho", "b"), "r-1"); err != nil {
		t.Fatalf("the second use is kept: %v", err)
	}
}

func TestOnlyOneProcessOpensAStore(t *testing.T) {
	b := open(t, t.TempDir())
	_, err := Open(Options{Dir: b.dir, Service: "registry", Schema: newSchema().all})
	wantReason(t, err, faultpb.Reason_REASON_DATA_LOCKED)
	if want := "The data folder " + b.dir + " is used by another process"; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("says %v, want %s", err, want)
	}
}

func TestAStoreOfAnotherFormIsRefused(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	if err := b.db.Update(putRow(bucketMeta, keyFormat, []byte{storeFormat + 1})); err != nil {
		t.Fatal(err)
	}
	b.check(t)
	_, err := Open(Options{Dir: dir, Service: "registry", Schema: newSchema().all})
	wantReason(t, err, faultpb.Reason_REASON_FORMAT_UNKNOWN)
}

func TestVerifyNamesADamagedEntry(t *testing.T) {
	b := open(t, t.TempDir())
	for i := range 5 {
		if _, err := create(caller(), b, enterprise(i, "units/tay-ho", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
	}
	raw := entryBytes(t, b, 3)
	raw[len(raw)-3] ^= 1
	if err := b.db.Update(putRow(bucketJournal, positionKey(3), raw)); err != nil {
		t.Fatal(err)
	}
	err := b.Verify(context.Background(), nil)
	if err == nil || !strings.Contains(fmt.Sprint(errors.Unwrap(err)), "entry 4") {
		t.Errorf("a flipped bit in entry 3: %v (%v)", err, errors.Unwrap(err))
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTheClockMayStandStillButNotGoFarBack(t *testing.T) {
	b := open(t, t.TempDir())
	for i := range 3 {
		if _, err := create(caller(), b, enterprise(i, "units/tay-ho", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.Head().GetMoment().AsTime().Sub(b.now); got != 2*time.Microsecond {
		t.Errorf("the third entry is %s after the clock", got)
	}
	b.now = b.now.Add(-maxAhead - time.Second)
	wantReason(t, b.Healthy(), faultpb.Reason_REASON_CLOCK_AHEAD)
	_, err := create(caller(), b, enterprise(9, "units/tay-ho", "9"), "")
	wantReason(t, err, faultpb.Reason_REASON_CLOCK_AHEAD)
	if f := fault.From(err); f.Params["current"] != civil.Moment(b.now) {
		t.Errorf("it says that the clock shows %s", f.Params["current"])
	}
	b.now = b.now.Add(2 * time.Second)
	if err := b.Healthy(); err != nil {
		t.Errorf("the clock is right again, and the store says %v", err)
	}
}

func TestClosedStoreRefuses(t *testing.T) {
	b := open(t, t.TempDir())
	b.check(t)
	_, err := create(caller(), b, enterprise(1, "units/tay-ho", "1"), "")
	wantReason(t, err, faultpb.Reason_REASON_SERVICE_UNAVAILABLE)
}

// A record that changes twice in one command is told twice, each time as it was then.
func TestEventsOfOneCommandCarryEachState(t *testing.T) {
	b := open(t, t.TempDir())
	_, err := Update(caller(), b.Store, &registrypb.GetUnitRequest{}, func(tx *Tx) (*registrypb.Enterprise, error) {
		e, err := b.enterprises.Create(tx, enterprise(1, "units/u", "a"), &registrypb.EnterpriseCreated{})
		if err != nil {
			return nil, err
		}
		for _, name := range []string{"Hai", "Ba"} {
			next := proto.CloneOf(e)
			next.DisplayName = name
			if e, err = b.enterprises.Put(tx, next, &registrypb.EnterpriseUpdated{}); err != nil {
				return nil, err
			}
		}
		return e, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	events, err := b.Events(context.Background(), 1, 10)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range events {
		m := &registrypb.EnterpriseUpdated{}
		if err := proto.Unmarshal(e.Data, m); err != nil {
			t.Fatal(err)
		}
		told = append(told, fmt.Sprintf("%s %s %d %s", e.Subject, e.Type, m.GetEnterprise().GetRevision(), m.GetEnterprise().GetDisplayName()))
	}
	want := []string{
		"enterprises/e1 coso.registry.v1.EnterpriseCreated 1 Công ty 1",
		"enterprises/e1 coso.registry.v1.EnterpriseUpdated 2 Hai",
		"enterprises/e1 coso.registry.v1.EnterpriseUpdated 3 Ba",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
}

// A request that changed nothing is remembered like any other: sent again after another change, it takes no effect.
func TestARequestWithoutEffectIsRemembered(t *testing.T) {
	b := open(t, t.TempDir())
	e, err := create(caller(), b, enterprise(1, "units/u", "a"), "")
	if err != nil {
		t.Fatal(err)
	}
	same := func() (*registrypb.Enterprise, string, error) {
		ctx, rec := Record(caller())
		req := &registrypb.UpdateEnterpriseRequest{Enterprise: &registrypb.Enterprise{Name: e.GetName()}, RequestId: "r-1"}
		got, err := Update(ctx, b.Store, req, func(tx *Tx) (*registrypb.Enterprise, error) {
			cur, err := b.enterprises.Get(tx, e.GetName())
			if err != nil || cur.GetDisplayName() == e.GetDisplayName() {
				return cur, err
			}
			cur.DisplayName = e.GetDisplayName()
			return b.enterprises.Put(tx, cur, &registrypb.EnterpriseUpdated{})
		})
		return got, FormatPositions(rec.Positions()), err
	}
	_, first, err := same()
	if err != nil {
		t.Fatal(err)
	}
	if want := (Position{"registry", b.Incarnation(), 1}).String(); first != want {
		t.Errorf("the position is %s, want that of the last event, %s", first, want)
	}
	if _, err := rename(caller(), b, e.GetName(), "Khác", ""); err != nil {
		t.Fatal(err)
	}
	again, second, err := same()
	if want := (Position{"registry", b.Incarnation(), 3}).String(); err != nil || again.GetDisplayName() != "Khác" || second != want {
		t.Errorf("sent again: %v at %s (%v), want that of what it shows, %s", again, second, err, want)
	}
}

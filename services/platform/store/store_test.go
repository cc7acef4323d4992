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
	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	historypb "coso/proto/gen/coso/history/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"google.golang.org/protobuf/proto"
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
	if f, s := FormatPositions(first.Positions()), FormatPositions(second.Positions()); f != s {
		t.Errorf("the repeated request answered position %s, the first %s", s, f)
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

func TestPositionsWait(t *testing.T) {
	b := open(t, t.TempDir())
	ctx, rec := Record(caller())
	if _, err := create(ctx, b, enterprise(1, "units/tay-ho", "a"), ""); err != nil {
		t.Fatal(err)
	}
	here := rec.Positions()[0]
	if err := b.Await(context.Background(), []Position{here}); err != nil {
		t.Errorf("a position that is reached: %v", err)
	}
	waited := make(chan error, 1)
	ahead := here
	ahead.Number++
	go func() { waited <- b.Await(context.Background(), []Position{ahead}) }()
	if _, err := create(caller(), b, enterprise(2, "units/tay-ho", "b"), ""); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Errorf("a position that is reached while waiting: %v", err)
	}
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	ahead.Number += 100
	wantReason(t, b.Await(short, []Position{ahead}), faultpb.Reason_REASON_POSITION_NOT_REACHED)
	foreign := here
	foreign.Incarnation[3]++
	wantReason(t, b.Await(context.Background(), []Position{foreign}), faultpb.Reason_REASON_INCARNATION_FOREIGN)
	unknown := here
	unknown.Service = "elsewhere"
	if err := b.Await(context.Background(), []Position{unknown}); err != nil {
		t.Errorf("a service that is not followed: %v", err)
	}
}

func TestHistory(t *testing.T) {
	b := open(t, t.TempDir())
	e, err := create(caller(), b, enterprise(1, "units/tay-ho", "0100109106"), "r-1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if _, err := rename(caller(), b, e.GetName(), fmt.Sprintf("Tên %d", i), ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := create(caller(), b, enterprise(10, "units/tay-ho", "0100047516"), ""); err != nil {
		t.Fatal(err)
	}
	var revisions []int64
	var last string
	req := &registrypb.ListEnterpriseHistoryRequest{Name: e.GetName(), PageSize: 4}
	for {
		h, err := View(caller(), b.Store, func(tx *ReadTx) (*historypb.History, error) { return b.enterprises.History(tx, req) })
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range h.GetRevisions() {
			revisions = append(revisions, r.GetRevision())
			for _, c := range r.GetChanges() {
				last = fmt.Sprintf("%s %s: %s → %s", r.GetRequestId(), c.GetField(), c.GetBefore().GetStringValue(), c.GetAfter().GetStringValue())
				if r.GetRevision() == 3 && last != " displayName: Tên 0 → Tên 1" {
					t.Errorf("revision 3 changed %q", last)
				}
			}
		}
		if req.PageToken = h.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	if got := fmt.Sprint(revisions); got != "[6 5 4 3 2 1]" {
		t.Errorf("revisions %s", got)
	}
	if last != "r-1 unit:  → units/tay-ho" {
		t.Errorf("the last line of the first revision is %q", last)
	}
}

func TestPagesWalkEverythingOnce(t *testing.T) {
	b := open(t, t.TempDir())
	for i := range 25 {
		if _, err := create(caller(), b, enterprise(i, fmt.Sprintf("units/u%d", i%2), fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
	}
	list := func(ctx context.Context, req *registrypb.ListEnterprisesRequest) ([]*registrypb.Enterprise, string, error) {
		var next string
		items, err := View(ctx, b.Store, func(tx *ReadTx) (items []*registrypb.Enterprise, err error) {
			items, next, err = b.enterprises.List(tx, req, Having(b.byUnit, Text(req.GetUnit())), nil)
			return items, err
		})
		return items, next, err
	}
	seen := map[string]bool{}
	req := &registrypb.ListEnterprisesRequest{Unit: "units/u1", PageSize: 5}
	var token string
	for {
		items, next, err := list(caller(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range items {
			if seen[e.GetName()] || e.GetUnit() != "units/u1" {
				t.Errorf("%s of %s: seen before %v", e.GetName(), e.GetUnit(), seen[e.GetName()])
			}
			seen[e.GetName()] = true
		}
		if next == "" {
			break
		}
		token, req.PageToken = next, next
	}
	if len(seen) != 12 {
		t.Errorf("%d enterprises, want 12", len(seen))
	}
	_, _, err := list(caller(), &registrypb.ListEnterprisesRequest{Unit: "units/u0", PageToken: token})
	wantReason(t, err, faultpb.Reason_REASON_PAGE_TOKEN_INVALID)
	_, _, err = list(access.With(caller(), access.Service("award")), &registrypb.ListEnterprisesRequest{Unit: "units/u1", PageToken: token})
	wantReason(t, err, faultpb.Reason_REASON_PAGE_TOKEN_INVALID)
	if _, _, err = list(caller(), &registrypb.ListEnterprisesRequest{Unit: "units/u1", PageToken: token, PageSize: 400}); err != nil {
		t.Errorf("the page size is free: %v", err)
	}
}

func TestOnlyOneProcessOpensAStore(t *testing.T) {
	b := open(t, t.TempDir())
	_, err := Open(Options{Dir: b.dir, Service: "registry", Schema: newSchema().all})
	wantReason(t, err, faultpb.Reason_REASON_DATA_LOCKED)
}

func TestAStoreOfAnotherFormIsRefused(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	if err := b.db.Update(boltPut(bucketMeta, keyFormat, []byte{storeFormat + 1})); err != nil {
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
	if err := b.db.Update(boltPut(bucketJournal, positionKey(3), raw)); err != nil {
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
	_, err := create(caller(), b, enterprise(9, "units/tay-ho", "9"), "")
	wantReason(t, err, faultpb.Reason_REASON_CLOCK_AHEAD)
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

package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"coso/services/platform/access"

	faultpb "coso/proto/gen/coso/fault/v1"
	historypb "coso/proto/gen/coso/history/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

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

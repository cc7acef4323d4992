package store_test

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	historypb "coso/proto/gen/coso/history/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// What is done under a substitute's grant shows both, in the history and in what an operation brings in; what needs the
// grants of two others at once is refused.
func TestAnActInAnothersSteadShowsBoth(t *testing.T) {
	g := guard(t)
	g.give(lan, accesspb.Role_ROLE_CLERK, "units/tay-ho", minh)
	g.give(lan, accesspb.Role_ROLE_CLERK, "units/ba-dinh", hoa)
	if _, err := g.record(clerk(lan), 1, ""); err != nil {
		t.Fatal(err)
	}
	if got := g.whose(1); got != lan+" for "+minh {
		t.Errorf("recorded by %s", got)
	}
	_, err := store.Update(clerk(lan), g.store, nil, func(tx *store.Tx) (*registrypb.Enterprise, error) {
		if err := tx.Require(access.EnterprisesRecord, "units/tay-ho", "units/ba-dinh"); err != nil {
			return nil, err
		}
		return g.add(tx, 2, "units/tay-ho")
	})
	wantFault(t, err, fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT)
	g.give(lan, accesspb.Role_ROLE_CLERK, "units/tay-ho", "")
	if _, err := g.record(clerk(lan), 3, ""); err != nil {
		t.Fatal(err)
	}
	if got := g.whose(3); got != lan {
		t.Errorf("with a grant of her own it was recorded by %s", got)
	}
	g.load(lan, "units/ba-dinh", 4)
	if _, err := g.activate(lan); err != nil {
		t.Fatal(err)
	}
	if got := g.whose(4); got != lan+" for "+hoa {
		t.Errorf("brought in by %s", got)
	}
}

// Of several in whose stead something can be done it is done in the stead of one whose grants give all that it needs, in whatever
// order it is asked for; once it has been said whose that is, it stays so.
func TestAnActRestsOnTheOneWhoseGrantsGiveAll(t *testing.T) {
	g := guard(t)
	g.give(lan, accesspb.Role_ROLE_CLERK, "units/ba-dinh", hoa)
	g.give(lan, accesspb.Role_ROLE_CLERK, "units/ha-noi", minh)
	both := func(n int, look func(*store.Tx), units ...string) error {
		_, err := store.Update(clerk(lan), g.store, nil, func(tx *store.Tx) (*registrypb.Enterprise, error) {
			for _, unit := range units {
				if err := tx.Require(access.EnterprisesRecord, unit); err != nil {
					return nil, err
				}
				look(tx)
			}
			return g.add(tx, n, units[0])
		})
		return err
	}
	for n, units := range [][]string{{"units/ba-dinh", "units/tay-ho"}, {"units/tay-ho", "units/ba-dinh"}} {
		if err := both(n, func(*store.Tx) {}, units...); err != nil {
			t.Fatal(err)
		}
		if got := g.whose(n); got != lan+" for "+minh {
			t.Errorf("in %v it was recorded by %s", units, got)
		}
	}
	err := both(3, func(tx *store.Tx) {
		if got := tx.Actor().OnBehalfOf; got != hoa {
			t.Errorf("in ba-dinh alone it is done in the stead of %q", got)
		}
	}, "units/ba-dinh", "units/tay-ho")
	wantFault(t, err, fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT)
}

// whose says who changed an enterprise last.
func (g *guarded) whose(n int) string {
	g.t.Helper()
	h, err := store.View(as("services/planning", access.EnterprisesRead), g.store, func(tx *store.ReadTx) (*historypb.History, error) {
		return g.enterprises.HistoryFor(tx, access.EnterprisesRead, &registrypb.ListEnterpriseHistoryRequest{Name: company(n, "").GetName()})
	})
	if err != nil {
		g.t.Fatal(err)
	}
	last := h.GetRevisions()[0]
	if last.GetOnBehalfOf() == "" {
		return last.GetPrincipal()
	}
	return last.GetPrincipal() + " for " + last.GetOnBehalfOf()
}

const operation = "services/registry/operations/load"

// load puts enterprises aside in an operation, one in a command of its own.
func (g *guarded) load(principal, unit string, numbers ...int) {
	g.t.Helper()
	_, err := store.Update(as(principal, accesspb.Permission_PERMISSION_SIGNED_IN), g.store, nil, func(tx *store.Tx) (*journalpb.Operation, error) {
		if op, err := store.GetOperation(tx, operation); err == nil {
			return op, nil
		}
		return store.BeginOperation(tx, operation, access.EnterprisesRecord)
	})
	if err != nil {
		g.t.Fatal(err)
	}
	for _, n := range numbers {
		if _, err := store.Stage(clerk(principal), g.store, nil, operation, func(tx *store.Tx) error {
			if err := tx.Require(access.EnterprisesRecord, unit); err != nil {
				return err
			}
			_, err := g.add(tx, n, unit)
			return err
		}); err != nil {
			g.t.Fatal(err)
		}
	}
}

func (g *guarded) activate(principal string) (*journalpb.Operation, error) {
	ctx := as(principal, accesspb.Permission_PERMISSION_SIGNED_IN)
	return store.Activate(ctx, g.store, nil, operation)
}

// What was put aside comes in only while its beginner may still record all of it.
func TestAnOperationIsAskedForWhenItComesIn(t *testing.T) {
	g := guard(t)
	endTayHo := g.give(lan, accesspb.Role_ROLE_CLERK, "units/tay-ho", "")
	g.give(lan, accesspb.Role_ROLE_CLERK, "units/ba-dinh", "")
	g.load(lan, "units/tay-ho", 1, 2)
	g.load(lan, "units/ba-dinh", 3)
	endTayHo()
	before := g.store.Head()
	_, err := g.activate(lan)
	wantFault(t, err, fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT)
	if got := g.all(); len(got) > 0 || !proto.Equal(before, g.store.Head()) {
		t.Errorf("%d came in", len(got))
	}
	g.give(lan, accesspb.Role_ROLE_CLERK, "units/ha-noi", "")
	if _, err := g.activate(lan); err != nil {
		t.Fatal(err)
	}
	if got := g.all(); !slices.Equal(got, []string{"enterprises/e1", "enterprises/e2", "enterprises/e3"}) {
		t.Errorf("came in: %v", got)
	}
}

// all are the names of all enterprises.
func (g *guarded) all() []string {
	g.t.Helper()
	out, err := store.View(context.Background(), g.store, func(tx *store.ReadTx) (out []string, err error) {
		for e, err := range g.enterprises.All(tx) {
			if err != nil {
				return nil, err
			}
			out = append(out, e.GetName())
		}
		return out, nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return out
}

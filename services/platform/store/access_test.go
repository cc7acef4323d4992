package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/scope"
	"coso/services/platform/store"
)

const (
	lan  = "principals/lan"
	minh = "principals/minh"
	hoa  = "principals/hoa"
)

// guarded is a store whose callers are held against the grants in it, on 30 November 2020: Tây Hồ and Ba Đình lie in Hà Nội.
type guarded struct {
	t           testing.TB
	enterprises *store.Table[*registrypb.Enterprise]
	byUnit      *store.Index[*registrypb.Enterprise]
	units       *store.Table[*registrypb.Unit]
	grants      *store.Table[*registrypb.Grant]
	store       *store.Store
	now         time.Time
	given       int
}

func guard(t testing.TB) *guarded {
	t.Helper()
	g := &guarded{t: t, now: time.Date(2020, 11, 30, 8, 0, 0, 0, time.UTC)}
	g.byUnit = store.NewIndex("unit", func(e *registrypb.Enterprise) []store.Key { return []store.Key{store.Text(e.GetUnit())} })
	g.enterprises = store.NewTable("enterprises", (*registrypb.Enterprise).GetName, store.In((*registrypb.Enterprise).GetUnit), g.byUnit)
	stamp, byPrincipal := store.NewWholeStamp[*registrypb.Unit]("units-stamp"), scope.NewByPrincipal()
	g.units = store.NewTable("units", (*registrypb.Unit).GetName, store.In((*registrypb.Unit).GetName), stamp)
	grantsStamp := scope.NewGrantsStamp()
	g.grants = store.NewTable("grants", (*registrypb.Grant).GetName, byPrincipal, grantsStamp)
	s, err := store.Open(store.Options{
		Dir: t.TempDir(), Service: "registry", Schema: store.NewSchema(g.enterprises.Judged(func(*store.Tx) func(*registrypb.Enterprise) error {
			return func(*registrypb.Enterprise) error { return nil } // no rule of these enterprises rests on anything
		}), g.units, g.grants),
		Authority: scope.NewBook(g.units, stamp, g.grants, byPrincipal, grantsStamp),
		Clock:     func() time.Time { return g.now }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	g.store = s
	t.Cleanup(func() {
		if err := errors.Join(s.Verify(context.Background(), nil), s.Close()); err != nil {
			t.Error(err)
		}
	})
	for name, parent := range map[string]string{"units/ha-noi": "", "units/tay-ho": "units/ha-noi", "units/ba-dinh": "units/ha-noi"} {
		g.itself(func(tx *store.Tx) error {
			_, err := g.units.Create(tx, &registrypb.Unit{
				Name: name, DisplayName: name, Level: "DISTRICT_COMMITTEE", ValidFrom: "1954-10-10",
				Placements: []*registrypb.Placement{{Tree: "party", Parent: parent, FromDate: "1954-10-10"}},
			}, &registrypb.UnitCreated{})
			return err
		})
	}
	return g
}

// itself runs a command of the service's own, which needs no grant.
func (g *guarded) itself(do func(*store.Tx) error) {
	g.t.Helper()
	ctx := access.With(context.Background(), access.Service("registry"))
	if _, err := store.Update(ctx, g.store, nil, func(tx *store.Tx) (*registrypb.Unit, error) { return &registrypb.Unit{}, do(tx) }); err != nil {
		g.t.Fatal(err)
	}
}

// give gives a grant, in another's stead unless that is nobody's, and answers what ends it.
func (g *guarded) give(principal string, role accesspb.Role, unit, stead string) (end func()) {
	g.t.Helper()
	g.given++
	rec := &registrypb.Grant{
		Name: fmt.Sprintf("grants/g%d", g.given), Principal: principal, Role: role, Unit: unit, Reason: "as the test says",
		StartTime: timestamppb.New(g.now), OnBehalfOf: stead,
	}
	g.itself(func(tx *store.Tx) error { _, err := g.grants.Create(tx, rec, &registrypb.GrantGiven{}); return err })
	return func() {
		g.t.Helper()
		g.now = g.now.Add(time.Second)
		g.itself(func(tx *store.Tx) error {
			cur, err := g.grants.Get(tx, rec.GetName())
			if err != nil {
				return err
			}
			cur.EndTime = timestamppb.New(tx.At())
			_, err = g.grants.Put(tx, cur, &registrypb.GrantEnded{})
			return err
		})
		g.now = g.now.Add(time.Second)
	}
}

// as is a context in which somebody calls a method that declares a permission.
func as(principal string, declared accesspb.Permission) context.Context {
	return access.WithCall(context.Background(), access.Principal{Name: principal}, "/test/Method", declared)
}

func clerk(principal string) context.Context { return as(principal, access.EnterprisesRecord) }

func company(n int, unit string) *registrypb.Enterprise {
	return &registrypb.Enterprise{
		Name: fmt.Sprintf("enterprises/e%d", n), DisplayName: fmt.Sprintf("Công ty %d", n), Unit: unit,
		TaxCode: "0100109106", LegalForm: registrypb.LegalForm_LEGAL_FORM_LLC,
	}
}

// add records an enterprise.
func (g *guarded) add(tx *store.Tx, n int, unit string) (*registrypb.Enterprise, error) {
	return g.enterprises.Create(tx, company(n, unit), &registrypb.EnterpriseCreated{})
}

// record is a method as it should be, for an enterprise of Tây Hồ: it asks, then it does.
func (g *guarded) record(ctx context.Context, n int, requestID string) (*registrypb.Enterprise, error) {
	const unit = "units/tay-ho"
	req := &registrypb.CreateEnterpriseRequest{RequestId: requestID, EnterpriseId: fmt.Sprint(n)}
	return store.Update(ctx, g.store, req, func(tx *store.Tx) (*registrypb.Enterprise, error) {
		if err := tx.Require(access.EnterprisesRecord, unit); err != nil {
			return nil, err
		}
		return g.add(tx, n, unit)
	})
}

func wantFault(t testing.TB, err error, kind fault.Kind, reason faultpb.Reason) {
	t.Helper()
	if fault.KindOf(err) != kind || fault.ReasonOf(err) != reason {
		t.Errorf("refused with %v (%v, %v), want %v %v", err, fault.KindOf(err), fault.ReasonOf(err), kind, reason)
	}
}

// askers are the ways in which a method may ask, and what becomes of a method that does. Lan is a clerk in Tây Hồ.
func askers() []asker {
	deny, internal := fault.KindPermissionDenied, fault.KindInternal
	return []asker{
		{"asks for nothing", internal, faultpb.Reason_REASON_INTERNAL, func(require) error { return nil }},
		{"asks for another permission", internal, faultpb.Reason_REASON_INTERNAL, func(ask require) error {
			return ask(access.EnterprisesRead, "units/tay-ho")
		}},
		{"asks for another permission and goes on", internal, faultpb.Reason_REASON_INTERNAL, func(ask require) error {
			_ = ask(access.EnterprisesRead, "units/tay-ho")
			return ask(access.EnterprisesRecord, "units/tay-ho")
		}},
		{"is refused", deny, faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT, func(ask require) error {
			return ask(access.EnterprisesRecord, "units/ba-dinh")
		}},
		{"is refused and goes on", deny, faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT, func(ask require) error {
			_ = ask(access.EnterprisesRecord, "units/ba-dinh")
			return nil
		}},
		{"is refused in one of two units and goes on", deny, faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT, func(ask require) error {
			_ = ask(access.EnterprisesRecord, "units/tay-ho", "units/ba-dinh")
			return nil
		}},
		{"is refused, goes on and asks again", deny, faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT, func(ask require) error {
			_ = ask(access.EnterprisesRecord, "units/ha-noi")
			return ask(access.EnterprisesRecord, "units/tay-ho")
		}},
		{"asks for the whole installation", deny, faultpb.Reason_REASON_PERMISSION_DENIED_EVERYWHERE, func(ask require) error {
			_ = ask(access.EnterprisesRecord, "")
			return nil
		}},
		{"asks for no unit at all", internal, faultpb.Reason_REASON_INTERNAL, func(ask require) error {
			return ask(access.EnterprisesRecord)
		}},
	}
}

type (
	require func(accesspb.Permission, ...string) error
	asker   struct {
		name   string
		kind   fault.Kind
		reason faultpb.Reason
		asks   func(require) error
	}
)

// INV-ACCESS-ASKED: a command that does not ask for what its method declares, or is refused and makes nothing of it, before
// its writes or after them, has no effect, tells nothing and keeps no request id.
func TestACommandThatDoesNotAskHasNoEffect(t *testing.T) {
	for _, tc := range askers() {
		t.Run(tc.name, func(t *testing.T) {
			g := guard(t)
			g.give(lan, accesspb.Role_ROLE_CLERK, "units/tay-ho", "")
			before := g.store.Head()
			for n, late := range []bool{false, true, false, true} {
				req := &registrypb.CreateEnterpriseRequest{RequestId: "r-1", EnterpriseId: "1", ValidateOnly: n > 1}
				answer, err := store.Update(clerk(lan), g.store, req, func(tx *store.Tx) (*registrypb.Enterprise, error) {
					if late {
						if _, err := g.add(tx, 1, "units/tay-ho"); err != nil {
							return nil, err
						}
					}
					if err := tc.asks(tx.Require); err != nil {
						return nil, err
					}
					if late {
						return company(1, "units/tay-ho"), nil
					}
					return g.add(tx, 1, "units/tay-ho")
				})
				wantFault(t, err, tc.kind, tc.reason)
				if answer != nil {
					t.Errorf("answered %v", answer)
				}
			}
			if after := g.store.Head(); !proto.Equal(before, after) {
				t.Errorf("the journal went on from %v to %v", before, after)
			}
			made, err := g.record(clerk(lan), 1, "r-1")
			if err != nil || made.GetRevision() != 1 {
				t.Errorf("the request id afterwards: %v (%v)", made, err)
			}
		})
	}
}

// INV-ACCESS-ASKED: a View that does not ask, or is refused and makes nothing of it, answers nothing.
func TestAViewThatDoesNotAskAnswersNothing(t *testing.T) {
	for _, tc := range askers() {
		t.Run(tc.name, func(t *testing.T) {
			g := guard(t)
			g.give(lan, accesspb.Role_ROLE_CLERK, "units/tay-ho", "")
			answer, err := store.View(clerk(lan), g.store, func(tx *store.ReadTx) (*registrypb.Unit, error) {
				u, err := g.units.Get(tx, "units/tay-ho")
				return u, errors.Join(err, tc.asks(tx.Require))
			})
			wantFault(t, err, tc.kind, tc.reason)
			if answer != nil {
				t.Errorf("answered %v", answer)
			}
		})
	}
}

// INV-ACCESS-DECLARED: for whoever holds what a method declares nowhere, or calls one that declares nothing, nothing runs; a
// service on its own account needs nothing.
func TestNothingRunsForWhoeverHoldsNothing(t *testing.T) {
	g := guard(t)
	end := g.give(hoa, accesspb.Role_ROLE_CLERK, "units/tay-ho", "")
	g.give(minh, accesspb.Role_ROLE_VIEWER, "", "")
	end()
	for _, tc := range []struct {
		name   string
		ctx    context.Context
		kind   fault.Kind
		reason faultpb.Reason
	}{
		{"no grant", clerk(lan), fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED},
		{"another role", clerk(minh), fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED},
		{"an ended grant", clerk(hoa), fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED},
		{"a service that may only read", clerk("services/planning"), fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED},
		{"no declaration", as(minh, accesspb.Permission_PERMISSION_UNSPECIFIED), fault.KindInternal, faultpb.Reason_REASON_INTERNAL},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := store.Update(tc.ctx, g.store, nil, func(*store.Tx) (*registrypb.Unit, error) {
				t.Error("the command ran")
				return &registrypb.Unit{}, nil
			})
			wantFault(t, err, tc.kind, tc.reason)
			_, err = store.View(tc.ctx, g.store, func(*store.ReadTx) (int, error) {
				t.Error("the View ran")
				return 0, nil
			})
			wantFault(t, err, tc.kind, tc.reason)
		})
	}
	if _, err := store.View(as("services/planning", access.UnitsRead), g.store, func(tx *store.ReadTx) (*registrypb.Unit, error) {
		return g.units.GetFor(tx, access.UnitsRead, "units/ba-dinh")
	}); err != nil {
		t.Errorf("a service reads: %v", err)
	}
}

// A request that took effect is answered anew for whoever may still do what it needed, and for nobody else.
func TestARepeatedRequestIsAskedAnew(t *testing.T) {
	g := guard(t)
	end := g.give(lan, accesspb.Role_ROLE_CLERK, "units/tay-ho", "")
	if _, err := g.record(clerk(lan), 1, "r-1"); err != nil {
		t.Fatal(err)
	}
	end()
	_, err := g.record(clerk(lan), 1, "r-1")
	wantFault(t, err, fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED)
	g.give(lan, accesspb.Role_ROLE_CLERK, "units/ba-dinh", "")
	answer, err := g.record(clerk(lan), 1, "r-1")
	wantFault(t, err, fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT)
	if answer != nil {
		t.Errorf("answered %v", answer)
	}
	g.give(lan, accesspb.Role_ROLE_CLERK, "units/ha-noi", minh)
	before := g.store.Head()
	again, err := g.record(clerk(lan), 1, "r-1")
	if err != nil || again.GetName() != "enterprises/e1" || !proto.Equal(before, g.store.Head()) {
		t.Errorf("given back, it answers %v (%v)", again, err)
	}
}

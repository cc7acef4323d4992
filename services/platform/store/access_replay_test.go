package store_test

import (
	"testing"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// INV-ONCE-PERMITTED: what a request id is answered with is the record as it is now, where it is now: whoever may not act there is
// refused, though he still may where it was.
func TestARepeatedRequestIsAskedWhereTheRecordIsNow(t *testing.T) {
	g := guard(t)
	g.give(lan, accesspb.Role_ROLE_CLERK, "units/tay-ho", "")
	if _, err := g.record(clerk(lan), 1, "once"); err != nil {
		t.Fatal(err)
	}
	g.itself(func(tx *store.Tx) error {
		cur, err := g.enterprises.Get(tx, company(1, "").GetName())
		if err != nil {
			return err
		}
		cur.Unit = "units/ba-dinh"
		_, err = g.enterprises.Put(tx, cur, &registrypb.EnterpriseUpdated{})
		return err
	})
	answer, err := g.record(clerk(lan), 1, "once")
	wantFault(t, err, fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT)
	if answer.GetName() != "" {
		t.Errorf("answered with %v", answer)
	}
	g.give(lan, accesspb.Role_ROLE_CLERK, "units/ba-dinh", "")
	if answer, err = g.record(clerk(lan), 1, "once"); err != nil || answer.GetUnit() != "units/ba-dinh" {
		t.Errorf("answered with %v (%v)", answer, err)
	}
}

// A method that is for whoever is signed in, and asks for a permission all the same, is asked for it again too.
func TestARepeatedRequestOfAnybodysMethodIsAskedAnew(t *testing.T) {
	g := guard(t)
	end := g.give(lan, accesspb.Role_ROLE_CLERK, "units/tay-ho", "")
	signedIn := as(lan, accesspb.Permission_PERMISSION_SIGNED_IN)
	for range 2 {
		if _, err := g.record(signedIn, 1, "once"); err != nil {
			t.Fatal(err)
		}
	}
	end()
	_, err := g.record(signedIn, 1, "once")
	wantFault(t, err, fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT)
	// One that has asked for nothing is answered as ever.
	req := &registrypb.CreateEnterpriseRequest{RequestId: "twice", EnterpriseId: "2"}
	for range 2 {
		if _, err := store.Update(signedIn, g.store, req, func(tx *store.Tx) (*registrypb.Enterprise, error) {
			if power, err := tx.Power(); err != nil || power.Anywhere(access.EnterprisesRecord) {
				t.Errorf("lan may still record something (%v)", err)
			}
			return g.add(tx, 2, "units/tay-ho")
		}); err != nil {
			t.Fatal(err)
		}
	}
}

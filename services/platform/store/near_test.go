package store_test

import (
	"strings"
	"testing"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// A refusal for a name that does not exist tells the nearest, to whoever may know them: not what lies in other units.
func TestARefusalTellsTheNearestNames(t *testing.T) {
	g := guard(t)
	g.give(lan, accesspb.Role_ROLE_ADMINISTRATOR, "", "")
	g.give(minh, accesspb.Role_ROLE_CLERK, "units/tay-ho", "")
	g.give(hoa, accesspb.Role_ROLE_CLERK, "units/ba-dinh", "")

	read := func(principal, unit string) error {
		_, err := store.View(as(principal, access.EnterprisesRead), g.store, func(tx *store.ReadTx) (*registrypb.Unit, error) {
			if _, err := tx.Within(access.EnterprisesRead, ""); err != nil {
				return nil, err
			}
			return g.units.Get(tx, unit)
		})
		return err
	}
	for _, c := range []struct{ principal, unit, want string }{
		{lan, "units/tay-hoo", "units/tay-ho (units/tay-ho)"},
		{lan, "units/dinh", "units/ba-dinh (units/ba-dinh)"},
		{minh, "units/tay-hoo", "units/tay-ho (units/tay-ho)"},
		{hoa, "units/tay-hoo", ""},
		{lan, "units/khong-co", ""},
	} {
		err := fault.From(read(c.principal, c.unit))
		if err.Reason != faultpb.Reason_REASON_RESOURCE_NOT_FOUND || err.Params["near"] != c.want {
			t.Errorf("%s asks for %s: %v", c.principal, c.unit, err)
		}
		if c.want != "" && !strings.HasSuffix(err.MsgVi, "Có phải là "+c.want+"?") {
			t.Errorf("in Vietnamese: %q", err.MsgVi)
		}
	}
}

// A command is refused with the nearest names too; so is one for want of a permission in a unit that is written wrong.
func TestARefusedCommandTellsTheNearestNames(t *testing.T) {
	g := guard(t)
	g.give(minh, accesspb.Role_ROLE_CLERK, "units/tay-ho", "")
	write := func(ask string) error {
		_, err := store.Update(clerk(minh), g.store, nil, func(tx *store.Tx) (*registrypb.Enterprise, error) {
			if err := tx.Require(access.EnterprisesRecord, ask); err != nil {
				return nil, err
			}
			return nil, fault.In("requests[2]", fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_UNKNOWN, "unit", "name", "units/tay-hoo"))
		})
		return err
	}
	for ask, reason := range map[string]faultpb.Reason{
		"units/tay-ho": faultpb.Reason_REASON_UNIT_UNKNOWN, "units/tay-hoo": faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT,
	} {
		if err := fault.From(write(ask)); err.Reason != reason || err.Params["near"] != "units/tay-ho (units/tay-ho)" {
			t.Errorf("%v %v", err, err.Params)
		}
	}
}

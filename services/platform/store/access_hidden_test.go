package store_test

import (
	"testing"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	historypb "coso/proto/gen/coso/history/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// INV-ACCESS-HIDDEN: whoever holds a permission in some units is not told whether there is a record elsewhere: a missing one and a
// hidden one are refused alike, in every way to read one. Whoever holds it everywhere is told that there is none.
func TestAHiddenRecordIsRefusedAsAMissingOne(t *testing.T) {
	g := guard(t)
	g.give(lan, accesspb.Role_ROLE_CLERK, "units/tay-ho", "")
	g.give(minh, accesspb.Role_ROLE_CLERK, "", "")
	g.itself(func(tx *store.Tx) error { _, err := g.add(tx, 1, "units/ba-dinh"); return err })
	missing, hidden := company(2, "").GetName(), company(1, "").GetName()
	for way, read := range map[string]func(principal, name string) error{
		"get": func(principal, name string) error {
			_, err := store.View(as(principal, access.EnterprisesRead), g.store, func(tx *store.ReadTx) (*registrypb.Enterprise, error) {
				return g.enterprises.GetFor(tx, access.EnterprisesRead, name)
			})
			return err
		},
		"history": func(principal, name string) error {
			_, err := store.View(as(principal, access.EnterprisesRead), g.store, func(tx *store.ReadTx) (*historypb.History, error) {
				return g.enterprises.HistoryFor(tx, access.EnterprisesRead, &registrypb.ListEnterpriseHistoryRequest{Name: name})
			})
			return err
		},
		"change": func(principal, name string) error {
			_, err := store.Update(clerk(principal), g.store, nil, func(tx *store.Tx) (*registrypb.Enterprise, error) {
				return g.enterprises.CurrentFor(tx, access.EnterprisesRecord, name, "an-etag")
			})
			return err
		},
	} {
		for _, name := range []string{missing, hidden} {
			err := fault.From(read(lan, name))
			wantFault(t, err, fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED_OR_MISSING)
			if err.Field != "name" || err.Params["name"] != name || len(err.Params) != 2 {
				t.Errorf("%s %s: %+v", way, name, err)
			}
		}
		wantFault(t, read(minh, missing), fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND)
		if err := read(minh, hidden); fault.KindOf(err) == fault.KindPermissionDenied || fault.KindOf(err) == fault.KindNotFound {
			t.Errorf("%s by whoever may everywhere: %v", way, err)
		}
	}
}

package records

import (
	"testing"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/store/storetest"
)

// INV-ENTERPRISE-UNIT-KNOWN, for what was put aside too: the table itself asks for the unit when it takes effect.
func TestAnEnterprisePutAsideIsJudgedAnew(t *testing.T) {
	const load = "services/registry/operations/load"
	enterprise := &registrypb.Enterprise{
		Name: "enterprises/hoa-sen", DisplayName: "Công ty", TaxCode: "9900000018", LegalForm: registrypb.LegalForm_LEGAL_FORM_LLC, Unit: "units/tay-ho",
	}
	for _, known := range []bool{false, true} {
		s := storetest.Open(t, t.TempDir(), "registry", Schema)
		_, err := store.Update(storetest.Caller(), s, nil, func(tx *store.Tx) (*journalpb.Operation, error) { return store.BeginOperation(tx, load) })
		if err == nil {
			_, err = store.Stage(storetest.Caller(), s, nil, load, func(tx *store.Tx) error {
				_, err := Enterprises.Create(tx, proto.CloneOf(enterprise), &registrypb.EnterpriseCreated{})
				return err
			})
		}
		if err == nil && known {
			_, err = store.Update(storetest.Caller(), s, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
				return Units.Create(tx, &registrypb.Unit{Name: "units/tay-ho", DisplayName: "Tây Hồ", Level: "DISTRICT_COMMITTEE", ValidFrom: "1995-10-28"}, &registrypb.UnitCreated{})
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = store.Activate(storetest.Caller(), s, nil, load)
		switch refusal := fault.From(err); {
		case known && err != nil:
			t.Errorf("its unit is known: %v", err)
		case !known && (err == nil || refusal.Reason != faultpb.Reason_REASON_UNIT_UNKNOWN || refusal.Field != "rows[0].unit"):
			t.Errorf("its unit is not known: %v", err)
		}
		storetest.Shut(t, s)
	}
}

package server_test

import (
	"testing"

	"google.golang.org/grpc/status"

	faultpb "coso/proto/gen/coso/fault/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	operationpb "coso/proto/gen/coso/operation/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/membership"
	"coso/services/membership/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// INV-INTAKE-DAY, INV-INTAKE-ORGANISATION: an intake that was put aside is judged again when it takes effect, by what the registry
// has announced by then.
func TestAnIntakePutAsideIsJudgedAnew(t *testing.T) {
	for name, c := range map[string]struct {
		announced func(tx *store.Tx) error
		reason    faultpb.Reason
		field     string
	}{
		"its unit is closed by its day": {func(tx *store.Tx) error {
			return records.Units.Put(tx, &registrypb.Unit{Name: "units/tay-ho", ValidFrom: "2008-08-01", ClosedOn: "2020-06-01", Revision: 2})
		}, faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "rows[1].unit"},
		"its organisation is withdrawn": {func(tx *store.Tx) error {
			return records.Organisations.Put(tx, &registrypb.Organisation{
				Name: "organisations/chi-bo", Unit: "units/tay-ho", State: registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN, FoundedOn: "2020-02-01", Revision: 2,
			})
		}, faultpb.Reason_REASON_ORGANISATION_NOT_ACTIVE, "rows[1].organisation"},
		"its organisation is dissolved by its day": {func(tx *store.Tx) error {
			return records.Organisations.Put(tx, &registrypb.Organisation{
				Name: "organisations/chi-bo", Unit: "units/tay-ho", State: registrypb.OrganisationState_ORGANISATION_STATE_DISSOLVED,
				FoundedOn: "2020-02-01", DissolvedOn: "2020-06-01", Revision: 2,
			})
		}, faultpb.Reason_REASON_ADMITTED_OUTSIDE_ORGANISATION, "rows[1].admittedOn"},
		"nothing": {func(*store.Tx) error { return nil }, faultpb.Reason_REASON_UNSPECIFIED, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			op, err := d.operations.BeginOperation(t.Context(), &operationpb.BeginOperationRequest{Parent: "services/membership"})
			if err != nil {
				t.Fatal(err)
			}
			union := party(func(in *membershippb.Intake) {
				in.Unit, in.Organisation, in.Kind, in.OwnerCount = "units/ba-vi", "organisations/cong-doan", membershippb.IntakeKind_INTAKE_KIND_TRADE_UNION_MEMBER, 0
			})
			if _, err := d.BatchCreateIntakes(t.Context(), &membershippb.BatchCreateIntakesRequest{
				Operation: op.GetName(), Requests: []*membershippb.CreateIntakeRequest{{Intake: union, IntakeId: "a"}, {Intake: party(), IntakeId: "b"}},
			}); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Update(access.With(t.Context(), access.Service(membership.Name)), d.store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
				return &registrypb.Unit{}, c.announced(tx)
			}); err != nil {
				t.Fatal(err)
			}
			_, err = d.operations.ActivateOperation(t.Context(), &operationpb.ActivateOperationRequest{Name: op.GetName()})
			if c.field == "" {
				if err != nil || len(d.events(t)) != 2 {
					t.Errorf("not brought in: %v", err)
				}
				return
			}
			refusal := fault.From(fault.FromStatus(status.Convert(err)))
			if err == nil || refusal.Kind != fault.KindFailedPrecondition || refusal.Reason != c.reason || refusal.Field != c.field {
				t.Errorf("refused with %v", err)
			}
			got, err := d.operations.GetOperation(t.Context(), &operationpb.GetOperationRequest{Name: op.GetName()})
			if err != nil || got.GetState() != operationpb.OperationState_OPERATION_STATE_ABANDONED || got.GetReason() != c.reason || len(d.events(t)) != 0 {
				t.Errorf("what was refused is %v (%v)", got, err)
			}
		})
	}
}

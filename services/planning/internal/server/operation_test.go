package server_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	faultpb "coso/proto/gen/coso/fault/v1"
	operationpb "coso/proto/gen/coso/operation/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
)

// INV-TARGET-WITHDRAWN-FINAL: a target that was put aside is judged again when it takes effect, so it does not rest on what was
// withdrawn meanwhile.
func TestATargetPutAsideIsJudgedAnew(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(o *office) error
		reason faultpb.Reason
		field  string
	}{
		"its indicator is withdrawn": {func(o *office) error {
			_, err := o.WithdrawIndicator(o.Context(), &planningpb.WithdrawIndicatorRequest{Name: "indicators/other", Reason: "nhập nhầm"})
			return err
		}, faultpb.Reason_REASON_INDICATOR_WITHDRAWN, "rows[1].indicator"},
		"its period is withdrawn": {func(o *office) error {
			_, err := o.WithdrawPeriod(o.Context(), &planningpb.WithdrawPeriodRequest{Name: "periods/2021", Reason: "nhập nhầm"})
			return err
		}, faultpb.Reason_REASON_PERIOD_WITHDRAWN, "rows[1].period"},
		"nothing": {func(*office) error { return nil }, faultpb.Reason_REASON_UNSPECIFIED, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := hanoi(t)
			must(o.CreateIndicator(t.Context(), askIndicator("other")))(t)
			must(o.CreatePeriod(t.Context(), askPeriod("2021", "2021-01-01", "2021-11-30", "2021-12-31")))(t)
			op := must(o.operations.BeginOperation(t.Context(), &operationpb.BeginOperationRequest{Parent: "services/planning"}))(t)
			other := askTarget("b", "units/tay-ho", 6)
			other.Target.Indicator, other.Target.Period = "indicators/other", "periods/2021"
			must(o.BatchCreateTargets(t.Context(), &planningpb.BatchCreateTargetsRequest{
				Operation: op.GetName(), Requests: []*planningpb.CreateTargetRequest{askTarget("a", "units/tay-ho", 6), other},
			}))(t)
			if err := c.spoil(o); err != nil {
				t.Fatal(err)
			}
			events := o.store.Head().GetEvents()
			_, err := o.operations.ActivateOperation(t.Context(), &operationpb.ActivateOperationRequest{Name: op.GetName()})
			if c.field == "" {
				if err != nil || o.store.Head().GetEvents() != events+2 {
					t.Errorf("not brought in: %v", err)
				}
				return
			}
			wantRefused(t, err, codes.FailedPrecondition, c.reason, c.field)
			got := must(o.operations.GetOperation(t.Context(), &operationpb.GetOperationRequest{Name: op.GetName()}))(t)
			if got.GetState() != operationpb.OperationState_OPERATION_STATE_ABANDONED || got.GetReason() != c.reason || o.store.Head().GetEvents() != events {
				t.Errorf("what was refused is %v", got)
			}
		})
	}
}

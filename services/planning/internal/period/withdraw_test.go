package period_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/period"
	"coso/services/platform/fault"
)

// INV-PERIOD-WITHDRAWN-FINAL, INV-PERIOD-UNKNOWN-FIELDS
func TestWithdraw(t *testing.T) {
	cur := &planningpb.Period{Name: "periods/x", DisplayName: "x"}
	cur.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 900, protowire.VarintType), 7))
	cmd := &planningpb.WithdrawPeriodRequest{Reason: "nhập nhầm"}
	_, _, err := period.Withdraw(cur, cmd, &planningpb.Target{Name: "targets/t"})
	if e := fault.From(err); e == nil || e.Reason != faultpb.Reason_REASON_PERIOD_IN_USE || e.Params["by"] != "targets/t" {
		t.Errorf("while a target rests on it: %v", err)
	}
	want := proto.CloneOf(cur)
	want.State, want.WithdrawalReason = planningpb.PeriodState_PERIOD_STATE_WITHDRAWN, "nhập nhầm"
	got, event, err := period.Withdraw(cur, cmd, nil)
	if err != nil || event == nil || !proto.Equal(got, want) {
		t.Fatalf("%v, %v, %v", got, event, err)
	}
	if _, _, err := period.Withdraw(got, cmd, nil); fault.ReasonOf(err) != faultpb.Reason_REASON_PERIOD_WITHDRAWN {
		t.Errorf("twice: %v", err)
	}
	if _, _, err := period.Update(got, proto.CloneOf(got)); fault.ReasonOf(err) != faultpb.Reason_REASON_PERIOD_WITHDRAWN {
		t.Errorf("updated: %v", err)
	}
}

package indicator_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/indicator"
	"coso/services/platform/fault"
)

// INV-INDICATOR-WITHDRAWN-FINAL, INV-INDICATOR-UNKNOWN-FIELDS
func TestWithdraw(t *testing.T) {
	cur := &planningpb.Indicator{Name: "indicators/x", DisplayName: "x"}
	cur.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 900, protowire.VarintType), 7))
	cmd := &planningpb.WithdrawIndicatorRequest{Reason: "nhập nhầm"}
	_, _, err := indicator.Withdraw(cur, cmd, &planningpb.Target{Name: "targets/t"})
	if e := fault.From(err); e == nil || e.Reason != faultpb.Reason_REASON_INDICATOR_IN_USE || e.Params["by"] != "targets/t" {
		t.Errorf("while a target rests on it: %v", err)
	}
	want := proto.CloneOf(cur)
	want.State, want.WithdrawalReason = planningpb.IndicatorState_INDICATOR_STATE_WITHDRAWN, "nhập nhầm"
	got, event, err := indicator.Withdraw(cur, cmd, nil)
	if err != nil || event == nil || !proto.Equal(got, want) {
		t.Fatalf("%v, %v, %v", got, event, err)
	}
	if _, _, err := indicator.Withdraw(got, cmd, nil); fault.ReasonOf(err) != faultpb.Reason_REASON_INDICATOR_WITHDRAWN {
		t.Errorf("twice: %v", err)
	}
	if _, _, err := indicator.Update(got, proto.CloneOf(got)); fault.ReasonOf(err) != faultpb.Reason_REASON_INDICATOR_WITHDRAWN {
		t.Errorf("updated: %v", err)
	}
}

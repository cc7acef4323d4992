package target_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/target"
	"coso/services/platform/fault"
	"coso/services/platform/foureyes"
)

// INV-TARGET-WITHDRAWN-FINAL, INV-TARGET-UNKNOWN-FIELDS
func TestWithdraw(t *testing.T) {
	cur := asked()
	cur.Name = "targets/t"
	cur.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 900, protowire.VarintType), 7))
	cur.Proposal = &planningpb.TargetProposal{AssignedValue: 7, Proposed: foureyes.Propose(foureyes.Act{By: lan})}
	cmd := &planningpb.WithdrawTargetRequest{Reason: "nhập nhầm"}
	want := proto.CloneOf(cur)
	want.State, want.WithdrawalReason, want.Proposal = planningpb.TargetState_TARGET_STATE_WITHDRAWN, "nhập nhầm", nil
	got, event, err := target.Withdraw(cur, cmd)
	if err != nil || event == nil || !proto.Equal(got, want) {
		t.Fatalf("%v, %v, %v", got, event, err)
	}
	_, _, again := target.Withdraw(got, cmd)
	_, _, updated := target.Update(got, proto.CloneOf(got))
	_, _, proposed := target.Propose(got, &planningpb.AssignTargetRequest{AssignedValue: proto.Int64(1)}, foureyes.Act{By: lan})
	_, _, approved := target.Approve(got, minh)
	_, _, rejected := target.Reject(got, &planningpb.RejectTargetRequest{}, minh)
	_, _, takenBack := target.WithdrawProposal(got, lan)
	for _, err := range []error{again, updated, proposed, approved, rejected, takenBack} {
		if fault.ReasonOf(err) != faultpb.Reason_REASON_TARGET_WITHDRAWN {
			t.Errorf("after the withdrawal: %v", err)
		}
	}
}

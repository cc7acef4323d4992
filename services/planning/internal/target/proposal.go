package target

import (
	"google.golang.org/protobuf/proto"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/access"
	"coso/services/platform/foureyes"
)

// Propose notes the value that is to count, with the decision that says so; it counts once somebody else approves it,
// INV-TARGET-FOUR-EYES. It replaces what was proposed before and not decided, and the event says what that was.
// FailedPrecondition TARGET_WITHDRAWN once withdrawn.
func Propose(
	cur *planningpb.Target, cmd *planningpb.AssignTargetRequest, a foureyes.Act,
) (*planningpb.Target, *planningpb.TargetAssignmentProposed, error) {
	if Withdrawn(cur) {
		return nil, nil, refuse(cur)
	}
	next := proto.CloneOf(cur)
	next.Rejection = nil
	next.Proposal = &planningpb.TargetProposal{
		AssignedValue: cmd.GetAssignedValue(), AssignedDecision: cmd.GetAssignedDecision(), Proposed: foureyes.Propose(a),
	}
	return next, &planningpb.TargetAssignmentProposed{Replaced: cur.GetProposal()}, nil
}

// Approve lets what is proposed count: the next version, INV-TARGET-ASSIGNED. PermissionDenied FOUR_EYES for whoever proposed
// it; FailedPrecondition NOTHING_PROPOSED, or TARGET_WITHDRAWN once withdrawn.
func Approve(cur *planningpb.Target, by access.Principal) (*planningpb.Target, *planningpb.TargetAssigned, error) {
	if err := decidable(cur, by); err != nil {
		return nil, nil, err
	}
	next := proto.CloneOf(cur)
	next.AssignedValue, next.AssignedDecision = new(next.GetProposal().GetAssignedValue()), next.GetProposal().GetAssignedDecision()
	next.Version++
	next.Proposal = nil
	return next, &planningpb.TargetAssigned{}, nil
}

// Reject puts what is proposed aside, and says why. Refused as Approve is.
func Reject(
	cur *planningpb.Target, cmd *planningpb.RejectTargetRequest, by access.Principal,
) (*planningpb.Target, *planningpb.TargetAssignmentRejected, error) {
	if err := decidable(cur, by); err != nil {
		return nil, nil, err
	}
	next := proto.CloneOf(cur)
	next.Proposal, next.Rejection = nil, &planningpb.TargetRejection{Proposal: next.GetProposal(), Reason: cmd.GetReason()}
	return next, &planningpb.TargetAssignmentRejected{}, nil
}

// WithdrawProposal takes back what is proposed. PermissionDenied PROPOSAL_NOT_ONES_OWN for whoever did not propose it;
// FailedPrecondition NOTHING_PROPOSED, or TARGET_WITHDRAWN once withdrawn.
func WithdrawProposal(cur *planningpb.Target, by access.Principal) (*planningpb.Target, *planningpb.TargetAssignmentWithdrawn, error) {
	if Withdrawn(cur) {
		return nil, nil, refuse(cur)
	}
	if err := foureyes.Withdraw(by, cur.GetProposal().GetProposed(), cur.GetName()); err != nil {
		return nil, nil, err
	}
	next := proto.CloneOf(cur)
	next.Proposal = nil
	return next, &planningpb.TargetAssignmentWithdrawn{Proposal: cur.GetProposal()}, nil
}

// Decidable reports whether something is proposed for a target that a person may decide; whether he holds the permission is not
// asked.
func Decidable(t *planningpb.Target, by access.Principal) bool { return decidable(t, by) == nil }

func decidable(t *planningpb.Target, by access.Principal) error {
	if Withdrawn(t) {
		return refuse(t)
	}
	return foureyes.Decide(by, t.GetProposal().GetProposed(), t.GetName())
}

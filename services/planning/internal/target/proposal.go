package target

import (
	"google.golang.org/protobuf/proto"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/access"
	"coso/services/platform/foureyes"
)

// Propose notes the value that is to count, with the decision that says so. It replaces what was proposed before and not
// decided, and the event says what that was. What whoever is alone proposes counts at once: the second event is set then
// instead of the first, INV-TARGET-FOUR-EYES. FailedPrecondition TARGET_WITHDRAWN once withdrawn.
func Propose(
	cur *planningpb.Target, cmd *planningpb.AssignTargetRequest, a foureyes.Act,
) (*planningpb.Target, *planningpb.TargetAssignmentProposed, *planningpb.TargetAssigned, error) {
	if Withdrawn(cur) {
		return nil, nil, nil, refuse(cur)
	}
	next := proto.CloneOf(cur)
	next.Rejection = nil
	next.Proposal = &planningpb.TargetProposal{
		AssignedValue: cmd.GetAssignedValue(), AssignedDecision: cmd.GetAssignedDecision(), Proposed: foureyes.Propose(a),
	}
	if access.Alone(a.By) {
		next, event := assign(next)
		return next, nil, event, nil
	}
	return next, &planningpb.TargetAssignmentProposed{Replaced: cur.GetProposal()}, nil, nil
}

// Approve lets what is proposed count: the next version, INV-TARGET-ASSIGNED. PermissionDenied FOUR_EYES for whoever proposed
// it; FailedPrecondition NOTHING_PROPOSED, or TARGET_WITHDRAWN once withdrawn.
func Approve(cur *planningpb.Target, by access.Principal) (*planningpb.Target, *planningpb.TargetAssigned, error) {
	if err := decidable(cur, by); err != nil {
		return nil, nil, err
	}
	next, event := assign(proto.CloneOf(cur))
	return next, event, nil
}

// assign lets what is proposed for a target count, INV-TARGET-ASSIGNED.
func assign(t *planningpb.Target) (*planningpb.Target, *planningpb.TargetAssigned) {
	t.AssignedValue, t.AssignedDecision = new(t.GetProposal().GetAssignedValue()), t.GetProposal().GetAssignedDecision()
	t.Version++
	t.Proposal = nil
	return t, &planningpb.TargetAssigned{}
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

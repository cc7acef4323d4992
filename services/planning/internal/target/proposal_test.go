package target_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/target"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/foureyes"
)

var (
	lan  = access.Principal{Name: "principals/lan"}
	minh = access.Principal{Name: "principals/minh"}
	at   = time.Date(2020, 3, 1, 2, 0, 0, 0, time.UTC)
)

func assigning(value int64) *planningpb.AssignTargetRequest {
	return &planningpb.AssignTargetRequest{AssignedValue: &value, AssignedDecision: "345-QĐ/TU", RequestId: "r-1"}
}

func registered() *planningpb.Target {
	cur := asked()
	cur.Name = "targets/t"
	return cur
}

func TestProposedAndApproved(t *testing.T) {
	cur := registered()
	proposed, event, err := target.Propose(cur, assigning(6), foureyes.Act{By: lan, At: at, Request: "r-1"})
	if err != nil || event == nil || event.GetReplaced() != nil {
		t.Fatal(event, err)
	}
	want := registered()
	want.Proposal = &planningpb.TargetProposal{
		AssignedValue: 6, AssignedDecision: "345-QĐ/TU",
		Proposed: &accesspb.Proposal{Principal: "principals/lan", ProposeTime: timestamppb.New(at), RequestId: "r-1"},
	}
	if diff := cmp.Diff(want, proposed, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if _, _, err := target.Approve(proposed, lan); fault.ReasonOf(err) != faultpb.Reason_REASON_FOUR_EYES || target.Decidable(proposed, lan) {
		t.Errorf("approved by the proposer: %v", err)
	}
	approved, done, err := target.Approve(proposed, minh)
	if err != nil || done == nil || !target.Decidable(proposed, minh) {
		t.Fatal(err)
	}
	want = registered()
	want.AssignedValue, want.AssignedDecision, want.Version = proto.Int64(6), "345-QĐ/TU", 1
	if diff := cmp.Diff(want, approved, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if _, _, err := target.Approve(approved, minh); fault.ReasonOf(err) != faultpb.Reason_REASON_NOTHING_PROPOSED {
		t.Errorf("approved twice: %v", err)
	}
}

func TestProposalIsReplaced(t *testing.T) {
	first, _, _ := target.Propose(registered(), assigning(6), foureyes.Act{By: lan, At: at})
	second, event, err := target.Propose(first, assigning(7), foureyes.Act{By: minh, At: at})
	if err != nil || !proto.Equal(event.GetReplaced(), first.GetProposal()) || second.GetProposal().GetAssignedValue() != 7 {
		t.Errorf("%v, %v, %v", second, event, err)
	}
	if _, _, err := target.Approve(second, lan); err != nil {
		t.Errorf("who proposed before may decide what another proposed since: %v", err)
	}
}

func TestRejected(t *testing.T) {
	first, _, _ := target.Propose(registered(), assigning(6), foureyes.Act{By: lan, At: at})
	cmd := &planningpb.RejectTargetRequest{Reason: "vượt khả năng"}
	if _, _, err := target.Reject(first, cmd, lan); fault.ReasonOf(err) != faultpb.Reason_REASON_FOUR_EYES {
		t.Errorf("rejected by the proposer: %v", err)
	}
	got, event, err := target.Reject(first, cmd, minh)
	want := registered()
	want.Rejection = &planningpb.TargetRejection{Proposal: first.GetProposal(), Reason: "vượt khả năng"}
	if diff := cmp.Diff(want, got, protocmp.Transform()); err != nil || event == nil || diff != "" {
		t.Fatal(err, diff)
	}
	again, _, _ := target.Propose(got, assigning(5), foureyes.Act{By: lan, At: at})
	if again.GetRejection() != nil {
		t.Errorf("proposed anew: %v", again)
	}
}

func TestProposalIsWithdrawn(t *testing.T) {
	first, _, _ := target.Propose(registered(), assigning(6), foureyes.Act{By: lan, At: at})
	if _, _, err := target.WithdrawProposal(first, minh); fault.ReasonOf(err) != faultpb.Reason_REASON_PROPOSAL_NOT_ONES_OWN {
		t.Errorf("taken back by another: %v", err)
	}
	got, event, err := target.WithdrawProposal(first, lan)
	if err != nil || !proto.Equal(got, registered()) || !proto.Equal(event.GetProposal(), first.GetProposal()) {
		t.Fatal(got, event, err)
	}
	if _, _, err := target.WithdrawProposal(got, lan); fault.ReasonOf(err) != faultpb.Reason_REASON_NOTHING_PROPOSED {
		t.Errorf("taken back twice: %v", err)
	}
}

// office is a target and, kept apart from it, who brought about what is proposed and what counts.
type office struct {
	cur *planningpb.Target
	// value and by are what is proposed and by whom; by is nil if nothing is.
	value int64
	by    []string
	// counts is what counts; nil: nothing.
	counts  *int64
	version int64
}

// actor draws somebody: himself, or a substitute.
func actor(t *rapid.T) access.Principal {
	people := []string{"principals/lan", "principals/minh", "principals/hoa"}
	p := access.Principal{Name: rapid.SampledFrom(people).Draw(t, "who")}
	others := slices.DeleteFunc(slices.Clone(people), func(name string) bool { return name == p.Name })
	p.OnBehalfOf = rapid.SampledFrom(append(others, "", "")).Draw(t, "in the stead of")
	return p
}

func names(p access.Principal) []string {
	if p.OnBehalfOf == "" {
		return []string{p.Name}
	}
	return []string{p.Name, p.OnBehalfOf}
}

// touches reports whether two acts have a person in common.
func touches(a, b []string) bool {
	return slices.ContainsFunc(a, func(name string) bool { return slices.Contains(b, name) })
}

func (o *office) propose(t *rapid.T) {
	by := actor(t)
	o.value = rapid.Int64Range(0, 5).Draw(t, "value")
	next, event, err := target.Propose(o.cur, assigning(o.value), foureyes.Act{By: by, At: at})
	if err != nil || event == nil || (event.GetReplaced() != nil) != (o.by != nil) {
		t.Fatalf("%v %v", event, err)
	}
	o.cur, o.by = next, names(by)
}

func (o *office) approve(t *rapid.T) {
	by := actor(t)
	next, _, err := target.Approve(o.cur, by)
	if (err == nil) != (o.by != nil && !touches(o.by, names(by))) {
		t.Fatalf("proposed by %v, approved by %v: %v", o.by, by, err)
	}
	if err == nil {
		o.cur, o.by, o.counts = next, nil, new(o.value)
		o.version++
	}
}

func (o *office) reject(t *rapid.T) {
	by := actor(t)
	next, _, err := target.Reject(o.cur, &planningpb.RejectTargetRequest{Reason: "x"}, by)
	if (err == nil) != (o.by != nil && !touches(o.by, names(by))) {
		t.Fatalf("proposed by %v, rejected by %v: %v", o.by, by, err)
	}
	if err == nil {
		o.cur, o.by = next, nil
	}
}

func (o *office) withdraw(t *rapid.T) {
	by := actor(t)
	next, _, err := target.WithdrawProposal(o.cur, by)
	if (err == nil) != (o.by != nil && touches(o.by, names(by))) {
		t.Fatalf("proposed by %v, taken back by %v: %v", o.by, by, err)
	}
	if err == nil {
		o.cur, o.by = next, nil
	}
}

func (o *office) update(t *rapid.T) {
	merged := proto.CloneOf(o.cur)
	merged.RegisteredValue = new(rapid.Int64Range(0, 5).Draw(t, "registered"))
	o.cur, _, _ = target.Update(o.cur, merged)
}

// INV-TARGET-FOUR-EYES: whatever some people do in whatever order, in whosever stead, what counts is what one proposed and
// another, who has no name in common with him, approved.
func TestNobodyAloneMakesAValueCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &office{cur: registered()}
		t.Repeat(map[string]func(*rapid.T){
			"propose": o.propose, "approve": o.approve, "reject": o.reject, "withdraw": o.withdraw, "update": o.update,
			"": func(t *rapid.T) {
				if (o.cur.AssignedValue == nil) != (o.counts == nil) || o.cur.GetAssignedValue() != deref(o.counts) || o.cur.GetVersion() != o.version {
					t.Fatalf("counts %v as version %d, want %v as %d", o.cur.AssignedValue, o.cur.GetVersion(), o.counts, o.version)
				}
				if (o.cur.GetProposal() != nil) != (o.by != nil) || o.by != nil && o.cur.GetProposal().GetAssignedValue() != o.value {
					t.Fatalf("proposed %v, want %d by %v", o.cur.GetProposal(), o.value, o.by)
				}
			},
		})
	})
}

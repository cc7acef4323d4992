package server_test

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/records"
	"coso/services/platform/fault"
	"coso/services/platform/scope/scopetest"
	"coso/services/platform/token/tokentest"
)

// as is a context in which somebody who signed in calls.
func (o *office) as(account string) context.Context {
	o.Helper()
	return tokentest.With(o.Context(), o.issuer.Token(account))
}

// committee is hanoi with people: lan and hoa plan and minh approves in all of it, tuan in Tây Hồ alone; van stands in for hoa
// and for minh. Both units have a target without a value.
func committee(t testing.TB) *office {
	t.Helper()
	o := hanoi(t)
	planner, approver := accesspb.Role_ROLE_PLANNER, accesspb.Role_ROLE_APPROVER
	instead := func(of string, g *registrypb.Grant) *registrypb.Grant {
		g.OnBehalfOf = "principals/" + of
		return g
	}
	scopetest.Give(t, o.store, records.Grants,
		scopetest.Grant("lan", planner, "units/ha-noi"),
		scopetest.Grant("hoa", planner, "units/ha-noi"),
		scopetest.Grant("minh", approver, "units/ha-noi"),
		scopetest.Grant("tuan", approver, "units/tay-ho"),
		instead("hoa", scopetest.Grant("van", planner, "units/ha-noi")),
		instead("minh", scopetest.Grant("van", approver, "units/ha-noi")))
	must(o.CreateTarget(o.as("lan"), askTarget("tay-ho", "units/tay-ho", 6)))(t)
	must(o.CreateTarget(o.as("lan"), askTarget("ha-noi", "units/ha-noi", 70)))(t)
	return o
}

func (o *office) propose(account, id string, value int64) (*planningpb.Target, error) {
	return o.AssignTarget(o.as(account), &planningpb.AssignTargetRequest{
		Name: "targets/" + id, AssignedValue: &value, AssignedDecision: "345-QĐ/TU",
	})
}

func (o *office) approve(account string, t *planningpb.Target) (*planningpb.Target, error) {
	return o.ApproveTarget(o.as(account), &planningpb.ApproveTargetRequest{Name: t.GetName(), Etag: t.GetEtag()})
}

// INV-TARGET-FOUR-EYES, and crossings are judged at the approval only.
func TestProposalCountsOnceApproved(t *testing.T) {
	o := committee(t)
	o.founded("units/tay-ho", "2020-03-01", 7)
	before := o.store.Head().GetEvents()
	proposed := must(o.propose("lan", "tay-ho", 6))(t)
	p := proposed.GetProposal()
	if proposed.AssignedValue != nil || proposed.GetVersion() != 0 || p.GetAssignedValue() != 6 || p.GetAssignedDecision() != "345-QĐ/TU" ||
		p.GetProposed().GetPrincipal() != "principals/lan" || p.GetProposed().GetOnBehalfOf() != "" || p.GetProposed().GetProposeTime() == nil {
		t.Errorf("proposed: %v", proposed)
	}
	if got := o.announced(before); len(got) != 0 {
		t.Errorf("announced before the approval: %v", got)
	}
	if f := o.progress("units/tay-ho", "2020-12-15").GetFigure(); f.AssignedValue != nil {
		t.Errorf("figure before the approval: %v", f)
	}
	approved := must(o.approve("minh", proposed))(t)
	if approved.GetAssignedValue() != 6 || approved.GetVersion() != 1 || approved.GetProposal() != nil || approved.GetAssignedDecision() != "345-QĐ/TU" {
		t.Errorf("approved: %v", approved)
	}
	if got := fmt.Sprint(o.announced(before)); got != "[TargetReached targets/tay-ho v1 7/6 Quận ủy Tây Hồ TargetExceeded targets/tay-ho v1 7/6 Quận ủy Tây Hồ]" {
		t.Errorf("announced %s", got)
	}
	h := must(o.ListTargetHistory(o.as("lan"), &planningpb.ListTargetHistoryRequest{Name: "targets/tay-ho"}))(t).GetRevisions()
	if len(h) != 3 || h[0].GetPrincipal() != "principals/minh" || h[1].GetPrincipal() != "principals/lan" || h[1].GetChanges()[0].GetField() != "proposal" {
		t.Errorf("history: %v", h)
	}
}

// What is proposed while another value counts changes neither it nor the evidence of a crossing.
func TestProposalIsNoEvidence(t *testing.T) {
	o := committee(t)
	must(o.approve("minh", must(o.propose("lan", "tay-ho", 6))(t)))(t)
	must(o.propose("lan", "tay-ho", 99))(t)
	before := o.store.Head().GetEvents()
	o.founded("units/tay-ho", "2020-03-01", 7)
	events, err := o.store.Events(t.Context(), before+1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, e := range events {
		reached := &planningpb.TargetReached{}
		if e.Type != string(reached.ProtoReflect().Descriptor().FullName()) {
			continue
		}
		seen++
		if err := proto.Unmarshal(e.Data, reached); err != nil || reached.GetEvidence().GetTarget().GetProposal() != nil || reached.GetEvidence().GetTarget().GetAssignedValue() != 6 {
			t.Errorf("%v, %v", reached, err)
		}
	}
	if seen != 1 {
		t.Errorf("reached %d times", seen)
	}
}

// Nobody decides what he proposed, nor what was proposed in his stead, nor does one who stands in for him; the refusal says who
// proposed. Who may decide finds the target in a list.
func TestFourEyes(t *testing.T) {
	for _, c := range []struct {
		name, proposer, decider string
		refused                 faultpb.Reason
		said                    string
	}{
		{"somebody else", "lan", "minh", 0, ""},
		{"somebody else, of the unit alone", "lan", "tuan", 0, ""},
		{"in the stead of somebody else", "lan", "van", 0, ""},
		{"an administrator alone", "quan", "quan", faultpb.Reason_REASON_FOUR_EYES, "principals/quan"},
		{"an administrator's proposal", "quan", "minh", 0, ""},
		{"a substitute's, by himself in another's stead", "van", "van", faultpb.Reason_REASON_FOUR_EYES, "principals/van / principals/hoa"},
		{"a substitute's, by another", "van", "minh", 0, ""},
		{"without the permission", "lan", "hoa", faultpb.Reason_REASON_PERMISSION_DENIED, ""},
		{"without any grant", "lan", "khach", faultpb.Reason_REASON_PERMISSION_DENIED, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := committee(t)
			proposed := must(o.propose(c.proposer, "tay-ho", 6))(t)
			if c.refused != faultpb.Reason_REASON_PERMISSION_DENIED {
				list := must(o.ListTargets(o.as(c.decider), &planningpb.ListTargetsRequest{Decidable: true}))(t)
				if got := len(list.GetTargets()) == 1; got != (c.refused == 0) {
					t.Errorf("listed to decide: %v", list.GetTargets())
				}
			}
			if c.refused == 0 {
				must(o.approve(c.decider, proposed))(t)
				return
			}
			o.unchanged(func() {
				_, err := o.approve(c.decider, proposed)
				wantRefused(t, err, codes.PermissionDenied, c.refused, "")
				_, rejected := o.RejectTarget(o.as(c.decider), &planningpb.RejectTargetRequest{Name: proposed.GetName(), Reason: "x"})
				wantRefused(t, rejected, codes.PermissionDenied, c.refused, "")
				if f := fault.From(fault.FromStatus(status.Convert(err))); f.Params["by"] != c.said {
					t.Errorf("says %q", f.Params["by"])
				}
				_, err = o.BatchApproveTargets(o.as(c.decider), &planningpb.BatchApproveTargetsRequest{
					Requests: []*planningpb.ApproveTargetRequest{{Name: proposed.GetName(), Etag: proposed.GetEtag()}},
				})
				if c.refused == faultpb.Reason_REASON_FOUR_EYES {
					wantRefused(t, err, codes.PermissionDenied, c.refused, "requests[0]")
				}
			})
		})
	}
}

func TestProposalRefusals(t *testing.T) {
	o := committee(t)
	first := must(o.propose("lan", "tay-ho", 6))(t)
	none := must(o.GetTarget(o.as("lan"), &planningpb.GetTargetRequest{Name: "targets/ha-noi"}))(t)
	second := must(o.propose("lan", "tay-ho", 7))(t)
	approving := func(account string, reqs ...*planningpb.ApproveTargetRequest) func() error {
		return func() error {
			_, err := o.BatchApproveTargets(o.as(account), &planningpb.BatchApproveTargetsRequest{Requests: reqs})
			return err
		}
	}
	of := func(t *planningpb.Target) *planningpb.ApproveTargetRequest {
		return &planningpb.ApproveTargetRequest{Name: t.GetName(), Etag: t.GetEtag()}
	}
	for _, c := range []struct {
		name   string
		call   func() error
		code   codes.Code
		reason faultpb.Reason
		field  string
	}{
		{"another proposal than was seen", func() error { _, err := o.approve("minh", first); return err }, codes.Aborted, faultpb.Reason_REASON_ETAG_STALE, "etag"},
		{"unseen", func() error {
			_, err := o.approve("minh", &planningpb.Target{Name: second.GetName()})
			return err
		}, codes.InvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED, "etag"},
		{"nothing proposed", func() error { _, err := o.approve("minh", none); return err }, codes.FailedPrecondition, faultpb.Reason_REASON_NOTHING_PROPOSED, ""},
		{"in another unit", func() error { _, err := o.approve("tuan", none); return err }, codes.PermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED_OR_MISSING, "name"},
		{"rejected without a reason", func() error {
			_, err := o.RejectTarget(o.as("minh"), &planningpb.RejectTargetRequest{Name: second.GetName()})
			return err
		}, codes.InvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED, "reason"},
		{"taken back by another", func() error {
			_, err := o.WithdrawTargetProposal(o.as("hoa"), &planningpb.WithdrawTargetProposalRequest{Name: second.GetName()})
			return err
		}, codes.PermissionDenied, faultpb.Reason_REASON_PROPOSAL_NOT_ONES_OWN, ""},
		{"taken back what is not", func() error {
			_, err := o.WithdrawTargetProposal(o.as("lan"), &planningpb.WithdrawTargetProposalRequest{Name: none.GetName()})
			return err
		}, codes.FailedPrecondition, faultpb.Reason_REASON_NOTHING_PROPOSED, ""},
		{"one of a batch is not proposed", approving("minh", of(second), of(none)), codes.FailedPrecondition, faultpb.Reason_REASON_NOTHING_PROPOSED, "requests[1]"},
		{"one of a batch is stale", approving("minh", of(first)), codes.Aborted, faultpb.Reason_REASON_ETAG_STALE, "requests[0].etag"},
		{"twice in a batch", approving("minh", of(second), of(second)), codes.InvalidArgument, faultpb.Reason_REASON_DUPLICATE_IN_BATCH, "requests[1].name"},
		{"one of a batch in another unit", approving("tuan", of(second), of(none)), codes.PermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED_OR_MISSING, "requests[1].name"},
		{"a request id in a batch", approving("minh", &planningpb.ApproveTargetRequest{Name: second.GetName(), Etag: second.GetEtag(), RequestId: "r"}), codes.InvalidArgument, faultpb.Reason_REASON_REQUEST_ID_IN_BATCH, "requests[0].requestId"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o.unchanged(func() { wantRefused(t, c.call(), c.code, c.reason, c.field) })
		})
	}
}

// A province approves what its districts are assigned at once; the same request takes effect once, and a rehearsal none.
func TestBatchApprove(t *testing.T) {
	o := committee(t)
	o.founded("units/tay-ho", "2020-03-01", 7)
	var reqs []*planningpb.ApproveTargetRequest
	for _, id := range []string{"tay-ho", "ha-noi"} {
		p := must(o.propose("lan", id, 6))(t)
		reqs = append(reqs, &planningpb.ApproveTargetRequest{Name: p.GetName(), Etag: p.GetEtag()})
	}
	listed := func(req *planningpb.ListTargetsRequest) int {
		return len(must(o.ListTargets(o.as("minh"), req))(t).GetTargets())
	}
	if n := listed(&planningpb.ListTargetsRequest{Undecided: true, Period: "periods/2020"}); n != 2 {
		t.Errorf("%d undecided", n)
	}
	req := &planningpb.BatchApproveTargetsRequest{Requests: reqs, ValidateOnly: true}
	o.unchanged(func() {
		if got := must(o.BatchApproveTargets(o.as("minh"), req))(t).GetTargets(); len(got) != 2 || got[1].GetVersion() != 1 {
			t.Errorf("tried: %v", got)
		}
	})
	before := o.store.Head().GetEvents()
	req.ValidateOnly, req.RequestId = false, "duyet-1"
	got := must(o.BatchApproveTargets(o.as("minh"), req))(t).GetTargets()
	if len(got) != 2 || got[0].GetName() != "targets/tay-ho" || got[1].GetName() != "targets/ha-noi" || got[1].GetAssignedValue() != 6 {
		t.Errorf("approved: %v", got)
	}
	if crossed := o.announced(before); len(crossed) != 4 {
		t.Errorf("announced %v", crossed)
	}
	o.unchanged(func() { must(o.BatchApproveTargets(o.as("minh"), req))(t) })
	if n := listed(&planningpb.ListTargetsRequest{Undecided: true}); n != 0 {
		t.Errorf("%d still undecided", n)
	}
}

func TestRejectedAndTakenBack(t *testing.T) {
	o := committee(t)
	must(o.propose("lan", "tay-ho", 6))(t)
	rejected := must(o.RejectTarget(o.as("minh"), &planningpb.RejectTargetRequest{Name: "targets/tay-ho", Reason: "vượt khả năng"}))(t)
	if rejected.GetProposal() != nil || rejected.AssignedValue != nil || rejected.GetRejection().GetReason() != "vượt khả năng" ||
		rejected.GetRejection().GetProposal().GetAssignedValue() != 6 {
		t.Errorf("rejected: %v", rejected)
	}
	again := must(o.propose("van", "tay-ho", 5))(t)
	if again.GetRejection() != nil || again.GetProposal().GetProposed().GetOnBehalfOf() != "principals/hoa" {
		t.Errorf("proposed anew: %v", again)
	}
	back := must(o.WithdrawTargetProposal(o.as("hoa"), &planningpb.WithdrawTargetProposalRequest{Name: "targets/tay-ho", Etag: again.GetEtag()}))(t)
	if back.GetProposal() != nil || back.GetRevision() != again.GetRevision()+1 {
		t.Errorf("taken back: %v", back)
	}
}

// A rehearsal of any of them changes nothing.
func TestProposalsAreTriedOut(t *testing.T) {
	o := committee(t)
	p := must(o.propose("lan", "tay-ho", 6))(t)
	o.unchanged(func() {
		must(o.AssignTarget(o.as("lan"), &planningpb.AssignTargetRequest{Name: p.GetName(), AssignedValue: proto.Int64(7), AssignedDecision: "1-QĐ/TU", ValidateOnly: true}))(t)
		must(o.ApproveTarget(o.as("minh"), &planningpb.ApproveTargetRequest{Name: p.GetName(), Etag: p.GetEtag(), ValidateOnly: true}))(t)
		must(o.RejectTarget(o.as("minh"), &planningpb.RejectTargetRequest{Name: p.GetName(), Reason: "x", ValidateOnly: true}))(t)
		must(o.WithdrawTargetProposal(o.as("lan"), &planningpb.WithdrawTargetProposalRequest{Name: p.GetName(), ValidateOnly: true}))(t)
	})
}

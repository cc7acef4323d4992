package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// delegate lets somebody stand in for the holder of a grant for a number of hours.
func (h *house) delegate(holder, grant, id, to string, hours int) error {
	h.Helper()
	_, err := h.DelegateGrant(h.as(holder), &registrypb.DelegateGrantRequest{
		Name: "grants/" + grant, GrantId: id, Principal: "principals/" + to, Reason: strings.Repeat("ộ", 490),
		EndTime: timestamppb.New(h.now.Add(time.Duration(hours) * time.Hour)),
	})
	return err
}

// INV-GRANT-ENDS: a holder who has named as many substitutes as he can has not made his grant irrevocable; ending it is one change
// of one record, all that rests on it ends with it, and is shown so.
func TestAGrantEndsWithAllThatRestsOnIt(t *testing.T) {
	h := settled(t)
	named := []string{}
	for i := 0; ; i++ {
		id := fmt.Sprintf("x-%d", i)
		if err := h.delegate("lan", "lan", id, id, 24); err != nil {
			wantRefused(t, err, codes.ResourceExhausted, faultpb.Reason_REASON_TOO_MANY_SUBSTITUTES, "name")
			break
		}
		named = append(named, id)
	}
	if len(named) != 5 {
		t.Errorf("%d substitutes were named", len(named))
	}
	before := h.service.Store().Head().GetPosition()
	must(h.EndGrant(h.as("admin"), &registrypb.EndGrantRequest{Name: "grants/lan", Reason: "chuyển công tác"}))(t)
	if now := h.service.Store().Head().GetPosition(); now != before+1 {
		t.Errorf("the journal went from %d to %d", before, now)
	}
	ended := must(h.GetGrant(h.as("admin"), &registrypb.GetGrantRequest{Name: "grants/lan"}))(t)
	h.now = h.now.Add(time.Second)
	for _, id := range named {
		g := must(h.GetGrant(h.as(id), &registrypb.GetGrantRequest{Name: "grants/" + id}))(t)
		if !g.GetEndTime().AsTime().Equal(ended.GetEndTime().AsTime()) || g.GetEndReason() != "chuyển công tác" || g.GetRevision() != 1 {
			t.Errorf("the substitute's grant is %v", g)
		}
		_, err := h.GetUnit(h.as(id), &registrypb.GetUnitRequest{Name: "units/tay-ho"})
		wantRefused(t, err, codes.PermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED, "")
		_, err = h.EndGrant(h.as(id), &registrypb.EndGrantRequest{Name: g.GetName(), Reason: "x"})
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_GRANT_ENDED, "name")
		if got := h.seen(id, &registrypb.ListGrantsRequest{}); len(got) != 0 {
			t.Errorf("%s is shown %v as not ended", id, got)
		}
		if got := h.seen(id, &registrypb.ListGrantsRequest{ShowEnded: true}); len(got) != 1 {
			t.Errorf("%s is shown %v", id, got)
		}
	}
}

// A substitute's grant that was to begin after the end of the one it rests on never held.
func TestASubstitutionThatNeverBegan(t *testing.T) {
	h := settled(t)
	must(h.DelegateGrant(h.as("lan"), &registrypb.DelegateGrantRequest{
		Name: "grants/lan", GrantId: "thu", Principal: "principals/thu", Reason: "đi học",
		StartTime: timestamppb.New(h.now.Add(time.Hour)), EndTime: timestamppb.New(h.now.Add(2 * time.Hour)),
	}))(t)
	must(h.EndGrant(h.as("admin"), &registrypb.EndGrantRequest{Name: "grants/lan", Reason: "thôi việc"}))(t)
	h.now = h.now.Add(time.Second)
	g := must(h.GetGrant(h.as("thu"), &registrypb.GetGrantRequest{Name: "grants/thu"}))(t)
	if !g.GetStartTime().AsTime().Equal(g.GetEndTime().AsTime()) || g.GetEndTime().AsTime().After(h.now) {
		t.Errorf("it is shown as %v", g)
	}
}

// INV-GRANT-SUBSTITUTES: those who name somebody their substitute need not ask, so only so many can; what has ended, by itself or
// with what it rests on, counts no more, and what is given back neither.
func TestOnlySoManyNameSomebodyTheirSubstitute(t *testing.T) {
	h := settled(t)
	for i := range 5 {
		clerk := fmt.Sprintf("clerk-%d", i)
		h.give(clerk, accesspb.Role_ROLE_CLERK, "units/tay-ho")
		if i == 4 {
			break
		}
		for n := range 5 {
			must(0, h.delegate(clerk, clerk, fmt.Sprintf("%s-%d", clerk, n), "admin", 1+n))(t)
		}
	}
	full := func() {
		t.Helper()
		wantRefused(t, h.delegate("clerk-4", "clerk-4", "more", "admin", 1), codes.ResourceExhausted, faultpb.Reason_REASON_TOO_MANY_SUBSTITUTIONS, "principal")
	}
	full()
	must(0, h.delegate("clerk-4", "clerk-4", "", "somebody-else", 1))(t)
	must(h.EndGrant(h.as("admin"), &registrypb.EndGrantRequest{Name: "grants/clerk-0-0", Reason: "không cần"}))(t)
	must(0, h.delegate("clerk-4", "clerk-4", "a", "admin", 30))(t)
	full()
	h.now = h.now.Add(time.Hour) // three more end
	for i := range 3 {
		must(0, h.delegate("clerk-4", "clerk-4", fmt.Sprintf("b-%d", i), "admin", 30))(t)
	}
	wantRefused(t, h.delegate("clerk-3", "clerk-3", "more", "admin", 1), codes.ResourceExhausted, faultpb.Reason_REASON_TOO_MANY_SUBSTITUTIONS, "principal")
	must(h.EndGrant(h.as("admin"), &registrypb.EndGrantRequest{Name: "grants/clerk-4", Reason: "thôi việc"}))(t) // and four of his
	must(0, h.delegate("clerk-3", "clerk-3", "more", "admin", 1))(t)
}

// INV-GRANT-LASTING: whoever gives holds all that he gives himself for at least as long, and nobody gives to himself, whoever acts for
// him.
func TestNobodyMakesHimselfPermanent(t *testing.T) {
	h := settled(t)
	const clerk, administrator = accesspb.Role_ROLE_CLERK, accesspb.Role_ROLE_ADMINISTRATOR
	hour := timestamppb.New(h.now.Add(time.Hour))
	temp := askGrant("temp", "temp", administrator, "")
	temp.Grant.EndTime = hour
	must(h.CreateGrant(h.as("admin"), temp))(t)
	must(0, h.delegate("hoa", "hoa", "thu", "thu", 2))(t)
	must(h.CreateGrant(h.as("admin"), askGrant("thu-2", "thu", clerk, "units/tay-ho")))(t)
	temp = askGrant("temp-2", "temp", clerk, "units/tay-ho") // one beside the other covers no more than the longest
	temp.Grant.EndTime = timestamppb.New(h.now.Add(2 * time.Hour))
	must(h.CreateGrant(h.as("admin"), temp))(t)

	itself, outlasts := faultpb.Reason_REASON_GRANT_GIVEN_TO_ONESELF, faultpb.Reason_REASON_GRANT_OUTLASTS
	for _, tc := range []struct {
		by, to string
		role   accesspb.Role
		unit   string
		end    *timestamppb.Timestamp
		reason faultpb.Reason
		field  string
	}{
		{"temp", "temp", administrator, "", nil, itself, "grant.principal"},
		{"temp", "temp", administrator, "", hour, itself, "grant.principal"},
		{"admin", "admin", clerk, "units/tay-ho", nil, itself, "grant.principal"},
		{"thu", "hoa", clerk, "units/tay-ho", nil, itself, "grant.principal"}, // in whose stead she acts
		{"temp", "friend", administrator, "", nil, outlasts, "grant.endTime"},
		{"temp", "friend", administrator, "", timestamppb.New(h.now.Add(time.Hour + 1)), outlasts, "grant.endTime"},
		{"temp", "friend", clerk, "units/ba-dinh", timestamppb.New(h.now.Add(2 * time.Hour)), outlasts, "grant.endTime"},
		{"temp", "friend", administrator, "", hour, 0, ""},
		{"temp", "friend", clerk, "units/tay-ho", timestamppb.New(h.now.Add(2 * time.Hour)), 0, ""},
		{"temp", "friend", clerk, "units/tay-ho", nil, outlasts, "grant.endTime"},
		{"admin", "friend", administrator, "", nil, 0, ""},
		{"thu", "friend", clerk, "units/tay-ho", nil, 0, ""}, // what she gives is her own, and has no end
	} {
		t.Run(fmt.Sprint(tc.by, tc.to, tc.role, tc.unit), func(t *testing.T) {
			req := askGrant("", tc.to, tc.role, tc.unit)
			req.Grant.EndTime = tc.end
			_, err := h.CreateGrant(h.as(tc.by), req)
			if tc.reason == 0 {
				must(0, err)(t)
				return
			}
			wantRefused(t, err, codes.PermissionDenied, tc.reason, tc.field)
		})
	}
}

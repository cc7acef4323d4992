package server_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// Whoever names a substitute sees the substitution and takes it back himself, with no permission but the grant it rests on; a third
// one neither sees nor ends it.
func TestWhoNamesASubstituteTakesHimBack(t *testing.T) {
	h := settled(t)
	until := timestamppb.New(h.now.Add(24 * time.Hour))
	must(h.DelegateGrant(h.as("lan"), &registrypb.DelegateGrantRequest{
		Name: "grants/lan", GrantId: "tuan-for-lan", Principal: "principals/tuan", EndTime: until, Reason: "nghỉ phép",
	}))(t)
	for account, want := range map[string][]string{
		"lan":  grantsOf("lan", "tuan-for-lan"),
		"tuan": grantsOf("tuan", "tuan-for-lan"),
	} {
		if got := h.seen(account, &registrypb.ListGrantsRequest{}); !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", account, got, want)
		}
	}
	if got := h.seen("lan", &registrypb.ListGrantsRequest{Principal: "principals/tuan"}); !slices.Equal(got, grantsOf("tuan-for-lan")) {
		t.Errorf("of tuan lan sees %v", got)
	}
	if got := h.seen("lan", &registrypb.ListGrantsRequest{Principal: "principals/lan"}); !slices.Equal(got, grantsOf("lan")) {
		t.Errorf("of herself lan sees %v", got)
	}
	h.give("phuc", accesspb.Role_ROLE_CLERK, "units/tay-ho")
	end := &registrypb.EndGrantRequest{Name: "grants/tuan-for-lan", Reason: "về sớm"}
	_, err := h.EndGrant(h.as("phuc"), end)
	wantRefused(t, err, codes.PermissionDenied, faultpb.Reason_REASON_GRANT_NOT_ONES_OWN, "name")
	_, err = h.GetGrant(h.as("phuc"), &registrypb.GetGrantRequest{Name: end.GetName()})
	wantRefused(t, err, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name")
	end.ValidateOnly = true
	if only := must(h.EndGrant(h.as("lan"), end))(t); only.GetSpread() != nil {
		t.Errorf("of an end that was only checked it says who goes by it: %v", only)
	}
	end.ValidateOnly, end.RequestId = false, "end"
	answered := must(h.EndGrant(h.as("lan"), end))(t)
	if again := must(h.EndGrant(h.as("lan"), end))(t); !proto.Equal(again, answered) || answered.GetSpread().GetRevision() != 2 || answered.GetSpread().GetName() != end.GetName() {
		t.Errorf("ended with %v, then %v", answered, again)
	}
	ended := answered.GetGrant()
	if ended.GetEndReason() != "về sớm" || !ended.GetEndTime().AsTime().Before(until.AsTime()) {
		t.Errorf("taken back, it is %v", ended)
	}
	if got := h.seen("tuan", &registrypb.ListGrantsRequest{}); !slices.Equal(got, grantsOf("tuan")) {
		t.Errorf("afterwards tuan sees %v", got)
	}
}

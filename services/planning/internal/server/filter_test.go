package server_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
)

// A list by a unit that the copy does not have is refused; one by a unit that has nothing is empty.
func TestListByAUnitThatDoesNotExist(t *testing.T) {
	o := hanoi(t)
	_, err := o.TargetServiceClient.ListTargets(t.Context(), &planningpb.ListTargetsRequest{Unit: "units/tay-hoo"})
	wantRefused(t, err, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "unit")
	page := must(o.TargetServiceClient.ListTargets(t.Context(), &planningpb.ListTargetsRequest{Unit: "units/tay-ho"}))(t)
	if len(page.GetTargets()) != 0 {
		t.Errorf("Tây Hồ has %v", page.GetTargets())
	}
}

package server_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// A list by a unit that does not exist is refused; one by a unit that has nothing, or is closed, is empty.
func TestListsByAUnitThatDoesNotExist(t *testing.T) {
	o := hanoi(t)
	_, err := o.ListOrganisations(t.Context(), &registrypb.ListOrganisationsRequest{Unit: "units/tay-hoo"})
	wantRefused(t, err, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "unit")
	_, err = o.ListEnterprises(t.Context(), &registrypb.ListEnterprisesRequest{Unit: "units/tay-hoo"})
	wantRefused(t, err, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "unit")
	_, err = o.ListUnits(t.Context(), &registrypb.ListUnitsRequest{Parent: "units/tay-hoo"})
	wantRefused(t, err, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "parent")
	if got := o.listEnterprises(&registrypb.ListEnterprisesRequest{Unit: "units/ha-noi"}); got != "" {
		t.Errorf("Hà Nội has %q", got)
	}
	if got := o.listUnits(&registrypb.ListUnitsRequest{Parent: "units/tay-ho"}); got != "" {
		t.Errorf("below Tây Hồ there is %q", got)
	}
}

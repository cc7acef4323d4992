package server_test

import (
	"testing"

	faultpb "coso/proto/gen/coso/fault/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	"coso/services/platform/fault"
)

// A list by a unit that the copy does not have is refused; one by a unit that has nothing is empty.
func TestListByAUnitThatDoesNotExist(t *testing.T) {
	d := open(t)
	d.refusedWith(t, func() error {
		_, err := d.ListIntakes(t.Context(), &membershippb.ListIntakesRequest{Unit: "units/tay-hoo"})
		return err
	}, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "unit")
	if got := d.list(t, &membershippb.ListIntakesRequest{Unit: "units/tay-ho"}); len(got) != 0 {
		t.Errorf("Tây Hồ has %q", got)
	}
}

package server_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// An update that changed nothing is remembered by its request id: sent again after another change, it takes no effect.
func TestRepeatedUpdateWithoutEffect(t *testing.T) {
	o := hanoi(t)
	send := func(id, name string) *registrypb.Unit {
		return must(o.UpdateUnit(t.Context(), &registrypb.UpdateUnitRequest{
			RequestId: id, Unit: &registrypb.Unit{Name: "units/tay-ho", DisplayName: name},
		}))(t)
	}
	send("r1", "Quận ủy Tây Hồ")
	send("r2", "Mới")
	if got := send("r1", "Quận ủy Tây Hồ"); got.GetDisplayName() != "Mới" {
		t.Errorf("r1 sent again took effect: %v", got)
	}
}

func TestUpdateWithoutAResource(t *testing.T) {
	o := hanoi(t)
	_, err := o.UpdateUnit(t.Context(), &registrypb.UpdateUnitRequest{})
	if got, want := refused(t, err), (refusal{codes.InvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED, "unit.name"}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

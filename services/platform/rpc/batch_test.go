package rpc_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"coso/services/platform/fault"
	"coso/services/platform/rpc"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func TestNewNamesKeepsWhatIsGiven(t *testing.T) {
	t.Parallel()
	names := rpc.NewNames("units/", []*registrypb.CreateUnitRequest{{UnitId: "a"}, {}}, (*registrypb.CreateUnitRequest).GetUnitId)
	if len(names) != 2 || names[0] != "units/a" {
		t.Fatalf("named %q", names)
	}
	if id, err := uuid.Parse(names[1][len("units/"):]); err != nil || id.Version() != 7 {
		t.Errorf("named %q, want a UUIDv7", names[1])
	}
}

func TestEachStopsAtTheFirstRefusal(t *testing.T) {
	t.Parallel()
	seen := 0
	create := func(_ int, r *registrypb.CreateUnitRequest) (string, error) {
		if seen++; r.GetUnitId() == "bad" {
			return "", fault.InvalidArgument(faultpb.Reason_REASON_FIELD_FORMAT, "unitId", "value", "bad")
		}
		return r.GetUnitId(), nil
	}
	made, err := rpc.Each([]*registrypb.CreateUnitRequest{{UnitId: "a"}, {UnitId: "b"}}, create)
	if diff := cmp.Diff([]string{"a", "b"}, made); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for field, requests := range map[string][]*registrypb.CreateUnitRequest{
		"requests[1].unitId":       {{UnitId: "a"}, {UnitId: "bad"}, {UnitId: "c"}},
		"requests[1].requestId":    {{UnitId: "a"}, {UnitId: "b", RequestId: "r"}},
		"requests[0].validateOnly": {{UnitId: "a", ValidateOnly: true}, {UnitId: "b"}},
	} {
		seen = 0
		made, err := rpc.Each(requests, create)
		e, ok := errors.AsType[*fault.Error](err)
		if made != nil || !ok || e.Field != field || seen > 2 {
			t.Errorf("made %q, %v after %d, want a refusal of %s", made, err, seen, field)
		}
	}
}

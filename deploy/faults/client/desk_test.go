package client

import (
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"coso/deploy/faults/check"
	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
)

// What faults of machines cause leaves the outcome open; a refusal by the record's state is an outcome; everything else surprises.
func TestRefusals(t *testing.T) {
	for code := codes.OK + 1; code <= codes.Unauthenticated; code++ {
		if code == codes.NotFound || code == codes.AlreadyExists { // they say by themselves what the outcome is
			continue
		}
		got := refusal(status.Error(code, "said")) //nolint:forbidigo // as gRPC itself says it
		open := code == codes.Unavailable || code == codes.DeadlineExceeded || code == codes.Canceled
		if got.outcome != check.Unknown || (got.surprise == nil) != open || !open && got.code != code {
			t.Errorf("%s: %+v", code, got)
		}
	}
	for _, tt := range []struct {
		err  error
		want check.Outcome
	}{
		{fault.AlreadyExists(faultpb.Reason_REASON_RESOURCE_EXISTS, "name", "name", "units/a"), check.Exists},
		{fault.Aborted(faultpb.Reason_REASON_ETAG_STALE, "etag", "name", "units/a"), check.Stale},
		{fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name", "name", "units/a"), check.Missing},
	} {
		if got := refusal(fault.ToStatus(tt.err, "").Err()); got.outcome != tt.want || got.surprise != nil {
			t.Errorf("%v: %+v", tt.err, got)
		}
	}
}

// Only the replica whose data were damaged on purpose may say that they are.
func TestDamageOnPurpose(t *testing.T) {
	w := &Workload{}
	if w.owns("r1", codes.DataLoss) {
		t.Error("before any was damaged")
	}
	w.Damage("r1")
	for _, tt := range []struct {
		replica string
		code    codes.Code
		want    bool
	}{{"r1", codes.DataLoss, true}, {"r2", codes.DataLoss, false}, {"r1", codes.FailedPrecondition, false}} {
		if got := w.owns(tt.replica, tt.code); got != tt.want {
			t.Errorf("%s of %s: %t", tt.code, tt.replica, got)
		}
	}
}

func TestPositionOfAnAnswer(t *testing.T) {
	const own, other = "registry=0198f0c2-0001-7002-8003-000400050006:7", "award=0198f0c2-0001-7002-8003-000400050006:9"
	if p, err := position(metadata.Pairs(rpc.PositionHeader, other+","+own)); err != nil || p.Number != 7 {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := position(metadata.Pairs(rpc.PositionHeader, other)); !errors.Is(err, errNoPosition) {
		t.Errorf("another service's position: %v", err)
	}
	if _, err := position(metadata.Pairs(rpc.PositionHeader, "?")); err == nil {
		t.Error("nonsense is a position")
	}
}

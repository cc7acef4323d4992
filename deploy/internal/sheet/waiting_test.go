package sheet

import (
	"errors"
	"testing"
	"time"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
)

// A server that says when to come back is not asked before.
func TestAskedToWait(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want time.Duration
	}{
		{fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_REQUESTS, "", "limit", "7"), 7 * time.Second},
		{fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_REQUESTS, "", "limit", "86400"), longest},
		{fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_AT_ONCE, "", "limit", "64"), 0},
	} {
		if got := asked(tc.err); got != tc.want {
			t.Errorf("%v: waits %v, want %v", tc.err, got, tc.want)
		}
	}
	if got := asked(errors.New("broken")); got != 0 {
		t.Errorf("waits %v", got)
	}
}

package wait_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"coso/services/platform/wait"
)

func TestFor(t *testing.T) {
	began := time.Now()
	if err := wait.For(t.Context(), 20*time.Millisecond); err != nil || time.Since(began) < 20*time.Millisecond {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := wait.For(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("says %v", err)
	}
}

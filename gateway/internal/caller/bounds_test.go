package caller

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	identitypb "coso/proto/gen/coso/identity/v1"
)

// INV-CALLER-BOUNDED
func TestWhatIsKeptIsBounded(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	api, turns := newKept(), newTurns()
	for i := range 2 * maxKept {
		of := sha256.Sum256(fmt.Append(nil, i))
		api.keep(of, signed{"x", now.Add(time.Minute)}, now)
		if _, ok := api.find(of, now); !ok {
			t.Fatalf("%d is forgotten at once", i)
		}
		if _, ok := api.find(of, now.Add(time.Minute)); ok {
			t.Fatalf("%d is given when it is over", i)
		}
		if _, err := turns.take(t.Context(), fmt.Sprint(i), func() time.Time { return now }, func() (*identitypb.SessionTokens, error) {
			return &identitypb.SessionTokens{}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(api.known) > maxKept || len(turns.known) > maxTurns {
		t.Errorf("%d API tokens and %d turns are kept", len(api.known), len(turns.known))
	}
}

// A use that failed is no answer for the next one.
func TestFailedTurnsAreForgotten(t *testing.T) {
	turns, failed := newTurns(), errors.New("away")
	want := []error{failed, nil, nil}
	used := 0
	for i, err := range want {
		_, got := turns.take(t.Context(), "x", time.Now, func() (*identitypb.SessionTokens, error) {
			used++
			return &identitypb.SessionTokens{}, err
		})
		if !errors.Is(got, err) {
			t.Errorf("take %d: %v", i, got)
		}
	}
	if used != 2 {
		t.Errorf("used %d times", used)
	}
}

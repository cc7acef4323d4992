package caller

import (
	"testing"
	"time"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

// Who has signed out gets nothing that was got for the session, nor what is being got for it; others do.
func TestSigningOutForgetsTurns(t *testing.T) {
	turns := newTurns()
	take := func(refresh string, use func() (*identitypb.SessionTokens, error)) error {
		_, err := turns.take(t.Context(), refresh, time.Now, use)
		return err
	}
	used := 0
	renew := func() (*identitypb.SessionTokens, error) {
		used++
		return &identitypb.SessionTokens{}, nil
	}
	for _, refresh := range []string{"lan.1", "lan.2", "minh.1"} {
		if err := take(refresh, renew); err != nil {
			t.Fatal(err)
		}
	}
	begun, goOn, got := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	under := func() {
		got <- take("lan.3", func() (*identitypb.SessionTokens, error) {
			close(begun)
			<-goOn
			return &identitypb.SessionTokens{}, nil
		})
	}
	go under()
	<-begun
	turns.forget("lan.2")
	close(goOn)
	if err := <-got; fault.ReasonOf(err) != faultpb.Reason_REASON_SESSION_ENDED {
		t.Errorf("what was under way: %v", err)
	}
	ended := func() (*identitypb.SessionTokens, error) {
		return nil, fault.Unauthenticated(faultpb.Reason_REASON_SESSION_ENDED, "")
	}
	for _, refresh := range []string{"lan.1", "lan.2", "lan.3"} {
		if err := take(refresh, ended); fault.ReasonOf(err) != faultpb.Reason_REASON_SESSION_ENDED {
			t.Errorf("%s: %v", refresh, err)
		}
	}
	if err := take("minh.1", ended); err != nil || used != 3 {
		t.Errorf("another session: %v, %d uses", err, used)
	}
}

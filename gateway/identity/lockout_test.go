package identity

import (
	"fmt"
	"testing"
	"time"

	"coso/services/platform/civil"
	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

// wrong tries a wrong password, and answers whether it was looked at.
func (h *house) wrong(source, user string) bool {
	h.Helper()
	_, err := h.try(h.from(source), user, "sai mật khẩu rồi")
	reason := fault.ReasonOf(fault.FromStatus(statusOf(err)))
	if reason != faultpb.Reason_REASON_SIGN_IN_FAILED && reason != faultpb.Reason_REASON_SIGN_IN_TOO_OFTEN {
		h.Fatalf("refused with %v", err)
	}
	return reason == faultpb.Reason_REASON_SIGN_IN_FAILED
}

func TestLockOut(t *testing.T) {
	h := newHouse(t)
	h.person("lan")
	for _, user := range []string{"lan", "nobody"} { // known or not
		for range 5 {
			if !h.wrong("192.0.2.1", user) {
				t.Fatal("locked out too early")
			}
		}
		var waits []time.Duration
		for range 12 {
			before := h.hasher.Runs()
			_, err := h.try(h.from("192.0.2.1"), user, phrase)
			f := h.refusal(err, fault.KindResourceExhausted, faultpb.Reason_REASON_SIGN_IN_TOO_OFTEN)
			if h.hasher.Runs() != before {
				t.Error("a refused try made the server work")
			}
			at, err := time.Parse(time.RFC3339, f.Params["value"])
			if err != nil || f.Params["current"] != civil.Moment(h.clock.now()) {
				t.Fatalf("params %v", f.Params)
			}
			waits = append(waits, at.Sub(h.clock.now()))
			h.clock.move(at.Sub(h.clock.now()))
			if !h.wrong("192.0.2.1", user) {
				t.Fatalf("refused at the moment named, after waits %v", waits)
			}
		}
		if got, want := fmt.Sprint(waits), "[1s 2s 4s 8s 16s 32s 1m4s 2m8s 4m16s 8m32s 15m0s 15m0s]"; got != want {
			t.Errorf("waits %s", got)
		}
	}
	// Another address is not held up, and a success forgets.
	in, err := h.try(h.from("192.0.2.99"), "lan", phrase)
	if err != nil {
		t.Fatal(err)
	}
	// Who is signed in goes on.
	h.refresh(in.GetRefreshToken())
}

func TestASuccessForgetsFailures(t *testing.T) {
	h := newHouse(t)
	h.person("lan")
	for range 3 {
		for range 4 {
			if !h.wrong("192.0.2.1", "lan") {
				t.Fatal("locked out")
			}
		}
		h.signIn("lan", phrase)
	}
}

// The owner is held up for a minute at most by what others do elsewhere.
func TestFailuresFromEverywhere(t *testing.T) {
	h := newHouse(t)
	h.person("lan")
	held := 0
	for i := range 200 {
		if !h.wrong(fmt.Sprintf("198.51.100.%d", i), "lan") {
			held++
			h.clock.move(time.Minute)
		}
	}
	if held == 0 {
		t.Error("guesses from many addresses were never slowed down")
	}
	h.clock.move(time.Minute)
	h.signIn("lan", phrase)
}

func TestOnePasswordWithManyNames(t *testing.T) {
	h := newHouse(t)
	for i := range 100 {
		if !h.wrong("192.0.2.1", fmt.Sprintf("user-%d", i)) {
			t.Fatal("held up too early")
		}
	}
	if h.wrong("192.0.2.1", "another") {
		t.Error("not slowed down")
	}
	// One network of IPv6 is one source.
	for i := range 100 {
		h.wrong(fmt.Sprintf("2001:db8:0:1::%x", i+1), fmt.Sprintf("user-%d", i))
	}
	if h.wrong("2001:db8:0:1:ffff::1", "another") || !h.wrong("2001:db8:0:2::1", "another") {
		t.Error("IPv6 addresses are not taken by their networks")
	}
}

// INV-LOCKOUT-COUNTED-FIRST
func TestTriesAtOnceAreCounted(t *testing.T) {
	h := newHouse(t)
	h.person("lan")
	const n = 40
	looked := make(chan bool, n)
	for range n {
		go func() {
			_, err := h.try(h.from("192.0.2.1"), "lan", "sai mật khẩu rồi")
			looked <- fault.ReasonOf(fault.FromStatus(statusOf(err))) == faultpb.Reason_REASON_SIGN_IN_FAILED
		}()
	}
	count := 0
	for range n {
		if <-looked {
			count++
		}
	}
	if count != 5 {
		t.Errorf("%d tries were looked at, want 5", count)
	}
}

func TestGuessingAtChangePassword(t *testing.T) {
	h := newHouse(t)
	in := h.person("lan")
	for range 5 {
		_, err := h.sessions.ChangePassword(h.bearing(in.GetToken()), &identitypb.ChangePasswordRequest{OldPassword: "đoán thử xem sao", NewPassword: "một hai ba bốn năm"})
		h.refused(err, fault.KindInvalidArgument, faultpb.Reason_REASON_PASSWORD_WRONG)
	}
	_, err := h.sessions.ChangePassword(h.bearing(in.GetToken()), &identitypb.ChangePasswordRequest{OldPassword: phrase, NewPassword: "một hai ba bốn năm"})
	h.refused(err, fault.KindResourceExhausted, faultpb.Reason_REASON_SIGN_IN_TOO_OFTEN)
}

// A restart forgets no lock-out, and an attack does not fill the journal.
func TestLockOutSurvivesARestart(t *testing.T) {
	h := newHouse(t)
	h.person("lan")
	for range 5 {
		h.wrong("192.0.2.1", "lan")
	}
	h.again()
	if h.wrong("192.0.2.1", "lan") {
		t.Error("a restart forgave failures")
	}
	head := func() uint64 { return h.Store().Head().GetPosition() }
	before := head()
	for i := range 2000 {
		h.wrong(fmt.Sprintf("2001:db8:%x::1", i%50), fmt.Sprintf("user-%d", i%7))
		h.clock.move(100 * time.Millisecond)
	}
	if n := head() - before; n == 0 || n > 5 { // 200 s
		t.Errorf("2000 failures made %d entries", n)
	}
}

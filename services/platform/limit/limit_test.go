package limit

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"coso/services/platform/fault"

	feedpb "coso/proto/gen/coso/feed/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
	operationpb "coso/proto/gen/coso/operation/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// watched is a limiter whose clock the test moves.
type watched struct {
	*Limiter
	*testing.T

	at time.Time
}

func watch(t *testing.T, l Limits) *watched {
	t.Helper()
	w := &watched{T: t, at: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	w.Limiter = New(l.Or(Limits{Rate: 10, Burst: 100, AtOnce: 4, Streams: 2}), func() time.Time { return w.at })
	return w
}

func (w *watched) passes(d time.Duration) { w.at = w.at.Add(d) }

// says compares what a caller is answered: a reason and when to come back, or "" for let in.
func (w *watched) says(what string, err error, want string) {
	w.Helper()
	got := ""
	if e := fault.From(err); e != nil {
		got = fmt.Sprintf("%s %s", e.Reason, e.RetryAfter)
		if e.Kind != fault.KindResourceExhausted {
			w.Errorf("%s: refused as %v", what, e.Kind)
		}
	}
	if got != want {
		w.Errorf("%s: answered %q, want %q", what, got, want)
	}
}

var lan, minh = Principal("principals/lan"), Principal("principals/minh")

// INV-LIMIT-APART: who has spent all waits as long as it is told to, and nobody else does.
func TestRates(t *testing.T) {
	w := watch(t, Limits{})
	for i := range 20 {
		w.says(fmt.Sprint("change ", i), w.Take(lan, 5), "")
	}
	w.says("one more", w.Take(lan, 5), "REASON_TOO_MANY_REQUESTS 500ms")
	w.says("another", w.Take(minh, 5), "")
	w.says("an address of the same name", w.Take(Address("principals/lan"), 5), "")
	w.passes(499 * time.Millisecond)
	w.says("a moment too early", w.Take(lan, 5), "REASON_TOO_MANY_REQUESTS 1ms")
	w.passes(time.Millisecond)
	w.says("when it was told", w.Take(lan, 5), "")
	w.says("at once again", w.Take(lan, 1), "REASON_TOO_MANY_REQUESTS 100ms")
	w.passes(time.Hour)
	w.says("all at once, an hour later", w.Take(lan, 100), "")
	w.says("and no more", w.Take(lan, 1), "REASON_TOO_MANY_REQUESTS 100ms")
}

// A process may ask ten times as much as a principal, an address behind which nobody is known a tenth, but one dear call.
func TestShares(t *testing.T) {
	w := watch(t, Limits{Rate: 100, Burst: 2000})
	for who, most := range map[Who]int{lan: 2000, Process("services/award"): 20000, Address("192.0.2.7"): 200} {
		w.says("all", w.Take(who, most), "")
		if err := w.Take(who, most/20); fault.From(err) == nil || fault.From(err).RetryAfter != time.Second {
			t.Errorf("%v: %v", who, err)
		}
	}
	w = watch(t, Limits{})
	w.says("a dear call of an address", w.Take(Address("192.0.2.7"), CostOfActivation), "")
}

// Calls and streams are counted apart: neither takes the other's room.
func TestAtOnce(t *testing.T) {
	w := watch(t, Limits{AtOnce: 1, Streams: 2})
	in := func(what string, enter func(Who, int) (func(), error), who Who, want string) func() {
		leave, err := enter(who, 1)
		w.says(what, err, want)
		return leave
	}
	called := in("a call", w.Enter, lan, "")
	in("a second", w.Enter, lan, "REASON_TOO_MANY_AT_ONCE 1s")
	in("another's", w.Enter, minh, "")
	first := in("a stream", w.Listen, lan, "")
	in("a second stream", w.Listen, lan, "")
	in("a third", w.Listen, lan, "REASON_TOO_MANY_STREAMS_AT_ONCE 1m0s")
	in("another's stream", w.Listen, minh, "")
	first()
	in("when one has ended", w.Listen, lan, "")
	in("still the second call", w.Enter, lan, "REASON_TOO_MANY_AT_ONCE 1s")
	called()
	in("when the call has ended", w.Enter, lan, "")
	for i := range Crowd {
		in(fmt.Sprint("call of a process ", i), w.Enter, Process("services/award"), "")
	}
	in("one more", w.Enter, Process("services/award"), "REASON_TOO_MANY_AT_ONCE 1s")
}

// INV-LIMIT-READ: what was read is owed, one burst at most, and only by who read it.
func TestWhatWasRead(t *testing.T) {
	w := watch(t, Limits{})
	w.Charge(lan, 150)
	w.says("the next call", w.Take(lan, 1), "REASON_TOO_MANY_REQUESTS 5.1s")
	w.says("another's", w.Take(minh, 100), "")
	for range 5 {
		w.Charge(lan, 1_000_000)
	}
	w.says("a debt", w.Take(lan, 1), "REASON_TOO_MANY_REQUESTS 10.1s")
	w.passes(11 * time.Second)
	w.says("when it is paid", w.Take(lan, 10), "")
	w.Charge(minh, 0)
	w.Charge(minh, -5)
	w.passes(10 * time.Second)
	w.says("nothing was read", w.Take(minh, 100), "")
	for rows, want := range map[int][2]int{0: {0, 0}, 19: {0, 19}, 20: {1, 0}, 20_000: {1000, 0}, 119: {5, 19}} {
		if cost, rest := CostOfRows(rows); [2]int{cost, rest} != want {
			t.Errorf("%d rows cost %d and leave %d", rows, cost, rest)
		}
	}
}

// INV-LIMIT-READ, INV-LIMIT-APART: streams go on when what they have read is paid, and calls of the same caller meanwhile.
func TestStreamsArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Limits{Rate: 10, Burst: 100, AtOnce: 1, Streams: 1}, time.Now)
		begun := time.Now()
		for i, want := range []time.Duration{0, 0, 5 * time.Second, 10 * time.Second} {
			if err := l.Pace(t.Context(), lan, 50); err != nil || time.Since(begun) != want {
				t.Errorf("step %d: after %s, %v; want %s", i, time.Since(begun), err, want)
			}
		}
		if err := l.Take(lan, 100); err != nil {
			t.Errorf("a call beside: %v", err)
		}
		if err := errors.Join(l.Pace(t.Context(), minh, 100), l.Pace(t.Context(), lan, 0)); err != nil || time.Since(begun) != 10*time.Second {
			t.Errorf("another's stream: after %s, %v", time.Since(begun), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Pace(ctx, lan, 50); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 11*time.Second {
			t.Errorf("one that ends: after %s, %v", time.Since(begun), err)
		}
	})
}

// INV-LIMIT-DOUBT: proofs that are looked at at the same time count as if they proved nothing, until they are settled.
func TestDoubts(t *testing.T) {
	w := watch(t, Limits{})
	from := Address("192.0.2.7") // 100 at once, 1 in a second
	var settle []func(bool)
	for i := range 20 {
		s, err := w.Doubt(from, 5)
		w.says(fmt.Sprint("proof ", i), err, "")
		settle = append(settle, s)
	}
	_, err := w.Doubt(from, 5)
	w.says("while they are looked at", err, "REASON_TOO_MANY_REQUESTS 5s")
	w.says("anything else", w.Take(from, 1), "REASON_TOO_MANY_REQUESTS 1s")
	for _, s := range settle[:10] {
		s(true)
	}
	for _, s := range settle[10:] {
		s(false)
	}
	w.says("those that proved somebody cost nothing", w.Take(from, 50), "")
	w.says("the others did", w.Take(from, 1), "REASON_TOO_MANY_REQUESTS 1s")
	_, err = w.Doubt(from, 5)
	w.says("another proof", err, "REASON_TOO_MANY_REQUESTS 5s")
	w.passes(5 * time.Second)
	_, err = w.Doubt(from, 5)
	w.says("when it was told", err, "")
}

// INV-LIMIT-BOUNDED: however many come, so many are known, and who has something under way among them.
func TestCallersAreBounded(t *testing.T) {
	w := watch(t, Limits{AtOnce: 1})
	leave, err := w.Enter(lan, 1)
	w.says("a call", err, "")
	settle, err := w.Doubt(Address("192.0.2.7"), 100)
	w.says("a proof", err, "")
	for i := range 3 * maxKnown {
		w.says("a stranger", w.Take(Address(fmt.Sprintf("198.51.%d.%d", i/256, i%256)), 1), "")
		w.passes(time.Millisecond)
	}
	if len(w.known) > maxKnown {
		t.Errorf("%d callers are known", len(w.known))
	}
	_, err = w.Enter(lan, 1)
	w.says("what is under way", err, "REASON_TOO_MANY_AT_ONCE 1s")
	_, err = w.Doubt(Address("192.0.2.7"), 100)
	w.says("what is looked at", err, "REASON_TOO_MANY_REQUESTS 1m40s")
	leave()
	settle(true)
	_, err = w.Enter(lan, 1)
	w.says("when it has ended", err, "")
}

// INV-LIMIT-BOUNDED: those who owe something are forgotten after those who owe nothing.
func TestWhoOwesIsRemembered(t *testing.T) {
	w := watch(t, Limits{})
	w.Charge(lan, 200)
	for i := range maxKnown - 1 {
		w.says("a stranger", w.Take(Address(fmt.Sprint(i)), 1), "")
	}
	w.passes(2 * time.Second) // those have all that they had again
	w.says("one more", w.Take(minh, 1), "")
	if len(w.known) != 2 {
		t.Errorf("%d callers are known, want those who owe and who came", len(w.known))
	}
	w.says("who owes", w.Take(lan, 1), "REASON_TOO_MANY_REQUESTS 8.1s")
}

func TestLimitsThatCannotBe(t *testing.T) {
	usual := Limits{Rate: 10, Burst: 100, AtOnce: 1, Streams: 1}
	for l, ok := range map[Limits]bool{
		{}: true, {Rate: 1}: true, {Rate: -1}: false, {Burst: 99}: false, {AtOnce: -1}: false, {Streams: -1}: false,
	} {
		if got := l.Or(usual).Good(); got != ok {
			t.Errorf("%+v: %t", l, got)
		}
	}
	if (Limits{}).Good() {
		t.Error("nothing at all is a limit")
	}
	for want, waits := range [][]time.Duration{{0}, {1, time.Second}, {time.Second + 1}} {
		for _, wait := range waits {
			if got := Seconds(wait); got != want {
				t.Errorf("%s is %d seconds", wait, got)
			}
		}
	}
}

func TestCosts(t *testing.T) {
	for full, want := range map[string]int{
		registrypb.UnitService_GetUnit_FullMethodName: CostOfRead, registrypb.UnitService_ListUnits_FullMethodName: CostOfList,
		registrypb.UnitService_CreateUnit_FullMethodName: CostOfWrite, registrypb.UnitService_CloseUnit_FullMethodName: CostOfWrite,
		registrypb.EnterpriseService_BatchCreateEnterprises_FullMethodName: CostOfBatch,
		planningpb.ProgressService_GetProgress_FullMethodName:              CostOfList,
		feedpb.EventService_WatchEvents_FullMethodName:                     CostOfStream,
		operationpb.OperationService_ActivateOperation_FullMethodName:      CostOfActivation,
		identitypb.SessionService_CreateSession_FullMethodName:             CostOfPassword,
	} {
		name := []byte(full[1:])
		for i := range name {
			if name[i] == '/' {
				name[i] = '.'
			}
		}
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			t.Fatal(err)
		}
		m, ok := found.(protoreflect.MethodDescriptor)
		if !ok {
			t.Fatalf("%s is no method", name)
		}
		if got := Cost(m); got != want || got > LeastBurst {
			t.Errorf("%s costs %d, want %d", full, got, want)
		}
	}
}

package limit

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"coso/services/platform/fault"
)

// INV-LIMIT-BOUNDED: however many come, so many are known, and who has something under way among them.
func TestCallersAreBounded(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	l := New(Limits{Rate: 10, Burst: 100, AtOnce: 1}, func() time.Time { return now })
	w := httptest.NewRecorder()
	leave, err := l.Enter(w, "principals/lan", 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxKnown {
		if err := l.Stranger(w, fmt.Sprintf("192.0.%d.%d", i/256, i%256), 1); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Millisecond)
	}
	if len(l.known) > maxKnown {
		t.Errorf("%d callers are known", len(l.known))
	}
	if _, err := l.Enter(w, "principals/lan", 1); err == nil {
		t.Error("what is under way was forgotten")
	}
	leave()
	if _, err := l.Enter(w, "principals/lan", 1); err != nil {
		t.Error(err)
	}
}

// Streams are counted apart from requests: neither takes the other's room.
func TestStreamsOfOneCaller(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	l := New(Limits{AtOnce: 1, Streams: 2}, func() time.Time { return now })
	listen := func(who string) (leave func(), code string) {
		w := httptest.NewRecorder()
		leave, err := l.Listen(w, who, 10)
		if err != nil && w.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		return leave, fault.ReasonOf(err).String()
	}
	first, _ := listen("principals/lan")
	if _, got := listen("principals/lan"); got != "REASON_UNSPECIFIED" {
		t.Fatal(got)
	}
	if _, got := listen("principals/lan"); got != "REASON_TOO_MANY_STREAMS_AT_ONCE" {
		t.Errorf("the third: %s", got)
	}
	if _, got := listen("principals/minh"); got != "REASON_UNSPECIFIED" {
		t.Errorf("another's: %s", got)
	}
	if _, err := l.Enter(httptest.NewRecorder(), "principals/lan", 1); err != nil {
		t.Errorf("a request beside streams: %v", err)
	}
	first()
	if _, got := listen("principals/lan"); got != "REASON_UNSPECIFIED" {
		t.Errorf("when one has ended: %s", got)
	}
}

func TestLimitsThatCannotBe(t *testing.T) {
	for l, ok := range map[Limits]bool{
		{}: true, {Rate: 1, Burst: 100, AtOnce: 1}: true, {Rate: -1}: false, {Burst: 99}: false, {AtOnce: -1}: false, {Streams: -1}: false, {Streams: 1}: true,
	} {
		if err := l.Check(); (err == nil) != ok {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

package limit

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"
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

// All addresses of an IPv6 network are one source.
func TestSources(t *testing.T) {
	for given, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "::ffff:192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "pipe": "pipe",
	} {
		if got := network(given); got != want {
			t.Errorf("%s is %s, want %s", given, got, want)
		}
	}
}

func TestLimitsThatCannotBe(t *testing.T) {
	for l, ok := range map[Limits]bool{
		{}: true, {Rate: 1, Burst: 100, AtOnce: 1}: true, {Rate: -1}: false, {Burst: 99}: false, {AtOnce: -1}: false,
	} {
		if err := l.Check(); (err == nil) != ok {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

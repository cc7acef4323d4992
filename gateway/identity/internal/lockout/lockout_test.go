package lockout

import (
	"fmt"
	"testing"
	"time"

	"coso/services/platform/fault"
)

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)} }

func begin(t *testing.T, b *Book, user, from string) *Try {
	t.Helper()
	try, err := b.Begin(user, from)
	if err != nil {
		t.Fatal(err)
	}
	return try
}

func TestWaits(t *testing.T) {
	for _, c := range []struct {
		of       int32
		failures int32
		want     time.Duration
	}{
		{pair, 0, 0},
		{pair, 4, 0},
		{pair, 5, time.Second},
		{pair, 6, 2 * time.Second},
		{pair, 14, 512 * time.Second},
		{pair, 15, 15 * time.Minute},
		{pair, 2_000_000_000, 15 * time.Minute},
		{account, 49, 0},
		{account, 50, time.Second},
		{account, 56, time.Minute},
		{account, 5000, time.Minute},
		{source, 99, 0},
		{source, 100, time.Second},
		{source, 10_000, time.Minute},
	} {
		if got := rules[c.of].wait(c.failures); got != c.want {
			t.Errorf("rule %d, %d failures: %s, want %s", c.of, c.failures, got, c.want)
		}
	}
}

func TestOutcomes(t *testing.T) {
	c := newClock()
	b := NewBook(c.now, nil)
	for range 20 { // what was not decided does not count
		begin(t, b, "lan", "a").Undecided()
	}
	for range 4 {
		begin(t, b, "lan", "a")
	}
	if keys := begin(t, b, "lan", "a").Succeeded(); len(keys) != 2 {
		t.Errorf("forgot %v", keys)
	}
	if n := b.rows[keyOf(source, "a")].count; n != 4 {
		t.Errorf("%d failures of the address; a success with one name forgets those with others", n)
	}
	for range 5 {
		begin(t, b, "lan", "a")
	}
	if _, err := b.Begin("lan", "a"); fault.KindOf(err) != fault.KindResourceExhausted {
		t.Errorf("not held up: %v", err)
	}
	begin(t, b, "lan", "b")
	begin(t, b, "mai", "a")
	c.at = c.at.Add(forgotten + time.Second)
	for range 5 {
		begin(t, b, "lan", "a")
	}
}

// INV-LOCKOUT-BOUNDED
func TestNamesAndAddressesWithoutEnd(t *testing.T) {
	c := newClock()
	b := NewBook(c.now, nil)
	for range 5 {
		begin(t, b, "lan", "a")
	}
	for i := range maxRows {
		if _, err := b.Begin(fmt.Sprint("user-", i), fmt.Sprint("address-", i)); err != nil {
			t.Fatal(err)
		}
		if len(b.rows) > maxRows || len(b.dirty) > maxRows {
			t.Fatalf("%d rows, %d dirty", len(b.rows), len(b.dirty))
		}
		if i%1000 == 0 {
			if _, err := b.Begin("lan", "a"); err == nil {
				t.Fatal("who is held up was forgotten for others")
			}
		}
	}
}

func TestWhatIsTaken(t *testing.T) {
	c := newClock()
	b := NewBook(c.now, nil)
	for i := range 100 {
		for range 5 + i%3 {
			if _, err := b.Begin(fmt.Sprint("user-", i), fmt.Sprint("address-", i)); err != nil {
				c.at = c.at.Add(5 * time.Second)
				begin(t, b, fmt.Sprint("user-", i), fmt.Sprint("address-", i))
			}
		}
		begin(t, b, fmt.Sprint("once-", i), fmt.Sprint("other-", i)) // holds nobody up: a restart may forget it
	}
	first := b.Take()
	if len(first) != keepRows || first[0].GetCount() != 7 || b.Take() != nil {
		t.Fatalf("%d taken, %v", len(first), first[0])
	}
	c.at = c.at.Add(keepEvery)
	second := b.Take()
	if len(second) != 100-keepRows {
		t.Errorf("%d taken then", len(second))
	}
	c.at = c.at.Add(keepEvery)
	if b.Take() != nil {
		t.Error("taken twice")
	}
	again := NewBook(c.now, append(first, second...))
	if len(again.rows) != 100 || again.rows[keyOf(pair, "user-2", "address-2")].count != 7 {
		t.Errorf("%d rows kept", len(again.rows))
	}
	if Old(first[0], c.at) || !Old(first[0], c.at.Add(forgotten)) {
		t.Error("what is old")
	}
}

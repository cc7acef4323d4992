package token

import (
	"strconv"
	"testing"
	"time"
)

// everything is a source that has every key that is asked for.
type everything struct{ *Signer }

func (everything) Key(id string, a Algorithm) (*Key, bool) {
	return &Key{name: keyName{id, a}}, true
}

func tokenOf(i int) string { return strconv.Itoa(i) }

// What is full forgets what was not asked for longest, and never holds more than its bound.
func TestMemoryIsBounded(t *testing.T) {
	const bound = 100
	m := newMemory(bound)
	now := time.Now()
	p := &proof{claims: Claims{Subject: "lan", Expires: now.Add(time.Minute)}, key: &Key{}, keys: everything{}}
	for i := range 10 * bound {
		m.keep(tokenOf(i), p)
		if _, ok := m.find(tokenOf(0), now); !ok {
			t.Fatalf("what is asked for all the time is gone after %d", i)
		}
		if n := len(m.young) + len(m.old); n > bound {
			t.Fatalf("%d are kept, %d may be", n, bound)
		}
	}
	if _, ok := m.find(tokenOf(1), now); ok {
		t.Error("what nobody asks for is still there")
	}
	if _, ok := m.find(tokenOf(0), p.claims.Expires.Add(-1)); !ok {
		t.Error("a token ends too early")
	}
	if _, ok := m.find(tokenOf(0), p.claims.Expires); ok {
		t.Error("a token outlives itself")
	}
}

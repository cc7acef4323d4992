package store

import (
	"bytes"
	"encoding/hex"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The encoding is stored in journals: these bytes never change.
func TestKeyGolden(t *testing.T) {
	for _, c := range []struct {
		name string
		key  Key
		want string
	}{
		{"empty text", Text(""), "0001"},
		{"resource name", Text("u/1"), "752f310001"},
		{"longer resource name", Text("u/10"), "752f31300001"},
		{"NUL inside", Text("a\x00b"), "6100ff620001"},
		{"two texts", Text("a").Text("b"), "610001620001"},
		{"unsigned", Key(nil).Uint64(258), "0000000000000102"},
		{"signed zero", Key(nil).Int64(0), "8000000000000000"},
		{"signed minus one", Key(nil).Int64(-1), "7fffffffffffffff"},
		{"signed 32", Key(nil).Int32(-1), "7fffffff"},
		{"descending", Key(nil).Descending(1), "fffffffffffffffe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := hex.EncodeToString(c.key); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestNoKeyIsAPrefixOfAnother(t *testing.T) {
	if bytes.HasPrefix(Text("u/10"), Text("u/1")) {
		t.Error("the key of u/1 is a prefix of the key of u/10")
	}
}

func TestKeyOrderAndRoundTrip(t *testing.T) {
	type tuple struct {
		a string
		b int64
		c int32
		d uint64
	}
	gen := rapid.Custom(func(t *rapid.T) tuple {
		return tuple{
			rapid.StringOfN(rapid.RuneFrom([]rune("\x00\x01ab/ế")), 0, 6, -1).Draw(t, "a"),
			rapid.SampledFrom([]int64{math.MinInt64, -2, -1, 0, 1, 2, math.MaxInt64}).Draw(t, "b"),
			rapid.SampledFrom([]int32{math.MinInt32, -1, 0, 1, math.MaxInt32}).Draw(t, "c"),
			rapid.Uint64().Draw(t, "d"),
		}
	})
	encode := func(x tuple) Key { return Text(x.a).Int64(x.b).Int32(x.c).Descending(x.d) }
	compare := func(x, y tuple) int {
		if c := bytes.Compare([]byte(x.a), []byte(y.a)); c != 0 {
			return c
		}
		switch {
		case x.b != y.b:
			return sign(x.b < y.b)
		case x.c != y.c:
			return sign(x.c < y.c)
		case x.d != y.d:
			return sign(x.d > y.d)
		}
		return 0
	}
	rapid.Check(t, func(t *rapid.T) {
		x, y := gen.Draw(t, "x"), gen.Draw(t, "y")
		if got, want := bytes.Compare(encode(x), encode(y)), compare(x, y); got != want {
			t.Fatalf("keys compare %d, tuples %d", got, want)
		}
		p := encode(x).Split()
		a, ok1 := p.Text()
		b, ok2 := p.Int64()
		c, ok3 := p.Int32()
		d, ok4 := p.Descending()
		if !ok1 || !ok2 || !ok3 || !ok4 || !p.Done() || (tuple{a, b, c, d}) != x {
			t.Fatalf("read %v, wrote %v", tuple{a, b, c, d}, x)
		}
	})
}

func sign(less bool) int {
	if less {
		return -1
	}
	return 1
}

func FuzzKeySplit(f *testing.F) {
	f.Add([]byte(Text("a\x00b").Uint64(3)))
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, b []byte) {
		p := Key(b).Split()
		s, ok := p.Text()
		if !ok {
			return
		}
		again := Text(s)
		if !bytes.HasPrefix(b, again) {
			t.Fatalf("%x was read as %q, which is %x", b, s, []byte(again))
		}
	})
}

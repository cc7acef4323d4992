package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The overlay, with parts of it taken back, is the map it says it is, in order, over a snapshot.
func TestOverlayModel(t *testing.T) {
	key, part := rapid.StringOfN(rapid.RuneFrom([]rune("ab\x00")), 1, 3, -1), rapid.StringOfN(rapid.RuneFrom([]rune("ab\x00")), 0, 2, -1)
	rapid.Check(t, func(rt *rapid.T) {
		under := newOverlay(nowhere{})
		want := map[string]string{}
		for k, v := range rapid.MapOf(key, rapid.StringN(0, 3, -1)).Draw(rt, "below") {
			must(rt, under.put("t", []byte(k), []byte(v)))
			want[k] = v
		}
		o := newOverlay(under)
		for range rapid.IntRange(0, 12).Draw(rt, "steps") {
			k := key.Draw(rt, "key")
			o.mark()
			if rapid.Bool().Draw(rt, "taken back") {
				must(rt, o.put("t", []byte(k), []byte("kept for a moment")))
				done := o.done()
				for range rapid.IntRange(1, 3).Draw(rt, "changes") {
					must(rt, o.put("t", []byte(key.Draw(rt, "other")), []byte("taken back")))
					must(rt, o.del("t", []byte(k)))
				}
				o.takeBack(done)
				if got := o.get("t", []byte(k)); string(got) != "kept for a moment" {
					rt.Fatalf("%q is %q after later changes were taken back", k, got)
				}
				o.takeBack(0)
			}
			if rapid.Bool().Draw(rt, "delete") {
				must(rt, o.del("t", []byte(k)))
				delete(want, k)
				continue
			}
			v := rapid.StringN(0, 3, -1).Draw(rt, "value")
			must(rt, o.put("t", []byte(k), []byte(v)))
			want[k] = v
		}
		must(rt, o.put("t2", []byte("a"), []byte("another bucket")))
		prefix, from := part.Draw(rt, "prefix"), part.Draw(rt, "from")
		var got, expect []string
		for k, v := range o.ascend("t", []byte(prefix), []byte(prefix+from)) {
			got = append(got, fmt.Sprintf("%q=%q", k, v))
		}
		for _, k := range slices.Sorted(maps.Keys(want)) {
			if strings.HasPrefix(k, prefix) && k >= prefix+from {
				expect = append(expect, fmt.Sprintf("%q=%q", k, want[k]))
			}
			if v := o.get("t", []byte(k)); string(v) != want[k] || v == nil {
				rt.Fatalf("%q is %q, want %q", k, v, want[k])
			}
		}
		if !slices.Equal(got, expect) {
			rt.Fatalf("walk %v, want %v", got, expect)
		}
	})
}

func must(rt *rapid.T, err error) {
	if err != nil {
		rt.Fatal(err)
	}
}

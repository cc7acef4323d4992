package scope

import (
	"strconv"
	"testing"
	"time"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// However many call, and however many grants they hold, what is kept stays within its bounds, and what was kept last is there.
func TestWhatIsKeptIsBounded(t *testing.T) {
	var h holders
	many := make([]*registrypb.Grant, maxHeld/100)
	for n := range 3 * maxHolders {
		name := strconv.Itoa(n)
		next := &holding{}
		if n%50 == 0 {
			next.grants = many
		}
		h.keep(name, next)
		held := 0
		if n%1000 == 0 {
			for _, kept := range h.by {
				held += len(kept.grants)
			}
			if held != h.held {
				t.Fatalf("%d grants are kept, counted are %d", held, h.held)
			}
		}
		if len(h.by) > maxHolders || h.held > maxHeld || h.find(name, time.Now()) != next {
			t.Fatalf("after %d: %d principals, %d grants", n, len(h.by), h.held)
		}
	}
}

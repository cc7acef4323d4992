package scope

import (
	"math"
	"time"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/store"
)

// NewByEnd declares an index of the grants of whatever of names, by their ends; those for which it is "" are not in it. The clock
// alone takes nothing out of an index: what has ended stays, before all that has not.
func NewByEnd(name string, of func(*registrypb.Grant) string) *store.Index[*registrypb.Grant] {
	return store.NewIndex(name, func(g *registrypb.Grant) []store.Key {
		key := of(g)
		switch {
		case key == "":
			return nil
		case g.GetEndTime() == nil:
			return []store.Key{store.Text(key).Int64(math.MaxInt64)}
		}
		return []store.Key{from(key, g.GetEndTime().AsTime())}
	})
}

// from is before the keys of what ends at a moment or later.
func from(key string, end time.Time) store.Key {
	return store.Text(key).Int64(end.Unix()).Int32(int32(end.Nanosecond())) //nolint:gosec // less than 10^9
}

// Unended walks the grants with a key of such an index that have not ended at a moment, in order of their ends; none that has ended
// before it is read.
func Unended(
	r store.Reader, grants Grants, in *store.Index[*registrypb.Grant], key string, now time.Time,
) func(yield func(*registrypb.Grant, error) bool) {
	return func(yield func(*registrypb.Grant, error) bool) {
		for g, err := range grants.From(r, in, store.Text(key), from(key, now)) {
			if err == nil && access.Ended(g, now) {
				continue
			}
			if !yield(g, err) {
				return
			}
		}
	}
}

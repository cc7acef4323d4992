package records

import (
	"slices"
	"sync"
)

// shelf keeps what was worked out last, by key, until it weighs too much. It is safe for concurrent use; what it keeps
// must not be changed.
type shelf[K comparable, V any] struct {
	limit int // of weight; the last thing is kept whatever it weighs
	mu    sync.Mutex
	kept  []kept[K, V] // the last one used is the last
}

type kept[K comparable, V any] struct {
	key    K
	value  V
	weight int
}

// take answers what is kept under a key, or makes it; two callers at once may both.
func (s *shelf[K, V]) take(key K, build func() (V, int, error)) (V, error) {
	if v, ok := s.find(key); ok {
		return v, nil
	}
	v, weight, err := build()
	if err == nil {
		s.keep(kept[K, V]{key, v, weight})
	}
	return v, err
}

func (s *shelf[K, V]) find(key K) (v V, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, k := range slices.Backward(s.kept) {
		if k.key == key {
			s.kept = append(slices.Delete(s.kept, i, i+1), k)
			return k.value, true
		}
	}
	return v, false
}

func (s *shelf[K, V]) keep(k kept[K, V]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(slices.DeleteFunc(s.kept, func(o kept[K, V]) bool { return o.key == k.key }), k)
	weight, first := 0, len(s.kept)
	for first > 0 && (first == len(s.kept) || weight+s.kept[first-1].weight <= s.limit) {
		first--
		weight += s.kept[first].weight
	}
	s.kept = slices.Delete(s.kept, 0, first)
}

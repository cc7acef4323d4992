package limit

import (
	"testing"
	"time"
)

// What it costs every call to be counted.
func BenchmarkEnter(b *testing.B) {
	l := New(Limits{Rate: 1 << 40, Burst: 1 << 40, AtOnce: 1 << 20, Streams: 1}, time.Now)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			leave, err := l.Enter(lan, CostOfRead)
			if err != nil {
				b.Fatal(err)
			}
			leave()
		}
	})
}

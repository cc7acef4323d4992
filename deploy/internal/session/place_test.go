package session

import (
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// Whoever holds the lock is alone, though it is removed with each session that ends.
func TestTheLockIsOnesOwnThoughItIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions", "a.json")
	var inside atomic.Int32
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			for range 25 {
				if err := (file{path}).locked(t.Context(), func() error {
					if inside.Add(1) != 1 {
						t.Error("two hold the lock")
					}
					inside.Add(-1)
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	g.Wait()
}

package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	// patience is how long another program's refresh is waited for, look how often it is asked.
	patience = 30 * time.Second
	look     = 20 * time.Millisecond
)

// file keeps a session on this machine.
type file struct{ path string }

// locked runs do while no other process reads or writes the file.
func (f file) locked(ctx context.Context, do func() error) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		lock := flock.New(f.path+".lock", flock.SetPermissions(0o600))
		if _, err := lock.TryLockContext(ctx, look); err != nil {
			return fmt.Errorf("session: another program holds %s: %w", lock.Path(), err)
		}
		if !current(lock) { // removed by whoever held it before
			if err := lock.Close(); err != nil {
				return fmt.Errorf("session: %w", err)
			}
			continue
		}
		err := do()
		if _, gone := os.Stat(f.path); errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, os.Remove(lock.Path())) // while it is held: nobody who takes it from here on has the same file
		}
		return errors.Join(err, lock.Close())
	}
}

// current reports whether a lock that is held is still the file at its path.
func current(lock *flock.Flock) bool {
	held, err := lock.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(lock.Path())
	return err == nil && os.SameFile(held, there)
}

func (f file) read() (*kept, error) {
	raw, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nobody is signed in, which is no error
	}
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	k := &kept{}
	if err := json.Unmarshal(raw, k); err != nil {
		return nil, fmt.Errorf("session: %s cannot be read (%w); remove it and sign in again", f.path, err)
	}
	return k, nil
}

// keep replaces the file whole, so that a cut leaves the old one.
func (f file) keep(k *kept) error {
	raw, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	next, err := os.CreateTemp(filepath.Dir(f.path), ".session-*") // readable by its owner alone
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	_, err = next.Write(raw)
	if err = errors.Join(err, next.Sync(), next.Close()); err == nil {
		err = os.Rename(next.Name(), f.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("session: %w", err), os.Remove(next.Name()))
	}
	return nil
}

func (f file) forget() error { return os.Remove(f.path) }

// memory keeps a session for as long as the process runs.
type memory struct {
	refreshing sync.Mutex

	mu   sync.Mutex
	held *kept
}

func (m *memory) locked(_ context.Context, do func() error) error {
	m.refreshing.Lock()
	defer m.refreshing.Unlock()
	return do()
}

func (m *memory) read() (*kept, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held, nil
}

func (m *memory) keep(k *kept) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = k
	return nil
}

func (m *memory) forget() error { return m.keep(nil) }

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

const (
	// rooms begins the names of the folders of runs, taken is the file in one that is locked while its run goes on.
	rooms = "coso-faults-"
	taken = "taken"
)

// occupy makes the folder of this run in another, and clears away those of runs that were killed. vacate removes it.
func occupy(in string) (dir string, vacate func() error, err error) {
	if err := clearAway(in); err != nil {
		return "", nil, err
	}
	if dir, err = os.MkdirTemp(in, rooms); err != nil {
		return "", nil, err
	}
	lock := flock.New(filepath.Join(dir, taken))
	if err := lock.Lock(); err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, func() error { return errors.Join(os.RemoveAll(dir), lock.Close()) }, nil
}

// clearAway removes the folders of runs that are no more. What cannot be seen to be one of these stays.
func clearAway(in string) error {
	left, err := filepath.Glob(filepath.Join(in, rooms+"*", taken))
	if err != nil {
		return err
	}
	for _, path := range left {
		lock := flock.New(path)
		gone, err := lock.TryLock()
		if gone {
			err = os.RemoveAll(filepath.Dir(path))
		}
		if err = errors.Join(err, lock.Close()); err != nil {
			return fmt.Errorf("clear away what an earlier run has left: %w", err)
		}
	}
	return nil
}

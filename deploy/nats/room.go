package nats

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// roomFor is how many bytes the streams in a folder may hold unless an operator says otherwise: what they hold already and
// half of what is free. Every event lies in a store too, which takes at least as much room, so the other half is the
// stores'; a limit that counted only what is free would forbid a server that is started again what it already holds.
func roomFor(dir string) (int64, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, fmt.Errorf("folder of the streams: %w", err)
	}
	used, err := size(dir)
	if err != nil {
		return 0, fmt.Errorf("folder of the streams: %w", err)
	}
	free, err := freeIn(dir)
	if err != nil {
		return 0, fmt.Errorf("folder of the streams: %w", err)
	}
	return used + free/2, nil
}

// size adds up the files of a folder. One that disappears meanwhile counts nothing.
func size(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return ifThere(err)
		}
		info, err := entry.Info()
		if err != nil {
			return ifThere(err)
		}
		sum += info.Size()
		return nil
	})
	return sum, err
}

func ifThere(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

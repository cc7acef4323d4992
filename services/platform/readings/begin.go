package readings

import (
	"errors"
	"fmt"
	"os"

	"coso/services/platform/logfile"
)

// begin reads where the book ends, from its last two files, and cuts off what a kill left of the last entry. DataLoss if there is
// other damage: INV-READINGS-ONE-OPEN. Of the files before it reads where they begin; the rest Verify checks.
func (b *Book) begin() error {
	paths, err := filesOf(b.dir, b.service)
	if err != nil {
		return err
	}
	files := make([]file, len(paths))
	at, known := start(b.service), true
	for i, path := range paths {
		last := i == len(paths)-1
		files[i].path = path
		if i >= len(paths)-2 {
			if at, err = b.beginFile(&files[i], at, known, last); err != nil {
				return err
			}
			known = true
			continue
		}
		entry, err := firstEntry(path)
		if err != nil {
			return err
		}
		if entry == nil {
			return damaged(path, 0, errors.New("the file is empty, though later ones are not"))
		}
		files[i].begins(entry)
		known = false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.files, b.at = files, at
	return nil
}

// beginFile walks one of the last two files. Unless it is known where the chain stands before it, its first entry is believed.
func (b *Book) beginFile(f *file, at end, known, last bool) (end, error) {
	raw, err := os.ReadFile(f.path)
	if err != nil {
		return at, fmt.Errorf("read the readings: %w", err)
	}
	first, err := leading(f.path, raw)
	switch {
	case first != nil && !known:
		at = before(first)
	case !known:
		return at, errors.Join(err, damaged(f.path, 0, errTorn))
	}
	if first != nil {
		f.begins(first)
	}
	at, size, err := walk(f.path, raw, at, nil)
	if err != nil {
		return at, err
	}
	if !last {
		if size < int64(len(raw)) {
			return at, damaged(f.path, at.entry+1, errTorn)
		}
		return at, nil
	}
	return at, b.takeUp(f.path, size, int64(len(raw)))
}

// takeUp opens the last file to append to it, without what lies behind its last entry.
func (b *Book) takeUp(path string, size, length int64) error {
	out, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the readings: %w", err)
	}
	if size < length {
		b.logger.Warn("a file of readings was mended", "what", cutOff(path, length-size))
		err = errors.Join(out.Truncate(size), b.sync(out))
	}
	if err = errors.Join(err, logfile.SyncFolder(b.dir)); err != nil {
		return fmt.Errorf("open the readings: %w", errors.Join(err, out.Close()))
	}
	b.out, b.size = out, size
	return nil
}

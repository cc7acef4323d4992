package readings

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/logfile"

	readingpb "coso/proto/gen/coso/reading/v1"
)

// run writes what waits, one entry after the other, until the book is closed.
func (b *Book) run() {
	defer close(b.stopped)
	for {
		var retry <-chan time.Time
		if b.Healthy() != nil && !b.halted {
			retry = time.After(b.again)
		}
		select {
		case <-b.stop:
			return
		case first := <-b.queue:
			b.settle(b.gather(first))
		case <-retry:
			if !b.begun() {
				b.note(b.begin())
				continue
			}
			b.note(b.write(nil))
		}
	}
}

// begun reports whether the files were read.
func (b *Book) begun() bool { return b.at.hash != nil }

// gather takes what waits, as much as one entry may hold.
func (b *Book) gather(first *waiting) []*waiting {
	all, size := []*waiting{first}, first.size
	for size < maxEntry/2 {
		select {
		case w := <-b.queue:
			all, size = append(all, w), size+w.size
		default:
			return all
		}
	}
	return all
}

// settle writes one entry for all who wait, and tells them.
func (b *Book) settle(all []*waiting) {
	err := b.Healthy() // who came before it was known waits no longer than for this
	if err == nil {
		var readings []*readingpb.Reading
		for _, w := range all {
			readings = append(readings, w.readings...)
		}
		begun := time.Now()
		err = b.write(readings)
		b.note(err)
		b.meters.wrote(context.Background(), len(readings), time.Since(begun), err)
	}
	if err != nil {
		err = b.unwritten(err)
	}
	for _, w := range all {
		w.done <- err
	}
}

// write appends an entry and syncs it. With an error nothing of it counts: it is cut off before anything else is written.
func (b *Book) write(readings []*readingpb.Reading) error {
	if err := b.mend(); err != nil {
		return err
	}
	entry, payload, err := b.at.seal(b.clock(), readings)
	if err != nil {
		return err
	}
	record := logfile.Append(nil, entry.GetNumber(), payload)
	if b.out == nil || b.size > 0 && b.size+int64(len(record)) > b.most {
		if err := b.roll(); err != nil {
			return err
		}
	}
	b.dirty = true
	if err := b.writeAt(b.out, record, b.size); err != nil {
		return fmt.Errorf("write the readings: %w", err)
	}
	if err := errors.Join(b.sync(b.out), b.inPlace()); err != nil {
		return fmt.Errorf("write the readings to %s: %w", b.out.Name(), err)
	}
	b.dirty = false
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size == 0 {
		b.files[len(b.files)-1].begins(entry)
	}
	b.size += int64(len(record))
	b.at = b.at.after(entry, payload)
	return nil
}

// mend cuts off what a failed write may have left. The system writes the page that is cut anew, so what lies before the cut is
// on the disk when this is.
func (b *Book) mend() error {
	if !b.dirty {
		return nil
	}
	if err := errors.Join(b.out.Truncate(b.size), b.sync(b.out)); err != nil {
		return fmt.Errorf("mend the readings: %w", err)
	}
	b.dirty = false
	return nil
}

// inPlace refuses to go on in a file that nobody would find.
func (b *Book) inPlace() error {
	have, err := b.out.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(b.out.Name())
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && !os.SameFile(have, there):
		return errGone
	case err != nil:
		return err
	}
	return nil
}

// roll begins the next file.
func (b *Book) roll() error {
	path := filepath.Join(b.dir, fileName(b.service, len(b.files)+1))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("begin a file of readings: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		err = fault.Internal(fmt.Errorf("%s holds something already", path))
	}
	if err = errors.Join(err, logfile.SyncFolder(b.dir)); err != nil {
		return fmt.Errorf("begin a file of readings: %w", errors.Join(err, f.Close()))
	}
	if b.out != nil {
		err = b.out.Close() // everything in it is synced
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out, b.size, b.files = f, 0, append(b.files, file{path: path})
	return err
}

package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"coso/services/platform/fault"
	"coso/services/platform/logfile"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// wal is the write-ahead log of a store that shares no log: two files, of which one takes the entries since the last
// checkpoint began, each with one write and one sync, and the other holds those that the checkpoint is writing into the
// data file. When a checkpoint begins they change places. The files are not cut: new bytes over old ones need no change
// of the file's size, which makes the sync cheap.
//
// A file is a sequence of records (package logfile), numbered by the file's use, each with an entry. The first record of a
// use is a mark and synced alone. What an earlier use has left carries another number and is never taken for a record of this one.
//
// A failed write or sync leaves open whether the record is there. Nothing more is written behind it: the next entry, which
// may take the same place in the journal, goes into the other file, once everything before it is in the data file. Of two
// records for one place the one in the later use counts. INV-WAL-ONE-OPEN: only the last record may be half-written.
type wal struct {
	paths [2]string
	files [2]*os.File
	sizes [2]int64
	// using is the file that takes entries, use the number of its use. at is where the next record goes.
	using int
	use   uint64
	at    int64
	// broken: a write has failed; the file takes no more.
	broken error
	// writeAt and sync reach the disk; tests let them fail.
	writeAt func(f *os.File, b []byte, at int64) error
	sync    func(f *os.File) error
}

const (
	// walGrowth is by how much a file grows, filled with zeros; walKeep is the size beyond which it is cut at its next use.
	walGrowth = 1 << 20
	walKeep   = 16 << 20
)

func walPaths(dir, service string) [2]string {
	return [2]string{filepath.Join(dir, service+".wal0"), filepath.Join(dir, service+".wal1")}
}

// openWAL opens or makes the two files. Unavailable if another process has them.
func openWAL(dir, service string) (w *wal, err error) {
	w = &wal{
		paths: walPaths(dir, service), sync: logfile.Sync,
		writeAt: func(f *os.File, b []byte, at int64) error { _, err := f.WriteAt(b, at); return err },
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	for i, path := range w.paths {
		if w.files[i], err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			return w, fault.Internal(fmt.Errorf("open the log: %w", err))
		}
		// The data file is let go for a moment when it is opened again, so this is what keeps others away.
		if err := lockFile(w.files[i], true); err != nil {
			return w, fault.Unavailable(faultpb.Reason_REASON_DATA_LOCKED, "", "name", dir)
		}
		info, err := w.files[i].Stat()
		if err != nil {
			return w, fault.Internal(fmt.Errorf("open the log: %w", err))
		}
		w.sizes[i] = info.Size()
	}
	if err := logfile.SyncFolder(dir); err != nil {
		return w, fault.Internal(err)
	}
	return w, nil
}

// mark is the payload of the first record of a use.
var mark = []byte("coso")

// append keeps one entry; none: only that the file is in use. With an error it is not known whether it is kept, and nothing
// more can be before turn.
func (w *wal) append(entries ...[]byte) error {
	if w.broken != nil {
		return w.broken
	}
	if w.at == 0 { // alone, so that it is there or not: whatever else lies in the file, it says which records count
		entries = append([][]byte{mark}, entries...)
	}
	for _, entry := range entries {
		b := logfile.Append(nil, w.use, entry)
		if err := w.write(b); err != nil {
			w.broken = fmt.Errorf("write the log: %w", err)
			return w.broken
		}
		w.at += int64(len(b))
	}
	return nil
}

// write writes b and everything that it needs to be found again.
func (w *wal) write(b []byte) error {
	f := w.files[w.using]
	end := w.at + int64(len(b))
	if size := w.sizes[w.using]; end > size {
		grown := (end + walGrowth - 1) / walGrowth * walGrowth
		if err := w.writeAt(f, make([]byte, grown-size), size); err != nil {
			return err
		}
		w.sizes[w.using] = grown
	}
	if err := w.writeAt(f, b, w.at); err != nil {
		return err
	}
	return w.sync(f)
}

// turn lets the other file take what comes. Everything in it is in the data file.
func (w *wal) turn() {
	w.using = 1 - w.using
	w.use++
	w.at, w.broken = 0, nil
	if w.sizes[w.using] > walKeep {
		if err := w.files[w.using].Truncate(walKeep); err == nil { // else it stays as large as it is
			w.sizes[w.using] = walKeep
		}
	}
}

// empty forgets everything: it is all in the data file.
func (w *wal) empty() error {
	var errs []error
	for _, f := range w.files {
		errs = append(errs, f.Truncate(0), w.sync(f))
	}
	return errors.Join(errs...)
}

// close lets go of the files; of no log, nothing.
func (w *wal) close() error {
	if w == nil {
		return nil
	}
	var errs []error
	for _, f := range w.files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

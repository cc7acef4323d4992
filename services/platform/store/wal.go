package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
)

// wal is the write-ahead log of a store that shares no log: two files, of which one takes the entries since the last
// checkpoint began, each with one write and one sync, and the other holds those that the checkpoint is writing into the
// data file. When a checkpoint begins they change places. The files are not cut: new bytes over old ones need no change
// of the file's size, which makes the sync cheap.
//
// A file is a sequence of records, each from a multiple of 8 bytes on: length and checksum, 4 bytes each, big endian, and
// the entry. The first record is the number of the file's use, 8 bytes. The checksums begin with that number, so that
// what an earlier use has left is never taken for a record of this one.
//
// A failed write or sync leaves open whether the record is there. Nothing more is written behind it: the next entry, which
// may take the same place in the journal, goes into the other file, once everything before it is in the data file. Of two
// records for one place the one in the later use counts. INV-WAL-ONE-OPEN: only the last record may be half-written.
type wal struct {
	paths [2]string
	files [2]*os.File
	sizes [2]int64
	// using is the file that takes entries, use the number of its use; 0: none yet. at is where the next record goes.
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
	walHeader = 8
	// walGrowth is by how much a file grows, filled with zeros; walKeep is the size beyond which it is cut at its next use.
	walGrowth = 1 << 20
	walKeep   = 16 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func walPaths(dir, service string) [2]string {
	return [2]string{filepath.Join(dir, service+".wal0"), filepath.Join(dir, service+".wal1")}
}

// openWAL opens or makes the two files.
func openWAL(dir, service string) (w *wal, err error) {
	w = &wal{
		paths: walPaths(dir, service), sync: syncData,
		writeAt: func(f *os.File, b []byte, at int64) error { _, err := f.WriteAt(b, at); return err },
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	for i, path := range w.paths {
		if w.files[i], err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			return w, fmt.Errorf("open the log: %w", err)
		}
		info, err := w.files[i].Stat()
		if err != nil {
			return w, fmt.Errorf("open the log: %w", err)
		}
		w.sizes[i] = info.Size()
	}
	return w, syncFolder(dir)
}

// syncFolder makes the names of new files durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the data folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// append keeps one entry. With an error it is not known whether it is kept, and nothing more can be before turn.
func (w *wal) append(entry []byte) error {
	if w.broken != nil {
		return w.broken
	}
	var b []byte
	if w.at == 0 {
		b = record(b, w.use, binary.BigEndian.AppendUint64(nil, w.use))
	}
	b = record(b, w.use, entry)
	if err := w.write(b); err != nil {
		w.broken = fmt.Errorf("write the log: %w", err)
		return w.broken
	}
	w.at += int64(len(b))
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

// record appends a record to b.
func record(b []byte, use uint64, payload []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload))) //nolint:gosec // bounded by maxEntry
	b = binary.BigEndian.AppendUint32(b, checksum(use, payload))
	b = append(b, payload...)
	return append(b, make([]byte, (8-len(payload)%8)%8)...)
}

func checksum(use uint64, payload []byte) uint32 {
	var head [12]byte
	binary.BigEndian.PutUint64(head[:], use)
	binary.BigEndian.PutUint32(head[8:], uint32(len(payload))) //nolint:gosec // bounded by maxEntry
	return crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, payload)
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

func (w *wal) close() error {
	var errs []error
	for _, f := range w.files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// walUse is what one use of a file has left.
type walUse struct {
	path string
	use  uint64
	// entries are the records in order, behind those that were found after one that is damaged.
	entries, behind [][]byte
}

// readWAL reads what the files hold, the earlier use first.
func readWAL(paths [2]string) ([]walUse, error) {
	var out []walUse
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the log: %w", err)
		}
		if u, used := readUse(path, b); used {
			out = append(out, u)
		}
	}
	if len(out) == 2 && out[1].use < out[0].use {
		out[0], out[1] = out[1], out[0]
	}
	return out, nil
}

// readUse answers false for a file that was never used, or whose first record is half-written.
func readUse(path string, b []byte) (u walUse, used bool) {
	first, rest, ok := cutRecord(b)
	if !ok || len(first) != 8 {
		return u, false
	}
	u.path, u.use = path, binary.BigEndian.Uint64(first)
	if _, _, ok := readRecord(b, u.use); !ok {
		return u, false
	}
	for {
		entry, next, ok := readRecord(rest, u.use)
		if !ok {
			break
		}
		u.entries, rest = append(u.entries, entry), next
	}
	for at := walHeader; at+walHeader <= len(rest); {
		entry, next, ok := readRecord(rest[at:], u.use)
		if !ok {
			at += walHeader
			continue
		}
		u.behind, at = append(u.behind, entry), len(rest)-len(next)
	}
	return u, true
}

// cutRecord cuts a record off without looking at its checksum.
func cutRecord(b []byte) (payload, rest []byte, ok bool) {
	if len(b) < walHeader {
		return nil, nil, false
	}
	n := int64(binary.BigEndian.Uint32(b))
	padded := (n + 7) / 8 * 8
	if n == 0 || n > 2*maxEntry || padded > int64(len(b)-walHeader) {
		return nil, nil, false
	}
	return b[walHeader : walHeader+n], b[walHeader+padded:], true
}

func readRecord(b []byte, use uint64) (payload, rest []byte, ok bool) {
	payload, rest, ok = cutRecord(b)
	if !ok || binary.BigEndian.Uint32(b[4:]) != checksum(use, payload) {
		return nil, nil, false
	}
	return payload, rest, true
}

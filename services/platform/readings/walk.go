package readings

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"coso/services/platform/logfile"

	readingpb "coso/proto/gen/coso/reading/v1"
)

// sector is what disks write whole or not at all.
const sector = 512

var (
	errTorn     = errors.New("it is not whole")
	errChecksum = errors.New("it does not fit its checksum")
	errPadding  = errors.New("what fills it up is not empty")
)

// walk goes along the entries in a file's bytes, from the end of a chain on, and tells each that continues it. It answers where
// the chain ends then and how many bytes the entries take; what lies behind may be the incomplete entry of a kill. DataLoss
// names the first entry that does not fit.
func walk(path string, raw []byte, at end, tell func(*readingpb.Entry)) (end, int64, error) {
	rest := raw
	for len(rest) > 0 {
		r, ok := logfile.Cut(rest, maxRecord)
		if !ok || !r.Whole() {
			begins := int64(len(raw) - len(rest))
			if incomplete(rest, begins, at.entry+1) {
				return at, begins, nil
			}
			return at, begins, damaged(path, at.entry+1, errChecksum)
		}
		entry, err := decode(r.Payload)
		if err == nil {
			err = at.follows(entry)
		}
		if err == nil && !padded(rest, &r) {
			err = errPadding
		}
		if err == nil && r.Number != entry.GetNumber() {
			err = errNumber
		}
		if err != nil {
			return at, int64(len(raw) - len(rest)), damaged(path, at.entry+1, err)
		}
		at = at.after(entry, r.Payload)
		if tell != nil {
			tell(entry)
		}
		rest = r.Rest
	}
	return at, int64(len(raw)), nil
}

// padded reports whether a record is filled up with zeros.
func padded(b []byte, r *logfile.Record) bool {
	return empty(b[logfile.Header+len(r.Payload) : len(b)-len(r.Rest)])
}

func empty(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// incomplete reports whether what lies behind the last whole entry can be what a kill or a power cut has left of the next, which
// was to begin at a byte of the file: the file ends within it, or one of its sectors was never written; and no later entry is
// there. Whoever changed a byte of a whole entry does not make it look so.
func incomplete(rest []byte, begins int64, number uint64) bool {
	if empty(rest) {
		return true
	}
	if behind(rest, number) || misheaded(rest, number) {
		return false
	}
	if len(rest) < logfile.Header {
		return true
	}
	n := int64(binary.BigEndian.Uint32(rest[8:]))
	whole := logfile.Header + (n+logfile.Align-1)/logfile.Align*logfile.Align
	switch {
	case n > 0 && n <= maxRecord && whole > int64(len(rest)):
		return true
	case n > 0 && n <= maxRecord:
		rest = rest[:whole]
	}
	for at := int64(0); at < int64(len(rest)); {
		next := min(int64(len(rest)), at+sector-(begins+at)%sector)
		if empty(rest[at:next]) && !flipped(rest, at, next) {
			return true
		}
		at = next
	}
	return false
}

// behind reports whether a whole entry lies behind the beginning of one that is not: a later one, or that very one elsewhere.
func behind(rest []byte, number uint64) bool {
	for len(rest) > logfile.Align {
		rest = rest[logfile.Align:]
		if r, ok := logfile.Cut(rest, maxRecord); ok && r.Number >= number && r.Number-number <= uint64(len(rest)) && r.Whole() {
			return true
		}
	}
	return false
}

// misheaded reports whether an entry would be whole if its header gave the right number, and the length up to the end of the file.
func misheaded(rest []byte, number uint64) bool {
	if len(rest) <= logfile.Header {
		return false
	}
	b := bytes.Clone(rest)
	binary.BigEndian.PutUint64(b, number)
	for fill := range logfile.Align {
		n := len(rest) - logfile.Header - fill
		if n <= 0 || n > maxRecord {
			continue
		}
		binary.BigEndian.PutUint32(b[8:], uint32(n))
		if r, ok := logfile.Cut(b, maxRecord); ok && r.Whole() {
			return true
		}
	}
	return false
}

// flipped reports whether an entry would be whole if one bit of an empty part were not 0. So little is left in the last sector
// of some entries that one bit can be all there was.
func flipped(rest []byte, from, to int64) bool {
	if to-from > logfile.Header {
		return false
	}
	b := bytes.Clone(rest)
	for i := from; i < to; i++ {
		for bit := range 8 {
			b[i] = 1 << bit
			if r, ok := logfile.Cut(b, maxRecord); ok && r.Whole() {
				return true
			}
		}
		b[i] = 0
	}
	return false
}

// cutOff says how much of a file is no whole entry.
func cutOff(path string, bytes int64) string {
	return fmt.Sprintf("%s ended within an entry that nobody was answered for; its %d bytes were cut off", path, bytes)
}

// Package logfile is what logs in files are made of: numbered records with checksums, one behind the other, and the syncs
// that make files and their names durable. The write-ahead log of the stores and the files of readings are such logs.
//
// It leaves to others what the numbers mean, which records count, and what is to be done where one is damaged.
package logfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
)

// A record begins at a multiple of Align bytes with a header: its number, 8 bytes, the length and the checksum of its payload,
// 4 bytes each, all big endian. Zeros fill up behind the payload.
const (
	// Header is the length of a header.
	Header = 16
	// Align is what the length of every record is a multiple of.
	Align = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append appends a record to b. The number is 1 or more, the payload at most 4 GiB.
func Append(b []byte, number uint64, payload []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, number)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload))) //nolint:gosec // bounded by who writes it
	b = binary.BigEndian.AppendUint32(b, checksum(b[len(b)-12:], payload))
	b = append(b, payload...)
	return append(b, make([]byte, padding(len(payload)))...)
}

func padding(n int) int { return (Align - n%Align) % Align }

// checksum is that of a record's number, length and payload.
func checksum(head, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, payload)
}

// Record is a record as it lies in a file.
type Record struct {
	// Number is the record's; Payload what it holds.
	Number  uint64
	Payload []byte
	// Rest is what follows it.
	Rest []byte

	head []byte
	sum  uint32
}

// Cut cuts a record off b without looking at its checksum. ok is false where none of at most so many bytes is there.
func Cut(b []byte, most int) (r Record, ok bool) {
	if len(b) < Header {
		return r, false
	}
	n := int64(binary.BigEndian.Uint32(b[8:]))
	padded := (n + Align - 1) / Align * Align
	if n == 0 || n > int64(most) || padded > int64(len(b)-Header) {
		return r, false
	}
	return Record{
		Number: binary.BigEndian.Uint64(b), head: b[:12], Payload: b[Header : Header+n],
		sum: binary.BigEndian.Uint32(b[12:]), Rest: b[Header+padded:],
	}, true
}

// Whole says whether the record is as it was written.
func (r *Record) Whole() bool { return r.Number > 0 && r.sum == checksum(r.head, r.Payload) }

// SyncFolder makes the names of new files durable.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the data folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

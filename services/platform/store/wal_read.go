package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"google.golang.org/protobuf/encoding/protowire"

	"coso/services/platform/fault"
)

// walUse is what one use of a file has left.
type walUse struct {
	path string
	use  uint64
	// entries are the records in order, behind those that were found after one that is damaged.
	entries, behind [][]byte
}

// readWAL reads what the files of a store hold, the earlier use first.
func readWAL(paths [2]string, incarnation []byte) ([]walUse, error) {
	var out []walUse
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fault.Internal(fmt.Errorf("read the log: %w", err))
		}
		if u := readUse(path, b, incarnation); u.use > 0 {
			out = append(out, u)
		}
	}
	if len(out) == 2 && out[1].use < out[0].use {
		out[0], out[1] = out[1], out[0]
	}
	return out, nil
}

// readUse reads the records of the use that a file begins with, and what lies behind them. The use is 0 if there are none.
// If the mark is damaged, all that can be found lies behind it.
func readUse(path string, b, incarnation []byte) walUse {
	u := walUse{path: path}
	r, ok := cutRecord(b)
	if ok && r.whole() {
		u.use, b = r.use, r.rest
	}
	for u.use > 0 {
		if r, ok = cutRecord(b); !ok || !r.whole() || r.use != u.use {
			break
		}
		u.entries, b = append(u.entries, r.payload), r.rest
	}
	u.search(b, incarnation)
	return u
}

// maxSearch bounds how many bytes a search takes checksums of.
const maxSearch = 256 << 20

// search looks for entries of the use behind a record that is not whole. Mostly that is the end; then what lies there is
// zeros, or what an earlier use has left.
func (u *walUse) search(b, incarnation []byte) {
	begins, marked := entryBegins(incarnation), u.use > 0
	for left := maxSearch; len(b) >= walHeader && left > 0; {
		r, ok := cutRecord(b)
		if !ok || marked && r.use != u.use || !bytes.HasPrefix(r.payload, begins) {
			b = b[walAlign:]
			continue
		}
		left -= len(r.payload)
		if !r.whole() {
			b = b[walAlign:]
			continue
		}
		u.use = max(u.use, r.use)
		u.behind, b = append(u.behind, r.payload), r.rest
	}
}

// entryBegins is how the bytes of every entry of a journal begin.
func entryBegins(incarnation []byte) []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), entryFormat)
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), incarnation)
}

// rawRecord is a record as it lies in a file.
type rawRecord struct {
	use           uint64
	head, payload []byte
	sum           uint32
	// rest is what follows it.
	rest []byte
}

// cutRecord cuts a record off without looking at its checksum.
func cutRecord(b []byte) (r rawRecord, ok bool) {
	if len(b) < walHeader {
		return r, false
	}
	n := int64(binary.BigEndian.Uint32(b[8:]))
	padded := (n + walAlign - 1) / walAlign * walAlign
	if n == 0 || n > 2*maxEntry || padded > int64(len(b)-walHeader) {
		return r, false
	}
	return rawRecord{
		use: binary.BigEndian.Uint64(b), head: b[:12], payload: b[walHeader : walHeader+n],
		sum: binary.BigEndian.Uint32(b[12:]), rest: b[walHeader+padded:],
	}, true
}

// whole says whether the record is as it was written.
func (r *rawRecord) whole() bool { return r.use > 0 && r.sum == checksum(r.head, r.payload) }

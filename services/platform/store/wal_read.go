package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"google.golang.org/protobuf/encoding/protowire"

	"coso/services/platform/fault"
	"coso/services/platform/logfile"
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
	if ok && r.Whole() {
		u.use, b = r.Number, r.Rest
	}
	for u.use > 0 {
		if r, ok = cutRecord(b); !ok || !r.Whole() || r.Number != u.use {
			break
		}
		u.entries, b = append(u.entries, r.Payload), r.Rest
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
	for left := maxSearch; len(b) >= logfile.Header && left > 0; {
		r, ok := cutRecord(b)
		if !ok || marked && r.Number != u.use || !bytes.HasPrefix(r.Payload, begins) {
			b = b[logfile.Align:]
			continue
		}
		left -= len(r.Payload)
		if !r.Whole() {
			b = b[logfile.Align:]
			continue
		}
		u.use = max(u.use, r.Number)
		u.behind, b = append(u.behind, r.Payload), r.Rest
	}
}

// entryBegins is how the bytes of every entry of a journal begin.
func entryBegins(incarnation []byte) []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), entryFormat)
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), incarnation)
}

// cutRecord cuts a record off that could hold an entry.
func cutRecord(b []byte) (logfile.Record, bool) { return logfile.Cut(b, 2*maxEntry) }

package store

import (
	"bytes"
	"testing"

	"coso/services/platform/logfile"
)

// Whatever lies in a log file, what is read of it was written as it is read: every entry stands in the file behind a header
// with its checksum, and nothing is read twice.
func FuzzWAL(f *testing.F) {
	incarnation := bytes.Repeat([]byte{7}, 16)
	entry := append(entryBegins(incarnation), "the rest of an entry"...)
	whole := logfile.Append(logfile.Append(logfile.Append(nil, 5, mark), 5, entry), 5, entry)
	f.Add([]byte(nil))
	f.Add(whole)
	f.Add(whole[:len(whole)-9])
	f.Add(append(logfile.Append(nil, 6, mark), whole[24:]...))
	f.Add(append(make([]byte, 24), whole...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		u := readUse("log", raw, incarnation)
		read := 0
		for _, e := range append(u.entries, u.behind...) {
			at := bytes.Index(raw[read:], e)
			if at < 0 || len(e) == 0 {
				t.Fatalf("an entry of %d bytes stands nowhere behind byte %d", len(e), read)
			}
			read += at + len(e)
		}
		if len(u.entries)+len(u.behind) > 0 && u.use == 0 {
			t.Error("entries of no use")
		}
		for _, e := range u.behind {
			if !bytes.HasPrefix(e, entryBegins(incarnation)) {
				t.Error("something that is no entry of the journal was found behind")
			}
		}
	})
}

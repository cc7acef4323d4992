package logfile_test

import (
	"bytes"
	"testing"

	"coso/services/platform/logfile"
)

// Records are cut off as they were appended, one behind the other; a changed byte of header or payload shows.
func TestRecords(t *testing.T) {
	var file []byte
	for n := range 20 {
		file = logfile.Append(file, uint64(n)+1, bytes.Repeat([]byte{byte(n)}, n+1))
	}
	rest := file
	for n := range 20 {
		r, ok := logfile.Cut(rest, 100)
		if !ok || !r.Whole() || r.Number != uint64(n)+1 || !bytes.Equal(r.Payload, bytes.Repeat([]byte{byte(n)}, n+1)) {
			t.Fatalf("record %d: %+v, %v", n+1, r, ok)
		}
		for at := range logfile.Header + n + 1 {
			bad := bytes.Clone(rest)
			bad[at] ^= 1
			if r, ok := logfile.Cut(bad, 100); ok && r.Whole() {
				t.Errorf("record %d is whole with another byte %d", n+1, at)
			}
		}
		rest = r.Rest
	}
	if len(rest) > 0 {
		t.Errorf("%d bytes are left", len(rest))
	}
	if _, ok := logfile.Cut(file[24:], 1); ok {
		t.Error("a record beyond the limit")
	}
}

// Whatever lies in a file, what is cut off lies in it.
func FuzzCut(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(logfile.Append(logfile.Append(nil, 1, []byte("a")), 2, []byte("another")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for left := raw; ; {
			r, ok := logfile.Cut(left, 1<<20)
			if !ok {
				return
			}
			if len(r.Payload) == 0 || len(r.Payload)+len(r.Rest)+logfile.Header > len(left) || len(r.Rest)%logfile.Align != len(left)%logfile.Align {
				t.Fatalf("%d bytes of payload and %d behind of %d", len(r.Payload), len(r.Rest), len(left))
			}
			left = r.Rest
		}
	})
}

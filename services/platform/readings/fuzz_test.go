package readings

import (
	"testing"

	"coso/services/platform/logfile"

	readingpb "coso/proto/gen/coso/reading/v1"
)

// Whatever lies in a file: what is told of it are entries of one chain, and only what is taken for incomplete or damaged lies behind.
func FuzzWalk(f *testing.F) {
	at := start(service)
	var file []byte
	for range 3 {
		entry, payload, err := at.seal(at.moment, []*readingpb.Reading{shown("lan", "minh")})
		if err != nil {
			f.Fatal(err)
		}
		file, at = logfile.Append(file, entry.GetNumber(), payload), at.after(entry, payload)
	}
	f.Add([]byte(nil))
	f.Add(file)
	f.Add(file[:len(file)-9])
	f.Add(append(make([]byte, 24), file...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		told, readings := uint64(0), uint64(0)
		end, size, err := walk("f", raw, start(service), func(e *readingpb.Entry) {
			if told++; e.GetNumber() != told {
				t.Errorf("entry %d comes as number %d", e.GetNumber(), told)
			}
			readings += uint64(len(e.GetReadings()))
		})
		if end.entry != told || end.readings != readings || size > int64(len(raw)) || size%logfile.Align != 0 {
			t.Errorf("the chain ends with %+v at %d of %d bytes after %d entries with %d readings: %v", end, size, len(raw), told, readings, err)
		}
	})
}

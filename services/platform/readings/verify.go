package readings

import (
	"context"
	"fmt"
	"os"

	readingpb "coso/proto/gen/coso/reading/v1"
)

// Verified is how much of a book fits.
type Verified struct {
	// Files, Entries and Readings are how many there are up to the first entry that does not fit, or to the end.
	Files, Entries, Readings uint64
	// Cut is how many bytes a kill left behind the last entry; the next start cuts them off.
	Cut int64
}

// Verify walks all files of a service's book, without changing them, and checks its chain: INV-READINGS-CHAIN. It may be asked while
// the book is open, or of a copy. It calls progress, if not nil, with the files checked and those there are. DataLoss names the
// first entry that does not fit; a service without files has a book without entries.
func Verify(ctx context.Context, dir, service string, progress func(done, all int)) (found Verified, err error) {
	paths, err := filesOf(dir, service)
	if err != nil {
		return found, err
	}
	at := start(service)
	for i, path := range paths {
		if err := ctx.Err(); err != nil {
			return found, err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return found, fmt.Errorf("read the readings: %w", err)
		}
		var size int64
		at, size, err = walk(path, raw, at, func(entry *readingpb.Entry) {
			found.Entries++
			found.Readings += uint64(len(entry.GetReadings()))
		})
		if found.Cut = int64(len(raw)) - size; err == nil && found.Cut > 0 && i < len(paths)-1 {
			err = damaged(path, at.entry+1, errTorn)
		}
		if err != nil {
			found.Cut = 0
			return found, err
		}
		found.Files++
		if progress != nil {
			progress(i+1, len(paths))
		}
	}
	return found, nil
}

package readings

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"coso/services/platform/logfile"

	readingpb "coso/proto/gen/coso/reading/v1"
)

// file is one of a book's files.
type file struct {
	path string
	// first is the number of its first entry, 0 if it has none; before is how many readings there are in the files before it, from
	// when it begins.
	first, before uint64
	from          time.Time
}

// begins notes a file's first entry.
func (f *file) begins(entry *readingpb.Entry) {
	f.first, f.before, f.from = entry.GetNumber(), entry.GetReadingsBefore(), entry.GetMoment().AsTime()
}

// fileName is the name of a service's nth file, from 1.
func fileName(service string, n int) string { return fmt.Sprintf("%s.reads-%06d", service, n) }

// filesOf lists the files of a service in order. A file that is missing before others is DataLoss.
func filesOf(dir, service string) ([]string, error) {
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for readings: %w", err)
	}
	var numbers []int
	for _, e := range found {
		rest, ok := strings.CutPrefix(e.Name(), service+".reads-")
		if n, err := strconv.Atoi(rest); ok && err == nil && fileName(service, n) == e.Name() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	paths := make([]string, len(numbers))
	for i, n := range numbers {
		paths[i] = filepath.Join(dir, fileName(service, i+1))
		if n != i+1 {
			return nil, damaged(paths[i], 0, errors.New("the file is missing, though later ones are there"))
		}
	}
	return paths, nil
}

// firstEntry reads the first entry of a file; nil if it is empty.
func firstEntry(path string) (*readingpb.Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the readings: %w", err)
	}
	head := make([]byte, logfile.Header)
	n, err := io.ReadFull(f, head)
	if err == nil {
		length := min(int64(binary.BigEndian.Uint32(head[8:])), maxRecord) + logfile.Align
		rest, failed := io.ReadAll(io.LimitReader(f, length))
		head, err = slices.Concat(head, rest), failed
	}
	err = errors.Join(err, f.Close())
	if n == 0 && errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // an empty file has none
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read the readings: %w", err)
	}
	entry, err := leading(path, head)
	if entry == nil && err == nil {
		err = damaged(path, 0, errTorn)
	}
	return entry, err
}

// leading is the first entry in a file's bytes; nil if it is not whole.
func leading(path string, raw []byte) (*readingpb.Entry, error) {
	r, ok := logfile.Cut(raw, maxRecord)
	if !ok || !r.Whole() {
		return nil, nil //nolint:nilnil // whoever walks the file says what is wrong with it
	}
	entry, err := decode(r.Payload)
	if err != nil {
		return nil, damaged(path, r.Number, err)
	}
	return entry, nil
}

// Package readings keeps who was shown personal data: a book of files that are only ever appended to, beside a service's
// store. What calls show is found by the chain of package rpc, which keeps it here before the answer leaves; auditors read it by
// ReadingService. A book is of one replica and in no backup of the store: its files are copied as they are, at any time.
//
// A file is a log of package logfile whose records are entries (coso.reading.v1.Entry), numbered on through all files. What
// waits to be kept at the same moment becomes one entry, with one write and one sync. An entry carries the hash of the one
// before, that of another file too.
//
// It leaves to others what is personal (the contract's mark), and who reads: what it is given it keeps.
//
// INV-READINGS-FIRST: Keep returns nil only when the readings are on the disk.
// INV-READINGS-CHAIN: an entry that was changed, taken out or put in is found, and named, whichever byte of it was; so is a
// file that is missing before others. That the end of the last file was cut off at an entry does not show.
// INV-READINGS-ONE-OPEN: of what a kill or a power cut left, only the last entry can be incomplete; it alone is cut off at the
// start, nobody has been shown anything for it. Any other damage is an alarm, and nothing is appended behind it.
// INV-READINGS-BACK: a book that could not be written keeps readings again by itself once it can.
package readings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"coso/services/platform/fault"
	"coso/services/platform/logfile"

	faultpb "coso/proto/gen/coso/fault/v1"
	readingpb "coso/proto/gen/coso/reading/v1"
)

const (
	// maxReading is what one reading may weigh, maxEntry what the readings of an entry may.
	maxReading = 64 << 10
	maxEntry   = 1 << 20
	// maxRecord is beyond what any entry weighs.
	maxRecord = maxEntry + maxReading
	// fileSize is beyond which size no file grows.
	fileSize = 16 << 20
	// again is how soon a book that could not be written is tried again.
	again = time.Second
	// waitingRoom is how many may wait to be kept before others wait for room.
	waitingRoom = 256
	// searches is how many look for readings at once; each holds a file in memory.
	searches = 2
)

// Options say where a book lies.
type Options struct {
	// Dir is the data folder, Service the service's name.
	Dir, Service string
	// Clock answers the time; nil: the machine's.
	Clock func() time.Time
	// Logger takes what an operator must know; nil: slog.Default.
	Logger *slog.Logger
}

// Book is the readings of one service. It is safe for concurrent use. Only one process may have it open: whoever opens it
// holds the service's store.
type Book struct {
	dir, service string
	clock        func() time.Time
	logger       *slog.Logger
	most         int64
	again        time.Duration
	meters       *meters

	queue         chan *waiting
	stop, stopped chan struct{}
	once          sync.Once
	// searching holds a token for everybody who looks for readings.
	searching chan struct{}

	// out is the last file; nil: the next entry opens one. dirty: there may be something behind its last entry. Both are the
	// writer's alone.
	out   *os.File
	dirty bool
	// writeAt and sync reach the disk; tests let them fail.
	writeAt func(f *os.File, b []byte, at int64) error
	sync    func(f *os.File) error

	mu sync.RWMutex
	// files are all there are, size is that of the last, up to the end of its last entry.
	files []file
	size  int64
	at    end
	// trouble is why nothing can be kept; nil: it can. halted: an operator has to look.
	trouble error
	halted  bool
}

// waiting is what somebody waits to be kept.
type waiting struct {
	readings []*readingpb.Reading
	size     int
	done     chan error
}

// Open opens the book of a service, or begins it. It always answers one: what is wrong with its files Healthy says, and until it
// is mended nothing is kept.
func Open(o Options) *Book { return open(o, nil) }

// open lets set change the book before it begins.
func open(o Options, set func(*Book)) *Book {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	b := &Book{
		dir: o.Dir, service: o.Service, clock: o.Clock, logger: o.Logger, most: fileSize, again: again,
		queue: make(chan *waiting, waitingRoom), stop: make(chan struct{}), stopped: make(chan struct{}),
		searching: make(chan struct{}, searches),
		writeAt:   func(f *os.File, b []byte, at int64) error { _, err := f.WriteAt(b, at); return err }, sync: logfile.Sync,
	}
	if set != nil {
		set(b)
	}
	b.meters = b.observe()
	b.note(b.begin())
	go b.run()
	return b
}

// Keep keeps readings and returns when they are on the disk: INV-READINGS-FIRST. Their names and moments are given here.
// Unavailable (READINGS_UNWRITTEN) if they cannot be written, (SERVICE_UNAVAILABLE) if the book is closed, or the context's error:
// they may be kept then or not. Internal for a reading beyond 64 KiB.
func (b *Book) Keep(ctx context.Context, all ...*readingpb.Reading) error {
	if err := b.Ready(); err != nil {
		return err
	}
	for len(all) > 0 {
		w := &waiting{done: make(chan error, 1)}
		for len(all) > 0 {
			n := proto.Size(all[0])
			if n > maxReading {
				return fault.Internal(fmt.Errorf("a reading of %d bytes; at most %d", n, maxReading))
			}
			n += maxFraming
			if w.size > 0 && w.size+n > maxEntry/2 {
				break
			}
			w.readings, w.size, all = append(w.readings, all[0]), w.size+n, all[1:]
		}
		if err := b.enqueue(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// maxFraming is what a reading weighs in an entry beside its own bytes: the tag and the length.
const maxFraming = 4

func (b *Book) enqueue(ctx context.Context, w *waiting) error {
	select {
	case b.queue <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-b.stop:
		return closed()
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-b.stopped:
		select {
		case err := <-w.done:
			return err
		default:
			return closed()
		}
	}
}

func closed() error { return fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "") }

// Ready answers nil while readings can be kept, and else what Keep would.
func (b *Book) Ready() error {
	if err := b.Healthy(); err != nil {
		return b.unwritten(err)
	}
	return nil
}

func (b *Book) unwritten(why error) error {
	return fault.Unavailable(faultpb.Reason_REASON_READINGS_UNWRITTEN, "", "name", b.service).With(why)
}

// Healthy answers nil while readings can be kept, and else why not: DataLoss for damage, which an operator has to look at; anything
// else is tried again by itself, about every second.
func (b *Book) Healthy() error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.trouble
}

// Close waits for what is being written and closes the book. What waits is refused. It may be called again.
func (b *Book) Close() error {
	b.once.Do(func() { close(b.stop) })
	<-b.stopped
	b.meters.forget()
	if b.out == nil {
		return nil
	}
	err := b.out.Close()
	if b.out = nil; err != nil {
		return fmt.Errorf("close the readings: %w", err)
	}
	return nil
}

// note remembers how the book is, and tells the operator what has changed.
func (b *Book) note(err error) {
	b.mu.Lock()
	was := b.trouble
	b.trouble = err
	b.halted = fault.KindOf(err) == fault.KindDataLoss
	b.mu.Unlock()
	switch {
	case err != nil && was == nil:
		b.logger.Error("readings of personal data cannot be recorded; no personal data is shown until they can", "error", err)
	case err == nil && was != nil:
		b.logger.Info("readings of personal data are recorded again")
	}
}

var errGone = errors.New("it is not there any more, or another is in its place")

package feed

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	feedpb "coso/proto/gen/coso/feed/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

// keepEvery is how often it is written down when copies were complete: after a kill they look that much older than they are.
const keepEvery = 10 * time.Second

// complete is a moment at which a copy held all that its source had, up to an event of a journal.
type complete struct {
	Incarnation string    `json:"incarnation"`
	Sequence    uint64    `json:"sequence"`
	At          time.Time `json:"at"`
}

// of says whether a copy at a cursor holds what it held then. It does not where an older state of the store was put back.
func (c complete) of(at *journalpb.Cursor) bool {
	return holds(at, &feedpb.FeedHead{Incarnation: c.Incarnation, Sequence: c.Sequence})
}

// ages keep, in a file beside the store, when the copies of this replica were complete last. The file is no part of the journal: it
// is this replica that has heard its sources, and that they have nothing new is no change. It is safe for concurrent use.
type ages struct {
	path   string
	logger *slog.Logger

	mu     sync.Mutex
	known  map[string]complete
	wrote  time.Time
	failed bool
}

// openAges reads what was kept; "": nothing is.
func openAges(path string, logger *slog.Logger) *ages {
	a := &ages{path: path, logger: logger, known: map[string]complete{}}
	if path == "" {
		return a
	}
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &a.known)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.logger.Warn("it cannot be read how old the copies are; they are too old until their sources were heard", "file", path, "error", err)
		a.known = map[string]complete{}
	}
	return a
}

// last is when the copy of a source was complete last; false: that is not known of a copy at this cursor, or lies ahead of the clock.
func (a *ages) last(source string, at *journalpb.Cursor, now time.Time) (last time.Time, kept bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, kept := a.known[source]
	return c.At, kept && c.of(at) && !c.At.After(now)
}

// keep notes when a copy was complete, and writes it down from time to time.
func (a *ages) keep(source string, c complete, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.path == "" || a.known[source] == c {
		return
	}
	_, before := a.known[source]
	a.known[source] = c
	if since := now.Sub(a.wrote); before && since >= 0 && since < keepEvery {
		return
	}
	a.wrote = now
	a.write()
}

// flush writes down what is known.
func (a *ages) flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.path != "" && len(a.known) > 0 {
		a.write()
	}
}

// write replaces the file. What a power cut leaves of it may be nothing: then the copies are too old until their sources were
// heard. The lock is held.
func (a *ages) write() {
	raw, err := json.Marshal(a.known)
	if err == nil {
		next := a.path + ".new"
		if err = os.WriteFile(next, raw, 0o600); err == nil {
			err = os.Rename(next, a.path)
		}
	}
	if err != nil && !a.failed {
		a.logger.Warn("it cannot be written down how old the copies are; after a restart they are too old until their sources were heard",
			"file", a.path, "error", err)
	}
	a.failed = err != nil
}

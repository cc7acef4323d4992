package checkpoint

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/store"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// The names of key and checkpoints where a data folder holds them.
const (
	KeyName  = "checkpoint.key"
	FileName = "checkpoints.txt"
)

// Every is how often a journal is signed unless told otherwise.
const Every = time.Hour

// limit is how long the file may take.
const limit = 30 * time.Second

// again is after how long a signing that failed is tried again, if that comes before the next.
const again = time.Minute

// Options say where a signer finds its key and what it writes.
type Options struct {
	// File takes the notes; several services may share it. Key is the file of the key, which is made if it is not there.
	File, Key string
	// Every is how often the journal is signed, about; 0: every hour.
	Every time.Duration
	// Clock answers the time; nil: the machine's.
	Clock func() time.Time
	// Logger takes what an operator must know; nil: slog.Default.
	Logger *slog.Logger
}

// In fills in what is left open: the files lie in a data folder.
func (o Options) In(dir string) Options {
	if o.File == "" {
		o.File = filepath.Join(dir, FileName)
	}
	if o.Key == "" {
		o.Key = filepath.Join(dir, KeyName)
	}
	if o.Every == 0 {
		o.Every = Every
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Signed is a note of a journal.
type Signed struct {
	// Note is the note; empty while the journal is.
	Note string
	// Verifier is the key that verifies it, File where it lies.
	Verifier, File string
	// Fresh: it was signed and appended now.
	Fresh bool
}

// Signer signs the journal of one store. It is safe for concurrent use.
type Signer struct {
	store *store.Store
	o     Options
	// busy holds a token while a note is being made.
	busy chan struct{}
	// last is the note written last; whoever holds the token uses it.
	last   *written
	forget func()

	mu sync.Mutex
	// trouble is why the last signing failed; nil: it did not.
	trouble  error
	position uint64
}

// written is a note that this process has written or found.
type written struct {
	in       os.FileInfo
	verifier string
	end      store.End
	text     string
}

// New makes a signer for a store. Nothing is signed yet, and no file made.
func New(s *store.Store, o Options) *Signer {
	out := &Signer{store: s, o: o.In(""), busy: make(chan struct{}, 1)}
	out.forget = out.observe()
	return out
}

// Run signs the journal about as often as the options say, until the context ends. The moments are jittered, so that the
// services of a machine do not all write at once, and go by the time that passes: a clock that is set moves none. The key is
// there from the start.
func (s *Signer) Run(ctx context.Context) {
	if _, err := s.key(ctx); err != nil {
		_ = s.note(ctx, 0, err) // it is kept there
	}
	wait := rand.N(s.o.Every/10 + 1) //nolint:gosec // a moment is no secret
	for {
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		wait = s.o.Every - s.o.Every/20 + rand.N(s.o.Every/10+1) //nolint:gosec // as above
		if err := s.once(ctx); err != nil {
			wait = min(wait, again)
		}
	}
}

func (s *Signer) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := s.Sign(ctx)
	return err
}

// Sign signs the end of the journal and appends the note, unless it is there: INV-CHECKPOINT-ONCE. Unavailable
// (CHECKPOINT_UNWRITTEN) if the key cannot be read or the file not written; that is the alarm that Healthy answers until a
// signing succeeds. A file that does not answer holds up nobody beyond the context.
func (s *Signer) Sign(ctx context.Context) (Signed, error) {
	select {
	case s.busy <- struct{}{}:
	case <-ctx.Done():
		return Signed{}, s.note(ctx, 0, errSlow)
	}
	type outcome struct {
		signed   Signed
		position uint64
		err      error
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() { <-s.busy }()
		var out outcome
		out.signed, out.position, out.err = s.sign(ctx)
		done <- out
	}()
	select {
	case out := <-done:
		return out.signed, s.note(ctx, out.position, out.err)
	case <-ctx.Done():
		return Signed{}, s.note(ctx, 0, errSlow)
	}
}

var errSlow = errors.New("the file of checkpoints did not answer in time")

// key reads the key, or makes it.
func (s *Signer) key(ctx context.Context) (Key, error) {
	k, made, err := OwnKey(s.o.Key)
	if made && err == nil {
		s.o.Logger.InfoContext(ctx, "a new key for checkpoints was made; give its public half to the organisation that keeps them",
			"key", k.Verifier, "file", s.o.Key)
	}
	return k, err
}

// sign makes and writes a note. It answers the position that is signed.
func (s *Signer) sign(ctx context.Context) (out Signed, position uint64, err error) {
	k, err := s.key(ctx)
	if err != nil {
		return out, 0, err
	}
	out = Signed{Verifier: k.Verifier, File: s.o.File}
	end, err := s.store.End(ctx)
	if err != nil || end.Position == 0 {
		return out, 0, err
	}
	known, err := s.remember(k, end)
	if err != nil {
		return out, 0, err
	}
	if s.last != nil && sameEnd(s.last.end, end) {
		out.Note = s.last.text
		return out, end.Position, nil
	}
	out.Note, err = k.sign(Checkpoint{Service: s.store.Service(), End: end, Time: s.o.Clock()})
	if err != nil {
		return out, 0, err
	}
	header := ""
	if !known {
		header = headerOf(k.Verifier)
	}
	if err := appendNote(s.o.File, header, out.Note); err != nil {
		s.last = nil
		return out, 0, err
	}
	out.Fresh = true
	in, err := os.Stat(s.o.File)
	s.last = &written{in: in, verifier: k.Verifier, end: end, text: out.Note}
	if err != nil {
		s.last = nil
	}
	return out, end.Position, err
}

// remember looks what the file holds, if it is not the one that was written last. It answers whether the file shows the key.
func (s *Signer) remember(k Key, end store.End) (known bool, err error) {
	info, err := os.Stat(s.o.File)
	if err == nil && s.last != nil && s.last.verifier == k.Verifier && os.SameFile(info, s.last.in) && info.Size() >= s.last.in.Size() {
		return true, nil
	}
	s.last = nil
	f, err := readFile(s.o.File)
	if err != nil {
		return false, err
	}
	own, err := NewKeys(k.Verifier)
	if err != nil {
		return false, err
	}
	origin := Checkpoint{Installation: k.Name, Service: s.store.Service()}.Origin()
	for _, n := range slices.Backward(f.Notes) {
		if n.Origin() == origin && sameEnd(n.End, end) && own.Check(n) == SignedWell {
			s.last = &written{in: info, verifier: k.Verifier, end: n.End, text: n.Text}
			break
		}
	}
	return slices.Contains(f.Keys, k.Verifier), nil
}

func sameEnd(a, b store.End) bool {
	return a.Position == b.Position && a.Hash == b.Hash && a.Incarnation == b.Incarnation
}

// note keeps the outcome of a signing; what begins and what ends is logged. Who does not want to know any more is no trouble.
func (s *Signer) note(ctx context.Context, position uint64, err error) error {
	if gone := ctx.Err(); err != nil && errors.Is(gone, context.Canceled) {
		return gone
	}
	if err != nil && fault.KindOf(err) == fault.KindInternal { // not yet classified: a key or a file
		err = fault.Unavailable(faultpb.Reason_REASON_CHECKPOINT_UNWRITTEN, "", "name", s.store.Service(), "value", brief(err)).With(err)
	}
	s.mu.Lock()
	changed := (err == nil) != (s.trouble == nil)
	s.trouble = err
	if position > 0 {
		s.position = position
	}
	s.mu.Unlock()
	switch {
	case changed && err != nil:
		s.o.Logger.ErrorContext(ctx, "no checkpoint could be signed and written; it is tried again", "file", s.o.File, "error", err)
	case changed:
		s.o.Logger.InfoContext(ctx, "checkpoints are written again", "file", s.o.File)
	}
	return err
}

// Healthy answers nil unless the last signing failed, and why it did.
func (s *Signer) Healthy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}

// Close ends the signer's metrics.
func (s *Signer) Close() { s.forget() }

// observe makes the signer's gauges.
func (s *Signer) observe() (forget func()) {
	meter := otel.Meter("coso/services/platform/checkpoint")
	service := metric.WithAttributeSet(attribute.NewSet(attribute.String("service", s.store.Service())))
	alarm, err1 := meter.Int64ObservableGauge("coso.checkpoint.alarm", metric.WithUnit("1"),
		metric.WithDescription("1: the last checkpoint could not be signed or written."))
	signed, err2 := meter.Int64ObservableGauge("coso.checkpoint.position", metric.WithUnit("{entry}"),
		metric.WithDescription("Position of the journal's entry that was signed last; 0: none since the start."))
	registered, err3 := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		bad := int64(0)
		if s.trouble != nil {
			bad = 1
		}
		o.ObserveInt64(alarm, bad, service)
		o.ObserveInt64(signed, int64(s.position), service) //nolint:gosec // positions stay far below 2^63
		return nil
	}, alarm, signed)
	if err := errors.Join(err1, err2, err3); err != nil {
		otel.Handle(err)
		return func() {}
	}
	return func() {
		if err := registered.Unregister(); err != nil {
			otel.Handle(err)
		}
	}
}

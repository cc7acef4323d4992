package token

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// How an issuer elsewhere is asked for its keys, unless RemoteOptions say otherwise.
const (
	// RefreshAfter is how old keys become before the issuer is asked again.
	RefreshAfter = 5 * time.Minute
	// StaleAfter is how long keys are believed while the issuer cannot be asked: a key that was withdrawn meanwhile is
	// accepted for as long.
	StaleAfter = 6 * time.Hour
	// PauseBetween is the time from one question to the next at the least, whatever tokens come.
	PauseBetween = 5 * time.Second
	// TimeLimit bounds one question.
	TimeLimit = 5 * time.Second

	longestPause = time.Minute
)

var errOwnTransport = errors.New("the installation's own keys are read by a transport that proves whose they are, from the gateway alone")

// RemoteOptions say where the keys of an issuer are.
type RemoteOptions struct {
	// Issuer is the issuer's URL. It is asked where its keys are (OpenID Connect Discovery 1.0), unless JWKS says so.
	Issuer string
	// JWKS is the URL of its keys; empty: ask the issuer.
	JWKS string
	// Transport carries the questions; nil: a transport of its own, with the machine's roots and proxy. For OwnIssuer there must be
	// one, which proves whose keys are read.
	Transport http.RoundTripper
	// Logger is told when the keys cannot be read, and when they can be again.
	Logger *slog.Logger
	// Now is the clock by which keys grow old; nil: the machine's.
	Now func() time.Time
	// RefreshAfter, StaleAfter, PauseBetween and TimeLimit replace the constants of these names; zero: they hold.
	RefreshAfter, StaleAfter, PauseBetween, TimeLimit time.Duration
}

func (o *RemoteOptions) complete() error {
	if o.Logger == nil {
		return errors.New("the keys of an issuer need a logger")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, d := range []struct {
		set   *time.Duration
		usual time.Duration
	}{
		{&o.RefreshAfter, RefreshAfter}, {&o.StaleAfter, StaleAfter}, {&o.PauseBetween, PauseBetween}, {&o.TimeLimit, TimeLimit},
	} {
		if *d.set <= 0 {
			*d.set = d.usual
		}
	}
	return nil
}

// RemoteKeys are the keys that an issuer publishes by HTTPS (plain HTTP on this machine only). Run reads them and reads them
// again before they grow old. Safe for concurrent use.
type RemoteKeys struct {
	o     RemoteOptions
	fetch *fetcher
	wake  chan struct{}

	// last is the last set that was read; nil before.
	last atomic.Pointer[remoteSet]
	// why is why the last question failed; nil: it did not.
	why atomic.Pointer[error]
	// failing is whether the last question failed; of Run alone.
	failing bool

	mu sync.Mutex
	// asked is when the last question began.
	asked time.Time
	// answer is closed when the question that is wanted or under way has been answered; nil: there is none.
	answer  chan struct{}
	running bool
}

// remoteSet is what an issuer has answered, and when.
type remoteSet struct {
	keys keySet
	read time.Time
}

// NewRemoteKeys returns the keys of an issuer. Until Run has read them there are none. An error says which URL cannot be
// used.
func NewRemoteKeys(o RemoteOptions) (*RemoteKeys, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if o.Issuer == OwnIssuer && o.Transport == nil {
		return nil, errOwnTransport
	}
	fetch, err := newFetcher(o)
	if err != nil {
		return nil, err
	}
	return &RemoteKeys{o: o, fetch: fetch, wake: make(chan struct{}, 1)}, nil
}

// Run reads the keys, and again when they grow old, when Refresh asks for it, and with growing pauses when they cannot be
// read. It returns nil when ctx ends; it must be called once.
func (r *RemoteKeys) Run(ctx context.Context) error {
	defer r.fetch.client.CloseIdleConnections()
	defer r.end()
	var pause time.Duration
	for ctx.Err() == nil {
		r.begin()
		set, unusable, err := r.fetch.keys(ctx)
		if ctx.Err() != nil {
			break
		}
		r.landed(set, err)
		r.tell(unusable, err)
		wait := r.o.RefreshAfter
		if pause = min(2*pause, longestPause); err == nil {
			pause = 0
		} else {
			pause = max(pause, r.o.PauseBetween)
			wait = min(wait, pause)
		}
		next := time.NewTimer(wait)
		select {
		case <-next.C:
		case <-r.wake:
		case <-ctx.Done():
		}
		next.Stop()
	}
	return nil
}

// begin notes that a question is under way.
func (r *RemoteKeys) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running, r.asked = true, r.o.Now()
	select {
	case <-r.wake: // what was wanted is done now
	default:
	}
	if r.answer == nil {
		r.answer = make(chan struct{})
	}
}

// landed takes the answer to a question and tells those who wait for it. A set that was read replaces the one before, if
// it is empty too: an issuer may withdraw all its keys.
func (r *RemoteKeys) landed(set keySet, err error) {
	if err == nil {
		r.last.Store(&remoteSet{keys: set, read: r.o.Now()})
		r.why.Store(nil)
	} else {
		r.why.Store(&err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered()
}

// end lets nobody wait for an answer that will not come.
func (r *RemoteKeys) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = false
	r.answered()
}

func (r *RemoteKeys) answered() {
	if r.answer != nil {
		close(r.answer)
		r.answer = nil
	}
}

// tell logs an outage once, and its end.
func (r *RemoteKeys) tell(unusable []error, err error) {
	switch {
	case err != nil && !r.failing:
		r.o.Logger.Warn("the keys of an issuer cannot be read; trying on", "issuer", r.o.Issuer, "error", err)
	case err == nil && (r.failing || r.fetch.changed(unusable)):
		r.o.Logger.Info("the keys of an issuer were read", "issuer", r.o.Issuer, "unusable", errors.Join(unusable...))
	}
	r.failing = err != nil
}

// Key returns a key of the last set that was read, if that is not stale.
func (r *RemoteKeys) Key(id string, algorithm Algorithm) (*Key, bool) {
	last := r.believed()
	if last == nil {
		return nil, false
	}
	key, ok := last.keys[keyName{id, algorithm}]
	return key, ok
}

// believed returns the last set that was read; nil if there is none or it is stale.
func (r *RemoteKeys) believed() *remoteSet {
	if last := r.last.Load(); last != nil && r.o.Now().Sub(last.read) < r.o.StaleAfter {
		return last
	}
	return nil
}

// Healthy answers nil while there are keys to go by; else Unavailable (TOKEN_KEYS_UNAVAILABLE): none were read yet, or they have
// grown too old. It wraps why they could not be read, which callers elsewhere are not told.
func (r *RemoteKeys) Healthy() error {
	if r.believed() != nil {
		return nil
	}
	missing := fault.Unavailable(faultpb.Reason_REASON_TOKEN_KEYS_UNAVAILABLE, "", "name", r.o.Issuer)
	if why := r.why.Load(); why != nil {
		missing = missing.With(*why)
	}
	return missing
}

// Refresh has the issuer asked, unless it was asked less than PauseBetween ago, and waits for the answer; all who wait share
// one question.
func (r *RemoteKeys) Refresh(ctx context.Context) error {
	if answer := r.ask(); answer != nil {
		select {
		case <-answer:
		case <-ctx.Done():
			return fault.From(ctx.Err())
		}
	}
	return r.Healthy()
}

// ask returns what is closed at the next answer; nil: no question is due.
func (r *RemoteKeys) ask() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.running {
		return nil
	}
	if r.answer == nil && r.o.Now().Sub(r.asked) >= r.o.PauseBetween {
		r.answer = make(chan struct{})
		select {
		case r.wake <- struct{}{}:
		default: // woken already
		}
	}
	return r.answer
}

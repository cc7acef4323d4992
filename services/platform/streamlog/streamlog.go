// Package streamlog orders a service's journal in a JetStream stream, so that several stores may write it: the entry at
// position p is the stream's message p. It implements store.Log.
//
// What it rests on: a server acknowledges a message when it is on the disk, which servers do only if they are told to
// (sync_interval: always), and appends one only behind the sequence that the writer expects. So nothing is offered before
// all servers of the stream have been seen to sync, and the stream's settings are held against those it was made with.
//
// INV-LOG-PLACE: a message is offered for one place, by the sequence before it, and never with an id: a server would compare
// that before or after the sequence, as it happens.
// INV-LOG-OUTCOME: refused is only what certainly did not and will not get the place; everything that is not an answer is
// ErrUnknown.
// INV-LOG-WAY: while there is no connection nothing is offered: the client would keep it and send it at any later time.
// INV-LOG-SYNC: nothing is offered while one of the stream's servers has not been seen to sync every write, unless the
// operator accepts that for good. One that is away is taken to be as it was, and one that was down all along counts for nothing, until
// it comes back.
// INV-LOG-DRIFT: a stream whose settings are not those it was made with, that lies on fewer servers, lacks an entry that it held,
// or was made anew, is an alarm, and nothing is offered.
package streamlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/fault"
	"coso/services/platform/store"

	faultpb "coso/proto/gen/coso/fault/v1"
)

const (
	// askWait bounds one question to the servers.
	askWait = 5 * time.Second
	// lookEvery is how often settings and servers are looked at.
	lookEvery = time.Minute
	// metaIncarnation is the key in the stream's metadata that holds the UUID of the journal.
	metaIncarnation = "incarnation"
	// metaReplicas is the key that holds on how many servers it was made to lie. Who lowers that for good changes it too.
	metaReplicas = "replicas"
)

// ErrAbsent says that a service has no log; Make makes it.
var ErrAbsent = errors.New("the service has no log")

// StreamName is the name of the stream that holds a service's journal: `COSO_LOG_REGISTRY`.
func StreamName(service string) string { return "COSO_LOG_" + strings.ToUpper(service) }

// Subject is the subject of its messages: `coso-log.registry`.
func Subject(service string) string { return "coso-log." + service }

// Options say how a log is reached.
type Options struct {
	// JetStream is the connection that appends and reads.
	JetStream jetstream.JetStream
	// System is a connection as the servers' system account: it sees how they keep what they acknowledge. nil: nobody sees
	// it, so that nothing can be appended without AcceptLazySync.
	System *nats.Conn
	// AcceptLazySync appends although the servers have not been seen to sync. A power cut may then take what was acknowledged,
	// and the log says so for ever.
	AcceptLazySync bool
	// Service is the service's name: `registry`.
	Service string
	// Logger takes what an operator must know; nil: slog.Default.
	Logger *slog.Logger
}

// Shape is what an operator decides about a stream when it is made.
type Shape struct {
	// Replicas is on how many servers the log lies: 1, 3 or 5.
	Replicas int
	// MaxBytes is how large it may become; a full log refuses entries, and is made larger by an operator. 0: no limit of its own.
	MaxBytes int64
}

// Log is a service's log. Its methods are safe for concurrent use.
type Log struct {
	o           Options
	name        string
	subject     string
	incarnation uuid.UUID

	mu sync.Mutex
	// stream is where it lies, made when that was; nil: it has not been found yet.
	stream jetstream.Stream
	made   time.Time
	// drift is why the stream is not the one that was opened; asleep why its servers cannot be trusted to keep what they
	// acknowledge.
	drift, asleep error

	turns turns
	// copies is on how many servers the stream must lie at least: the most that were seen.
	copies atomic.Int64

	// looking is held by whoever looks; servers are what each said when it last answered, by name.
	looking sync.Mutex
	servers map[string]*answer
	// silent: not all servers of the stream answered the last look.
	silent atomic.Bool
}

var _ store.Log = (*Log)(nil)

// Make makes the log of a journal that begins, or opens it if it is there. Unavailable if the servers do not answer; DataLoss
// if there is one of another journal or with other settings.
func Make(ctx context.Context, o Options, incarnation uuid.UUID, shape Shape) (*Log, error) {
	asking, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	_, err := o.JetStream.CreateStream(asking, settings(o.Service, incarnation, shape))
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil, unavailable(o.Service, err)
	}
	l, err := Open(ctx, o)
	if err == nil && l.incarnation != incarnation {
		return nil, foreign(l.name, fmt.Errorf("it holds the journal %s, this one is %s", l.incarnation, incarnation))
	}
	return l, err
}

// Open opens the log of a service. ErrAbsent if there is none; Unavailable if the servers do not answer; DataLoss if its
// settings let it lose or change entries.
func Open(ctx context.Context, o Options) (*Log, error) {
	l := Of(o, uuid.Nil)
	if err := l.attach(ctx); err != nil {
		return nil, err
	}
	l.Look(ctx)
	return l, nil
}

// Of is the log of the journal of an incarnation, whether or not the servers answer now: it takes entries once Run has found the
// stream and its servers as they must be. Until then it is Unavailable; if the stream holds another journal, DataLoss.
func Of(o Options, incarnation uuid.UUID) *Log {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Logger = o.Logger.With("service", o.Service, "log", StreamName(o.Service))
	return &Log{
		o: o, name: StreamName(o.Service), subject: Subject(o.Service), incarnation: incarnation,
		asleep: errNotSeen, servers: map[string]*answer{}, turns: turns{turned: make(chan struct{}, 1)},
	}
}

// attach finds the stream. The first one found is the one for good.
func (l *Log) attach(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	stream, err := l.o.JetStream.Stream(asking, l.name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("%w: %s", ErrAbsent, l.name)
	case err != nil:
		return unavailable(l.o.Service, err)
	}
	info := stream.CachedInfo()
	id, err := uuid.Parse(info.Config.Metadata[metaIncarnation])
	if err != nil {
		return foreign(l.name, fmt.Errorf("it does not say whose journal it holds: %w", err))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.incarnation == uuid.Nil { // nobody has the log yet
		l.incarnation = id
	}
	l.made = info.Created
	if drift := l.drifted(info); drift != nil {
		return foreign(l.name, drift)
	}
	l.stream = stream
	return nil
}

// found is the stream; nil: it has not been found yet.
func (l *Log) found() jetstream.Stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stream
}

var errNotFound = errors.New("the log has not been found yet")

// Shared implements store.Log.
func (*Log) Shared() bool { return true }

// Incarnation implements store.Log.
func (l *Log) Incarnation() uuid.UUID { return l.incarnation }

// Append implements store.Log. Beside what that says it refuses, with a fault, what INV-LOG-SYNC and INV-LOG-DRIFT ask.
func (l *Log) Append(ctx context.Context, position uint64, entry []byte) error {
	if err := l.Sound(); err != nil {
		return err
	}
	if !l.o.JetStream.Conn().IsConnected() {
		return errNoWay
	}
	ack, err := l.o.JetStream.PublishMsg(ctx, &nats.Msg{Subject: l.subject, Data: entry, Header: nats.Header{}},
		jetstream.WithExpectStream(l.name), jetstream.WithExpectLastSequence(position-1), jetstream.WithRetryAttempts(0))
	if err != nil {
		return outcome(err)
	}
	if ack.Stream != l.name || ack.Sequence != position {
		return damaged(l.name, "an entry was offered for place %d and got %d of %s", position, ack.Sequence, ack.Stream)
	}
	return nil
}

var errNoWay = errors.New("NATS is away")

// Read implements store.Log. The servers that answer may be behind.
func (l *Log) Read(ctx context.Context, from uint64) (store.Placed, error) {
	if !l.o.JetStream.Conn().IsConnected() {
		return store.Placed{}, fmt.Errorf("%w: %w", store.ErrUnknown, errNoWay)
	}
	stream := l.found()
	if stream == nil {
		return store.Placed{}, fmt.Errorf("%w: %w", store.ErrUnknown, errNotFound)
	}
	m, err := stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(l.subject))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return store.Placed{}, store.ErrNothing
	case err != nil:
		return store.Placed{}, fmt.Errorf("%w: %w", store.ErrUnknown, err)
	}
	return store.Placed{Position: m.Sequence, Entry: m.Data}, nil
}

// Sound answers nil while the log takes entries. Otherwise it says why not: DataLoss when the stream's settings are not those
// it was made with, Unavailable while its servers have not been seen to sync every write.
func (l *Log) Sound() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.drift != nil:
		return foreign(l.name, l.drift)
	case l.stream == nil:
		return unavailable(l.o.Service, cmp.Or(l.asleep, errNotFound))
	case l.asleep != nil && !l.o.AcceptLazySync:
		return unavailable(l.o.Service, l.asleep)
	}
	return nil
}

// Lazy answers why a power cut may take what was acknowledged; nil: it may not. It is a warning where the operator accepts it.
func (l *Log) Lazy() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asleep
}

func unavailable(service string, err error) error {
	return fault.Unavailable(faultpb.Reason_REASON_JOURNAL_UNAVAILABLE, "").With(fmt.Errorf("log %s: %w", StreamName(service), err))
}

// foreign is the alarm that a stream does not hold what it should, or may lose it.
func foreign(name string, why error) error {
	reason := faultpb.Reason_REASON_STREAM_FOREIGN
	if _, ok := errors.AsType[changedError](why); ok {
		reason = faultpb.Reason_REASON_STREAM_CHANGED
	}
	return fault.DataLoss(reason, "", "name", name).With(fmt.Errorf("log %s: %w", name, why))
}

func damaged(name, format string, args ...any) error {
	return fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "", "name", name).With(fmt.Errorf(format, args...))
}

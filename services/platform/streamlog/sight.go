package streamlog

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/store"
)

// Sight is what the servers said of a log when they were last asked.
type Sight struct {
	// Last is the position of its last entry.
	Last uint64
	// Leader is the server that leads its stream; empty where there is one server only, or none leads.
	Leader string
}

// turns counts what may have made the log another one than it was.
type turns struct {
	mu   sync.Mutex
	n    uint64
	seen bool
	last Sight
	// turned is told of each; one that nobody has taken yet is enough.
	turned chan struct{}
}

// note keeps what was seen; another leader, or an end before one that was seen, is a turn.
func (t *turns) note(s Sight) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen && (s.Leader != t.last.Leader || s.Last < t.last.Last) {
		t.turn()
	}
	t.seen, t.last = true, s
}

// turn counts one. The lock is held.
func (t *turns) turn() {
	t.n++
	select {
	case t.turned <- struct{}{}:
	default:
	}
}

func (t *turns) elected() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn()
}

func (t *turns) count() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// Turn is a number that is another one whenever the log may have become another one than it was: the connection was lost and came
// back, its stream has a new leader, or it ends before where it ended. It asks nobody: of what happens at the servers it knows
// from See and Elections.
func (l *Log) Turn() uint64 { return l.turns.count() + l.o.JetStream.Conn().Stats().Reconnects }

// See asks the servers where the log ends and who leads it. An isolated server that led it answers as before for 10 to 20
// seconds, so what is missing in the answer may be there. ErrUnknown without an answer. What it finds drifted is in Sound.
func (l *Log) See(ctx context.Context) (Sight, error) {
	if !l.o.JetStream.Conn().IsConnected() {
		return Sight{}, fmt.Errorf("%w: %w", store.ErrUnknown, errNoWay)
	}
	stream := l.found()
	if stream == nil {
		return Sight{}, fmt.Errorf("%w: %w", store.ErrUnknown, errNotFound)
	}
	info, err := stream.Info(ctx)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		l.noteDrift(errGone)
	}
	if err != nil {
		return Sight{}, fmt.Errorf("%w: %w", store.ErrUnknown, err)
	}
	s := Sight{Last: info.State.LastSeq}
	if info.Cluster != nil {
		s.Leader = info.Cluster.Leader
	}
	l.turns.note(s)
	l.noteDrift(l.drifted(info))
	return s, nil
}

// Elections hears from the servers that the stream has a new leader, which is a new Turn, and calls told then; it does not wait
// for See to notice. Where the process may not listen to $JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED it hears nothing.
func (l *Log) Elections(told func()) (stop func(), err error) {
	s, err := l.o.JetStream.Conn().Subscribe("$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED."+l.name, func(*nats.Msg) {
		l.turns.elected()
		told()
	})
	if err != nil {
		return nil, fmt.Errorf("log %s: listen to elections: %w", l.name, err)
	}
	return func() { _ = s.Unsubscribe() }, nil // it fails when the connection is gone, and with it the subscription
}

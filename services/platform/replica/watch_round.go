package replica

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/status"

	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
	"coso/services/platform/wait"

	replicapb "coso/proto/gen/coso/replica/v1"
)

const (
	// askPeer bounds the question to another replica, seeLog the one to the log.
	askPeer = time.Second
	seeLog  = 2 * time.Second
	// lookAgain is after how long the log is asked once more that seems to end too early, at most looks times: an entry reaches
	// those who tail a moment before the server that leads says so.
	lookAgain = 100 * time.Millisecond
	looks     = 5
)

// view is what a replica found of another one.
type view struct {
	name     string
	relation replicapb.Relation
	// sameEntries: both hold the same entry at compared, whatever of their tables; digests: they could compare these too.
	sameEntries, digests bool
	compared             uint64
	state                *replicapb.ReplicaState
	silence              error
}

func (v *view) position() uint64 { return v.state.GetNow().GetPosition() }

// picture is what one round showed.
type picture struct {
	// turn is the log's, before anybody was asked.
	turn uint64
	own  store.State
	// writer wrote the last entry that this replica holds.
	writer string
	views  []*view
	sight  streamlog.Sight
	// away is why the log did not answer.
	away error
	judgement
}

// round asks the other replicas and then the log, and draws the consequences.
func (w *Watch) round(ctx context.Context) {
	w.asking.Lock()
	defer w.asking.Unlock()
	s := w.store.Load()
	p := &picture{turn: w.o.Log.Turn(), own: s.State(), writer: s.Head().GetWriter()}
	p.views = w.askAll(ctx, p.own)
	for _, v := range p.views {
		w.compare(s, p.own, v)
	}
	for n := 0; ; n++ { // after the others have said what they hold: then the log holds it too
		p.sight, p.away = w.see(ctx)
		if p.away != nil || n == looks || !p.beyond() || wait.For(ctx, lookAgain) != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return // nobody had the time to answer
	}
	p.judge(w.o.Replica)
	w.conclude(s, p)
}

func (w *Watch) see(ctx context.Context) (streamlog.Sight, error) {
	ctx, cancel := context.WithTimeout(ctx, seeLog)
	defer cancel()
	return w.o.Log.See(ctx)
}

// askAll asks all others at once what they hold and held.
func (w *Watch) askAll(ctx context.Context, own store.State) []*view {
	ctx, cancel := context.WithTimeout(ctx, askPeer)
	defer cancel()
	views := make([]*view, len(w.names))
	var all sync.WaitGroup
	for i, name := range w.names {
		views[i] = &view{name: name, relation: replicapb.Relation_RELATION_SILENT}
		all.Go(func() {
			views[i].state, views[i].silence = replicapb.NewReplicaServiceClient(w.o.Peers[name]).GetReplicaState(ctx,
				&replicapb.GetReplicaStateRequest{Positions: []uint64{own.Position}})
		})
	}
	all.Wait()
	return views
}

// compare finds how another replica stands to this one, at the last position that both hold.
func (w *Watch) compare(s *store.Store, own store.State, v *view) {
	if v.silence != nil {
		v.silence = silenceOf(v.silence)
		return
	}
	there, here := v.state.GetNow(), &own
	v.compared = there.GetPosition()
	switch {
	case v.state.GetService() != w.o.Service || v.state.GetReplica() != v.name:
		v.silence = fault.Internal(errOther(v))
		return
	case there.GetIncarnation() != own.Incarnation.String():
		v.relation = replicapb.Relation_RELATION_FOREIGN
		return
	case there.GetPosition() > own.Position:
		v.compared, there = own.Position, nil
		for _, at := range v.state.GetAt() {
			if at.GetPosition() == own.Position {
				there = at
			}
		}
	case there.GetPosition() < own.Position:
		var err error
		if here, err = s.StateAt(there.GetPosition()); err != nil {
			v.silence = err // its own journal cannot be read: then it is this replica that cannot say
			return
		}
	}
	v.relate(here, there)
}

// silenceOf is why a call got no answer: the refusal of who was asked, or what the way there says.
func silenceOf(err error) error {
	st := status.Convert(err)
	if e := fault.From(fault.FromStatus(st)); e.Err == nil {
		return e
	}
	return errors.New(st.Message())
}

// relate holds two states at one position against each other.
func (v *view) relate(here *store.State, there *replicapb.StateAt) {
	v.sameEntries = there != nil && bytes.Equal(there.GetEntryHash(), here.Hash)
	v.digests = len(there.GetDigest()) > 0 && here.Known
	switch {
	case !v.sameEntries, v.digests && !bytes.Equal(there.GetDigest(), here.Digest[:]):
		v.relation = replicapb.Relation_RELATION_DIFFERS
	case v.state.GetSetAside():
		v.relation = replicapb.Relation_RELATION_ASIDE
	default:
		v.relation = replicapb.Relation_RELATION_SAME
	}
}

// conclude keeps what a round showed and does what it asks for.
func (w *Watch) conclude(s *store.Store, p *picture) {
	p.last(&w.ahead, time.Now(), w.o.AheadFor)
	if p.aside != nil {
		_ = s.SetAside(p.aside) // it says so itself
	}
	w.mu.Lock()
	before := w.last
	w.last = p
	w.hear(p)
	switch {
	case p.agreement == nil:
		w.agreed, w.agreedAt = true, p.turn
		w.accepted = nil
	case p.blocked != nil:
		w.agreed = false
	}
	close(w.ended)
	w.ended = make(chan struct{})
	w.mu.Unlock()
	if p.agreement == nil && w.o.Log.Sound() == nil {
		s.LogAnswers()
	}
	w.tell(before, p)
}

// hear keeps how far the journal goes. The caller holds mu.
func (w *Watch) hear(p *picture) {
	furthest := max(p.furthest(), p.sight.Last)
	if p.away != nil {
		furthest = max(furthest, w.end)
	}
	w.end = furthest
	w.heard = w.heard || p.away == nil || slices.ContainsFunc(p.views, func(v *view) bool {
		return v.relation != replicapb.Relation_RELATION_SILENT && v.relation != replicapb.Relation_RELATION_FOREIGN
	})
}

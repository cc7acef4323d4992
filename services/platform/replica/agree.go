package replica

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"

	faultpb "coso/proto/gen/coso/fault/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
)

// permitWait is how long an entry waits for a round that may permit it: shorter than a store waits for its log, and longer than
// a round takes in which another replica does not answer.
const permitWait = 1500 * time.Millisecond

// guarded is the service's log for this replica: it takes an entry once a majority holds the same (INV-REPLICA-AGREES).
type guarded struct {
	*streamlog.Log

	w *Watch
}

// Log is the log on which the watched store is opened: the service's, which takes this replica's entries while it may write. A
// refusal is Unavailable: AGREEMENT_MISSING, REPLICAS_DIVIDED or LOG_WENT_BACK.
func (w *Watch) Log() store.Log { return guarded{w.o.Log, w} }

// Append implements store.Log.
func (g guarded) Append(ctx context.Context, position uint64, entry []byte) error {
	if err := g.w.permit(ctx); err != nil {
		return err
	}
	return g.Log.Append(ctx, position, entry)
}

// permit answers nil while this replica may write. Where the log has taken a turn since the last round, it waits for the next.
func (w *Watch) permit(ctx context.Context) error {
	t := time.NewTimer(permitWait)
	defer t.Stop()
	for {
		w.mu.Lock()
		settled, why := w.refusal()
		ended := w.ended
		w.mu.Unlock()
		if why == nil || settled {
			return why
		}
		w.poke()
		select {
		case <-ended:
		case <-t.C:
			return why
		case <-ctx.Done():
			return why
		}
	}
}

// refusal answers why this replica may not write; nil: it may. settled is false if nobody has looked since the log's last turn.
// The caller holds mu.
func (w *Watch) refusal() (settled bool, why error) {
	turn := w.o.Log.Turn()
	switch {
	case w.last == nil:
		p := &picture{judgement: judgement{have: 1, need: (1+len(w.names))/2 + 1}}
		return false, p.missing()
	case w.last.aside != nil:
		return true, w.last.aside
	case w.accepted != nil && w.last.turn == turn:
		return true, w.last.unacceptable()
	case w.accepted != nil:
		return false, w.last.missing()
	case w.last.blocked != nil:
		return w.last.turn == turn, w.last.blocked
	case w.agreed && w.agreedAt == turn:
		return true, nil
	case w.last.turn == turn:
		return true, w.last.agreement
	}
	return false, w.last.missing()
}

// AcceptReplicas lets this replica write without a majority. The command that says so is refused as any other while that must not
// be (INV-REPLICA-ACCEPTED).
func (w *Watch) AcceptReplicas(ctx context.Context, req *replicapb.AcceptReplicasRequest) (*replicapb.ReplicaReport, error) {
	s := w.store.Load()
	w.round(ctx)
	w.mu.Lock()
	p := w.last
	w.mu.Unlock()
	switch {
	case s.Aside() != nil:
		return nil, fault.FailedPrecondition(faultpb.Reason_REASON_REPLICA_SET_ASIDE, "").With(s.Aside())
	case p == nil:
		return nil, fault.From(ctx.Err())
	case p.agreement == nil:
		return nil, fault.FailedPrecondition(faultpb.Reason_REASON_AGREEMENT_NOT_NEEDED, "", "name", w.o.Service)
	}
	a := &replicapb.Acceptance{
		Name: fmt.Sprintf("%s/%d", w.o.Replica, p.own.Position), Reason: req.GetReason(), Missing: p.others(),
	}
	before := w.accept(a) // without it the command would not be taken
	kept, err := store.Update(ctx, s, req, func(tx *store.Tx) (*replicapb.Acceptance, error) {
		kept := proto.CloneOf(a)
		kept.CreateTime = timestamppb.New(tx.At())
		return kept, store.PutAcceptance(tx, kept)
	})
	if err != nil {
		w.accept(before)
		return nil, err
	}
	w.accept(kept)
	w.o.Logger.WarnContext(ctx, "an operator lets this replica write without the agreement of a majority, until one agrees or the process ends",
		"reason", req.GetReason(), "missing", a.GetMissing())
	return w.GetReplicaReport(ctx, &replicapb.GetReplicaReportRequest{})
}

// accept puts a decision into force, and answers the one that was.
func (w *Watch) accept(a *replicapb.Acceptance) (before *replicapb.Acceptance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, w.accepted = w.accepted, a
	return before
}

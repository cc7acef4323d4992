package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"

	faultpb "coso/proto/gen/coso/fault/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
)

// GetReplicaState answers the other replicas of the service, and the operator's socket.
func (w *Watch) GetReplicaState(ctx context.Context, req *replicapb.GetReplicaStateRequest) (*replicapb.ReplicaState, error) {
	if p, _ := access.From(ctx); p != access.Service(w.o.Service) && p.Name != access.Operator {
		return nil, fault.PermissionDenied(faultpb.Reason_REASON_SERVICES_ONLY, "")
	}
	s := w.store.Load()
	if s == nil {
		return nil, fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
	}
	out := w.stateOf(s)
	for _, position := range req.GetPositions() {
		at, err := s.StateAt(position)
		if err != nil {
			return nil, err
		}
		if at != nil {
			out.At = append(out.At, stateAt(*at))
		}
	}
	return out, nil
}

func (w *Watch) stateOf(s *store.Store) *replicapb.ReplicaState {
	out := &replicapb.ReplicaState{
		Service: w.o.Service, Replica: w.o.Replica, Now: stateAt(s.State()), Writer: s.Head().GetWriter(), SetAside: s.Aside() != nil,
	}
	w.mu.Lock()
	if w.last != nil {
		out.LogPosition = w.last.sight.Last
	}
	w.mu.Unlock()
	if err := cmp.Or(s.Aside(), s.Halted()); err != nil {
		out.Halted = trouble(err)
	}
	return out
}

func stateAt(s store.State) *replicapb.StateAt {
	out := &replicapb.StateAt{Position: s.Position, Incarnation: s.Incarnation.String(), EntryHash: s.Hash}
	if s.Known {
		out.Digest = s.Digest[:]
	}
	return out
}

// trouble is an error as a report has it; nil for nil.
func trouble(err error) *replicapb.Trouble {
	e := fault.From(err)
	if e == nil {
		return nil
	}
	out := &replicapb.Trouble{Reason: e.Reason, TextVi: e.MsgVi, TextEn: e.Msg}
	if e.Err != nil {
		out.Detail = e.Err.Error()
	}
	return out
}

// GetReplicaReport asks all once more and answers how they do.
func (w *Watch) GetReplicaReport(ctx context.Context, _ *replicapb.GetReplicaReportRequest) (*replicapb.ReplicaReport, error) {
	s := w.store.Load()
	if s == nil {
		return nil, fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
	}
	w.round(ctx)
	w.mu.Lock()
	p, accepted := w.last, w.accepted
	_, why := w.refusal()
	w.mu.Unlock()
	if p == nil {
		return nil, fault.From(ctx.Err())
	}
	if why != nil {
		accepted = nil // it is not in force (INV-REPLICA-ACCEPTED)
	}
	out := &replicapb.ReplicaReport{
		Service: w.o.Service, Replica: w.o.Replica, Log: w.logReport(p),
		Agreement: &replicapb.Agreement{
			Present: why == nil, Have: uint32(p.have), Need: uint32(p.need), Missing: trouble(why), Acceptance: accepted, //nolint:gosec // a handful
		},
		Replicas: []*replicapb.ReplicaView{{Replica: w.o.Replica, Relation: replicapb.Relation_RELATION_SELF, State: w.stateOf(s)}},
	}
	for _, v := range p.views {
		one := &replicapb.ReplicaView{
			Replica: v.name, Relation: v.relation, State: v.state, ComparedPosition: v.compared, DigestsCompared: v.digests,
		}
		if v.silence != nil {
			one.Silence = v.silence.Error()
		}
		out.Replicas = append(out.Replicas, one)
	}
	slices.SortFunc(out.GetReplicas(), func(a, b *replicapb.ReplicaView) int { return strings.Compare(a.GetReplica(), b.GetReplica()) })
	return out, nil
}

func (w *Watch) logReport(p *picture) *replicapb.LogReport {
	out := &replicapb.LogReport{
		Stream: streamlog.StreamName(w.o.Service), LastPosition: p.sight.Last, Leader: p.sight.Leader,
		Unsound: trouble(w.o.Log.Sound()),
	}
	if p.away != nil {
		out.Away = trouble(fault.Unavailable(faultpb.Reason_REASON_JOURNAL_UNAVAILABLE, "").With(p.away))
	}
	if lazy := w.o.Log.Lazy(); lazy != nil && out.GetUnsound() == nil {
		out.Lazy = trouble(fault.Unavailable(faultpb.Reason_REASON_JOURNAL_UNAVAILABLE, "").With(lazy))
	}
	return out
}

// tell logs what a round shows for the first time.
func (w *Watch) tell(before, now *picture) {
	old := &picture{}
	if before != nil {
		old = before
	}
	switch {
	case now.blocked != nil && said(old.blocked) == said(now.blocked):
	case fault.ReasonOf(now.blocked) == faultpb.Reason_REASON_LOG_BEHIND:
		w.o.Logger.Warn("this replica writes nothing while the log shows less than replicas hold", "error", explained(now.blocked))
	case now.blocked != nil:
		w.o.Logger.Error("this replica writes nothing; an operator must look: coso doctor", "error", explained(now.blocked))
	case now.blocked == nil && old.blocked != nil:
		w.o.Logger.Info("the replicas and the log go together again")
	case now.agreement != nil && (before == nil || old.agreement == nil):
		w.o.Logger.Warn("too few replicas hold the same as this one; once the way to the log changes it writes nothing", "have", now.have, "need", now.need,
			"error", explained(now.agreement))
	case now.agreement == nil && old.agreement != nil:
		w.o.Logger.Info("a majority of the replicas holds the same as this one", "have", now.have, "need", now.need)
	}
	if now.blocked == nil && now.differences() != "" && old.differences() != now.differences() {
		w.o.Logger.Error("another replica holds another state than the majority; an operator must look: coso doctor", "which", now.differences())
	}
}

// said is what an error says, without what changes from round to round.
func said(err error) string {
	if err == nil {
		return ""
	}
	return fault.ReasonOf(err).String()
}

// explained is an error with its cause.
func explained(err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Err != nil {
		return fmt.Errorf("%s (%w)", e.Msg, e.Err)
	}
	return err
}

// errOther says that who answers is not who was asked.
func errOther(v *view) error {
	return fmt.Errorf("at the address of %s answers replica %q of %q; mend the addresses of the replicas", v.name, v.state.GetReplica(), v.state.GetService())
}

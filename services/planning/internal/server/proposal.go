package server

import (
	"context"
	"slices"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/records"
	"coso/services/planning/internal/target"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/foureyes"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
)

// AssignTarget proposes the value that is to count.
func (s *Server) AssignTarget(ctx context.Context, req *planningpb.AssignTargetRequest) (*planningpb.Target, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*planningpb.Target, error) {
		cur, err := records.Targets.CurrentFor(tx, access.TargetsPropose, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		next, event, err := target.Propose(cur, req, foureyes.Act{By: tx.Actor(), At: tx.At(), Request: req.GetRequestId()})
		if err != nil {
			return nil, err
		}
		return records.Targets.Put(tx, next, event)
	})
}

// ApproveTarget lets what is proposed count, and judges it.
func (s *Server) ApproveTarget(ctx context.Context, req *planningpb.ApproveTargetRequest) (*planningpb.Target, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*planningpb.Target, error) {
		cur, err := records.Targets.CurrentFor(tx, access.TargetsApprove, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		next, err := approve(tx, cur)
		if err != nil {
			return nil, err
		}
		return next, s.atlas.Judge(tx, next)
	})
}

// BatchApproveTargets approves what is proposed for several targets, all or none, and judges them together.
func (s *Server) BatchApproveTargets(
	ctx context.Context, req *planningpb.BatchApproveTargetsRequest,
) (*planningpb.BatchApproveTargetsResponse, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*planningpb.BatchApproveTargetsResponse, error) {
		seen := map[string]bool{}
		found, err := rpc.Each(req.GetRequests(), func(_ int, r *planningpb.ApproveTargetRequest) (*planningpb.Target, error) {
			if seen[r.GetName()] {
				return nil, fault.InvalidArgument(faultpb.Reason_REASON_DUPLICATE_IN_BATCH, "name", "value", r.GetName())
			}
			seen[r.GetName()] = true
			return records.Targets.CurrentFor(tx, access.TargetsApprove, r.GetName(), r.GetEtag())
		})
		if err != nil {
			return nil, err
		}
		// In whose stead all of it is done is known only now that every unit was asked for.
		approved, err := rpc.Each(req.GetRequests(), func(i int, _ *planningpb.ApproveTargetRequest) (*planningpb.Target, error) {
			return approve(tx, found[i])
		})
		if err != nil {
			return nil, err
		}
		return &planningpb.BatchApproveTargetsResponse{Targets: approved}, s.atlas.Judge(tx, slices.Clone(approved)...)
	})
}

func approve(tx *store.Tx, cur *planningpb.Target) (*planningpb.Target, error) {
	next, event, err := target.Approve(cur, tx.Actor())
	if err != nil {
		return nil, err
	}
	return records.Targets.Put(tx, next, event)
}

// RejectTarget puts aside what is proposed. Nothing that counts has changed, so nothing is judged.
func (s *Server) RejectTarget(ctx context.Context, req *planningpb.RejectTargetRequest) (*planningpb.Target, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*planningpb.Target, error) {
		cur, err := records.Targets.CurrentFor(tx, access.TargetsApprove, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		next, event, err := target.Reject(cur, req, tx.Actor())
		if err != nil {
			return nil, err
		}
		return records.Targets.Put(tx, next, event)
	})
}

// WithdrawTargetProposal takes back what the caller proposed.
func (s *Server) WithdrawTargetProposal(
	ctx context.Context, req *planningpb.WithdrawTargetProposalRequest,
) (*planningpb.Target, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*planningpb.Target, error) {
		cur, err := records.Targets.CurrentFor(tx, access.TargetsPropose, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		next, event, err := target.WithdrawProposal(cur, tx.Actor())
		if err != nil {
			return nil, err
		}
		return records.Targets.Put(tx, next, event)
	})
}

// decider says of targets whether the caller may decide what is proposed for them.
type decider struct {
	by    access.Principal
	power store.Power
	// err is why one of them could not be told.
	err error
}

// deciding is a decider if the request asks for it, else one who lets everything pass.
func deciding(tx *store.ReadTx, req *planningpb.ListTargetsRequest) (d *decider, err error) {
	d = &decider{by: tx.Principal()}
	if req.GetDecidable() {
		d.power, err = tx.Power()
	}
	return d, err
}

func (d *decider) may(t *planningpb.Target) bool {
	if d.power == nil {
		return true
	}
	if t.GetProposal() == nil || d.err != nil {
		return false
	}
	by := d.by
	basis, err := d.power.At(access.TargetsApprove, t.GetUnit())
	if d.err = err; !basis.Own && basis.Held() {
		by.OnBehalfOf = basis.Steads[0] // as Tx.Actor has it
	}
	return basis.Held() && target.Decidable(t, by)
}

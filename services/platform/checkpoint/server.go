package checkpoint

import (
	"context"

	"google.golang.org/grpc/peer"

	"coso/services/platform/fault"

	checkpointpb "coso/proto/gen/coso/checkpoint/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
)

// Server implements coso.checkpoint.v1.CheckpointService over one signer.
type Server struct {
	checkpointpb.UnimplementedCheckpointServiceServer

	signer *Signer
}

// NewServer lets an operator ask a signer.
func NewServer(s *Signer) *Server { return &Server{signer: s} }

// SignCheckpoint signs as Signer.Sign does, with its errors. PermissionDenied unless it is asked by a Unix socket.
func (s *Server) SignCheckpoint(ctx context.Context, _ *checkpointpb.SignCheckpointRequest) (*checkpointpb.Checkpoint, error) {
	if p, ok := peer.FromContext(ctx); !ok || p.Addr == nil || p.Addr.Network() != "unix" {
		return nil, fault.PermissionDenied(faultpb.Reason_REASON_OPERATOR_ONLY, "")
	}
	signed, err := s.signer.Sign(ctx)
	if err != nil {
		return nil, err
	}
	return &checkpointpb.Checkpoint{
		Service: s.signer.store.Service(), Note: signed.Note, VerifierKey: signed.Verifier, File: signed.File, Fresh: signed.Fresh,
	}, nil
}

package checkpoint

import (
	"context"

	checkpointpb "coso/proto/gen/coso/checkpoint/v1"
)

// Server implements coso.checkpoint.v1.CheckpointService over one signer.
type Server struct {
	checkpointpb.UnimplementedCheckpointServiceServer

	signer *Signer
}

// NewServer lets an operator ask a signer.
func NewServer(s *Signer) *Server { return &Server{signer: s} }

// SignCheckpoint signs as Signer.Sign does, with its errors. That it is asked by the operator's socket, the chain sees to.
func (s *Server) SignCheckpoint(ctx context.Context, _ *checkpointpb.SignCheckpointRequest) (*checkpointpb.Checkpoint, error) {
	signed, err := s.signer.Sign(ctx)
	if err != nil {
		return nil, err
	}
	return &checkpointpb.Checkpoint{
		Service: s.signer.store.Service(), Note: signed.Note, VerifierKey: signed.Verifier, File: signed.File, Fresh: signed.Fresh,
	}, nil
}

// Package server answers award's gRPC methods, one file per noun, in the order of the proto files. A method is one
// store.View: nominations are written by package follow alone.
package server

import (
	"google.golang.org/grpc"

	awardpb "coso/proto/gen/coso/award/v1"
	"coso/services/platform/store"
)

// Server answers all methods of award. It is safe for concurrent use.
type Server struct {
	awardpb.UnimplementedNominationServiceServer
	store *store.Store
}

// Register registers award's services, answered from s.
func Register(r grpc.ServiceRegistrar, s *store.Store) {
	awardpb.RegisterNominationServiceServer(r, &Server{store: s})
}

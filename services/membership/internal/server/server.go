// Package server answers membership's gRPC methods, one file per noun, in the order of the proto files. A method is one
// store.Update or one store.View: read what the rule needs, ask the rule, put what it says. It decides nothing itself.
//
// Rules and tables name the fields of a resource; where the resource is a part of the request, the method says so with
// fault.In, so that a refusal names the field as the caller wrote it: `requests[3].intake.admittedOn`.
//
// An update that changes nothing is no change: it answers the resource as it is, without revision, history or event.
package server

import (
	"google.golang.org/grpc"

	membershippb "coso/proto/gen/coso/membership/v1"
	"coso/services/platform/store"
)

// Server answers all methods of membership. It is safe for concurrent use.
type Server struct {
	membershippb.UnimplementedIntakeServiceServer
	store *store.Store
}

// Register registers membership's services, answered from s.
func Register(r grpc.ServiceRegistrar, s *store.Store) {
	membershippb.RegisterIntakeServiceServer(r, &Server{store: s})
}

// Package server answers planning's gRPC methods, one file per noun, in the order of the proto files. A method is one
// store.Update or one store.View: read what the rule needs, ask the rule, put what it says. It decides nothing itself.
//
// Rules and tables name the fields of a resource; where the resource is a part of the request, the method says so with
// fault.In, so that a refusal names the field as the caller wrote it: `requests[3].target.unit`.
//
// An update that changes nothing is no change: it answers the resource as it is, without revision, history or event. A
// command that may bring a crossing judges the targets it concerns before it ends.
package server

import (
	"google.golang.org/grpc"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/records"
	"coso/services/platform/store"
)

// Server answers all methods of planning. It is safe for concurrent use.
type Server struct {
	planningpb.UnimplementedIndicatorServiceServer
	planningpb.UnimplementedPeriodServiceServer
	planningpb.UnimplementedTargetServiceServer
	planningpb.UnimplementedProgressServiceServer
	store *store.Store
	atlas *records.Atlas
}

// Register registers planning's services, answered from s.
func Register(r grpc.ServiceRegistrar, s *store.Store, a *records.Atlas) {
	srv := &Server{store: s, atlas: a}
	planningpb.RegisterIndicatorServiceServer(r, srv)
	planningpb.RegisterPeriodServiceServer(r, srv)
	planningpb.RegisterTargetServiceServer(r, srv)
	planningpb.RegisterProgressServiceServer(r, srv)
}

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
	"fmt"

	"google.golang.org/grpc"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
)

// Server answers all methods of planning. It is safe for concurrent use.
type Server struct {
	planningpb.UnimplementedIndicatorServiceServer
	planningpb.UnimplementedPeriodServiceServer
	planningpb.UnimplementedTargetServiceServer
	planningpb.UnimplementedProgressServiceServer
	store *store.Store
}

// Register registers planning's services, answered from s.
func Register(r grpc.ServiceRegistrar, s *store.Store) {
	srv := &Server{store: s}
	planningpb.RegisterIndicatorServiceServer(r, srv)
	planningpb.RegisterPeriodServiceServer(r, srv)
	planningpb.RegisterTargetServiceServer(r, srv)
	planningpb.RegisterProgressServiceServer(r, srv)
}

// newNames chooses the names of what a batch creates, before its command runs: a closure may run again.
func newNames[R any](collection string, requests []R, id func(R) string) []string {
	names := make([]string, len(requests))
	for i, r := range requests {
		names[i] = collection + rpc.NewID(id(r))
	}
	return names
}

// each runs the requests of a batch in order, inside one command. The first refusal ends it and names its request; only
// the batch may carry a request id.
func each[R interface{ GetRequestId() string }, T any](requests []R, create func(i int, r R) (T, error)) ([]T, error) {
	out := make([]T, 0, len(requests))
	for i, r := range requests {
		at := fmt.Sprintf("requests[%d]", i)
		if r.GetRequestId() != "" {
			return nil, fault.InvalidArgument(faultpb.Reason_REASON_REQUEST_ID_IN_BATCH, at+".requestId")
		}
		made, err := create(i, r)
		if err != nil {
			return nil, fault.In(at, err)
		}
		out = append(out, made)
	}
	return out, nil
}

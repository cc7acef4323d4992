// Package server answers the registry's gRPC methods, one file per noun, in the order of the proto files. A method is one
// store.Update or one store.View: read what the rule needs, ask the rule, put what it says. It decides nothing itself.
//
// Rules and tables name the fields of a resource; where the resource is a part of the request, the method says so with
// fault.In, so that a refusal names the field as the caller wrote it: `requests[3].organisation.foundedOn`.
//
// An update that changes nothing is no change: it answers the resource as it is, without revision, history or event.
package server

import (
	"strings"

	"google.golang.org/grpc"

	operatorpb "coso/proto/gen/coso/operator/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
	"coso/services/platform/store"
	"coso/services/platform/text"
)

// Server answers all methods of the registry. It is safe for concurrent use.
type Server struct {
	registrypb.UnimplementedUnitServiceServer
	registrypb.UnimplementedEnterpriseServiceServer
	registrypb.UnimplementedOrganisationServiceServer
	registrypb.UnimplementedGrantServiceServer
	operatorpb.UnimplementedAdministratorServiceServer
	store  *store.Store
	takers Takers
}

// Register registers the registry's services, answered from s; takers says how far those who follow it have come.
func Register(r grpc.ServiceRegistrar, s *store.Store, takers Takers) {
	srv := &Server{store: s, takers: takers}
	registrypb.RegisterUnitServiceServer(r, srv)
	registrypb.RegisterEnterpriseServiceServer(r, srv)
	registrypb.RegisterOrganisationServiceServer(r, srv)
	registrypb.RegisterGrantServiceServer(r, srv)
	operatorpb.RegisterAdministratorServiceServer(r, srv)
}

// asOf reads the day a question is about; otherwise is meant where none is given.
func asOf(day string, otherwise civil.Date) (civil.Date, error) {
	if day == "" {
		return otherwise, nil
	}
	return civil.Field("asOf", day)
}

// containing says of a name whether it contains the query, whatever the case and diacritics.
func containing(query string) func(name string) bool {
	folded := text.Fold(query)
	return func(name string) bool { return folded == "" || strings.Contains(text.Fold(name), folded) }
}

package gateway

import (
	"context"
	"errors"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"

	awardpb "coso/proto/gen/coso/award/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	operationpb "coso/proto/gen/coso/operation/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	readingpb "coso/proto/gen/coso/reading/v1"
	registrypb "coso/proto/gen/coso/registry/v1"

	"coso/services/platform/fault"

	"coso/gateway/identity"
	"coso/gateway/internal/stream"
	"coso/gateway/internal/transcode"
)

// registrations put every service's routes on the mux.
func registrations(o Options) []transcode.Service {
	return []transcode.Service{
		registration(registrypb.UnitService_ServiceDesc, registrypb.RegisterUnitServiceHandlerClient, registrypb.NewUnitServiceClient, o.Registry),
		registration(registrypb.EnterpriseService_ServiceDesc, registrypb.RegisterEnterpriseServiceHandlerClient, registrypb.NewEnterpriseServiceClient, o.Registry),
		registration(registrypb.OrganisationService_ServiceDesc, registrypb.RegisterOrganisationServiceHandlerClient, registrypb.NewOrganisationServiceClient, o.Registry),
		registration(registrypb.GrantService_ServiceDesc, registrypb.RegisterGrantServiceHandlerClient, registrypb.NewGrantServiceClient, o.Registry),
		registration(membershippb.IntakeService_ServiceDesc, membershippb.RegisterIntakeServiceHandlerClient, membershippb.NewIntakeServiceClient, o.Membership),
		registration(planningpb.IndicatorService_ServiceDesc, planningpb.RegisterIndicatorServiceHandlerClient, planningpb.NewIndicatorServiceClient, o.Planning),
		registration(planningpb.PeriodService_ServiceDesc, planningpb.RegisterPeriodServiceHandlerClient, planningpb.NewPeriodServiceClient, o.Planning),
		registration(planningpb.TargetService_ServiceDesc, planningpb.RegisterTargetServiceHandlerClient, planningpb.NewTargetServiceClient, o.Planning),
		registration(planningpb.ProgressService_ServiceDesc, planningpb.RegisterProgressServiceHandlerClient, planningpb.NewProgressServiceClient, o.Planning),
		registration(awardpb.NominationService_ServiceDesc, awardpb.RegisterNominationServiceHandlerClient, awardpb.NewNominationServiceClient, o.Award),
		registration(identitypb.AccountService_ServiceDesc, identitypb.RegisterAccountServiceHandlerClient, identitypb.NewAccountServiceClient, o.Identity),
		registration(identitypb.SessionService_ServiceDesc, identitypb.RegisterSessionServiceHandlerClient, identitypb.NewSessionServiceClient, o.Identity),
		registration(identitypb.ApiTokenService_ServiceDesc, identitypb.RegisterApiTokenServiceHandlerClient, identitypb.NewApiTokenServiceClient, o.Identity),
		registration(operationpb.OperationService_ServiceDesc, operationpb.RegisterOperationServiceHandlerClient, operationpb.NewOperationServiceClient, byService(sources(o))),
		registration(readingpb.ReadingService_ServiceDesc, readingpb.RegisterReadingServiceHandlerClient, readingpb.NewReadingServiceClient,
			byService(append(sources(o), stream.Source{Name: identity.Name, Conn: o.Identity}))),
	}
}

// byService reaches each service by the name that a request gives: `services/registry/operations/…`, or the parent
// `services/registry`.
type byService []stream.Source

// Invoke calls the service that the request names. NOT_FOUND if there is none of that name.
func (b byService) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	field, name := "name", ""
	switch req := args.(type) {
	case interface{ GetName() string }:
		name = req.GetName()
	case interface{ GetParent() string }:
		field, name = "parent", req.GetParent()
	}
	for _, s := range b {
		if own := "services/" + s.Name; name == own || strings.HasPrefix(name, own+"/") {
			return s.Conn.Invoke(ctx, method, args, reply, opts...)
		}
	}
	return fault.ToStatus(fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, field, "name", name), "").Err()
}

var errNoStreams = errors.New("a stream whose service no request names")

// NewStream is an error: what is asked of a service by name are single calls.
func (byService) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errNoStreams
}

// sources are the services whose events clients may hear.
func sources(o Options) []stream.Source {
	return []stream.Source{
		{Name: "registry", Conn: o.Registry},
		{Name: "membership", Conn: o.Membership},
		{Name: "planning", Conn: o.Planning},
		{Name: "award", Conn: o.Award},
	}
}

// registration binds a service's generated registration to its client. The generated code does not use the context.
func registration[C any](
	desc grpc.ServiceDesc, register func(context.Context, *runtime.ServeMux, C) error,
	client func(grpc.ClientConnInterface) C, conn grpc.ClientConnInterface,
) transcode.Service {
	return transcode.Service{Name: desc.ServiceName, Register: func(mux *runtime.ServeMux) error {
		return register(context.Background(), mux, client(conn))
	}}
}

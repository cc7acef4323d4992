package gateway

import (
	"context"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"

	awardpb "coso/proto/gen/coso/award/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"

	"coso/gateway/internal/stream"
	"coso/gateway/internal/transcode"
)

// registrations put every service's routes on the mux.
func registrations(o Options) []transcode.Service {
	return []transcode.Service{
		registration(registrypb.UnitService_ServiceDesc, registrypb.RegisterUnitServiceHandlerClient, registrypb.NewUnitServiceClient, o.Registry),
		registration(registrypb.EnterpriseService_ServiceDesc, registrypb.RegisterEnterpriseServiceHandlerClient, registrypb.NewEnterpriseServiceClient, o.Registry),
		registration(registrypb.OrganisationService_ServiceDesc, registrypb.RegisterOrganisationServiceHandlerClient, registrypb.NewOrganisationServiceClient, o.Registry),
		registration(membershippb.IntakeService_ServiceDesc, membershippb.RegisterIntakeServiceHandlerClient, membershippb.NewIntakeServiceClient, o.Membership),
		registration(planningpb.IndicatorService_ServiceDesc, planningpb.RegisterIndicatorServiceHandlerClient, planningpb.NewIndicatorServiceClient, o.Planning),
		registration(planningpb.PeriodService_ServiceDesc, planningpb.RegisterPeriodServiceHandlerClient, planningpb.NewPeriodServiceClient, o.Planning),
		registration(planningpb.TargetService_ServiceDesc, planningpb.RegisterTargetServiceHandlerClient, planningpb.NewTargetServiceClient, o.Planning),
		registration(planningpb.ProgressService_ServiceDesc, planningpb.RegisterProgressServiceHandlerClient, planningpb.NewProgressServiceClient, o.Planning),
		registration(awardpb.NominationService_ServiceDesc, awardpb.RegisterNominationServiceHandlerClient, awardpb.NewNominationServiceClient, o.Award),
	}
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

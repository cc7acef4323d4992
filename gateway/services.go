package gateway

import (
	"context"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"

	awardpb "coso/proto/gen/coso/award/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// registrations put every service's routes on the mux.
func registrations(o Options) []func(*runtime.ServeMux) error {
	return []func(*runtime.ServeMux) error{
		registration(registrypb.RegisterUnitServiceHandlerClient, registrypb.NewUnitServiceClient, o.Registry),
		registration(registrypb.RegisterEnterpriseServiceHandlerClient, registrypb.NewEnterpriseServiceClient, o.Registry),
		registration(registrypb.RegisterOrganisationServiceHandlerClient, registrypb.NewOrganisationServiceClient, o.Registry),
		registration(membershippb.RegisterIntakeServiceHandlerClient, membershippb.NewIntakeServiceClient, o.Membership),
		registration(planningpb.RegisterIndicatorServiceHandlerClient, planningpb.NewIndicatorServiceClient, o.Planning),
		registration(planningpb.RegisterPeriodServiceHandlerClient, planningpb.NewPeriodServiceClient, o.Planning),
		registration(planningpb.RegisterTargetServiceHandlerClient, planningpb.NewTargetServiceClient, o.Planning),
		registration(planningpb.RegisterProgressServiceHandlerClient, planningpb.NewProgressServiceClient, o.Planning),
		registration(awardpb.RegisterNominationServiceHandlerClient, awardpb.NewNominationServiceClient, o.Award),
	}
}

// registration binds a service's generated registration to its client. The generated code does not use the context.
func registration[C any](
	register func(context.Context, *runtime.ServeMux, C) error, client func(grpc.ClientConnInterface) C, conn grpc.ClientConnInterface,
) func(*runtime.ServeMux) error {
	return func(mux *runtime.ServeMux) error { return register(context.Background(), mux, client(conn)) }
}

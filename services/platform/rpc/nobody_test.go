package rpc_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/access"
	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// INV-RPC-NOBODY: whoever shows nothing is nobody, whatever way he comes and whatever the caller's context holds. A handler
// never hears of him; what a token would not open says what would.
func TestWhoShowsNothingIsNobody(t *testing.T) {
	everyWay(t, func(b *bench) {
		b.units.during(func(context.Context, proto.Message) error {
			b.Error("a handler heard of nobody")
			return nil
		})
		ctx := access.With(b.Context(), access.Principal{Name: "principals/lan"})
		for way, conn := range map[string]grpc.ClientConnInterface{"shows nothing": b.bare, "in this process": b.ConnOf(access.Principal{})} {
			units, feed := registrypb.NewUnitServiceClient(conn), feedpb.NewFeedServiceClient(conn)
			_, read := units.GetUnit(ctx, &registrypb.GetUnitRequest{Name: "units/a"})
			_, write := units.CreateUnit(ctx, &registrypb.CreateUnitRequest{Unit: unit()})
			for _, err := range []error{read, write} {
				refused(b.T, err, fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_MISSING, "")
			}
			if _, head := feed.GetFeedHead(ctx, &feedpb.GetFeedHeadRequest{}); way != "shows nothing" || b.addr == "" { // there it is the gateway that calls
				refused(b.T, head, fault.KindPermissionDenied, faultpb.Reason_REASON_SERVICES_ONLY, "")
			}
			_, skip := feed.SkipEvent(ctx, &feedpb.SkipEventRequest{Source: "registry", Sequence: 1, Reason: "x"})
			refused(b.T, skip, fault.KindPermissionDenied, faultpb.Reason_REASON_OPERATOR_ONLY, "")
			if _, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}); err != nil {
				b.Errorf("%s: what is public: %v", way, err)
			}
		}
	})
}

// What is for services is for those who signed in no more than for nobody.
func TestSignedInIsNoService(t *testing.T) {
	everyWay(t, func(b *bench) {
		_, err := feedpb.NewFeedServiceClient(b.conn).GetFeedHead(b.Context(), &feedpb.GetFeedHeadRequest{})
		refused(b.T, err, fault.KindPermissionDenied, faultpb.Reason_REASON_SERVICES_ONLY, "")
	})
}

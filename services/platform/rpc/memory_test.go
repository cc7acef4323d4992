package rpc_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// A request is its caller's, on both ways: what the chain and the handler do to it, the caller does not see.
func TestRequestIsCopied(t *testing.T) {
	everyWay(t, func(b *bench) {
		b.units.during(func(_ context.Context, req proto.Message) error {
			if create, ok := req.(*registrypb.CreateUnitRequest); ok {
				create.Unit.DisplayName = "changed"
				create.Unit.Placements = append(create.GetUnit().GetPlacements(), &registrypb.Placement{Tree: "party", FromDate: "1995-10-28"})
			}
			return nil
		})
		req := &registrypb.CreateUnitRequest{Unit: unit()}
		before := proto.Clone(req)
		got, err := b.client().CreateUnit(b.Context(), req)
		if err != nil {
			b.Fatal(err)
		}
		if !proto.Equal(req, before) || got.GetDisplayName() != "changed" {
			b.Errorf("the request became %v, the answer is %v", req, got)
		}
	})
}

// INV-RPC-ANSWER-GIVEN: two answers share nothing, and an answer fills whatever message it is asked for in.
func TestAnswerIsTheCallers(t *testing.T) {
	everyWay(t, func(b *bench) {
		made, err := b.client().CreateUnit(b.Context(), &registrypb.CreateUnitRequest{Unit: unit()})
		if err != nil {
			b.Fatal(err)
		}
		get := func(into *registrypb.Unit) *registrypb.Unit {
			err := b.conn.Invoke(b.Context(), registrypb.UnitService_GetUnit_FullMethodName, &registrypb.GetUnitRequest{Name: made.GetName()}, into)
			if err != nil {
				b.Fatal(err)
			}
			return into
		}
		first := get(&registrypb.Unit{DisplayName: "stale", ClosedOn: "2020-01-01"})
		if !proto.Equal(first, made) {
			b.Errorf("answered %v, made %v", first, made)
		}
		first.CreateTime.Seconds = 0
		if second := get(&registrypb.Unit{}); !proto.Equal(second, made) {
			b.Errorf("changing an answer changed the next one: %v", second)
		}
	})
}

// What a caller sends goes one hop: a handler that asks on with its own context sends none of it.
func TestMetadataGoesOneHop(t *testing.T) {
	everyWay(t, func(b *bench) {
		b.units.during(func(ctx context.Context, _ proto.Message) error {
			if md, ok := metadata.FromOutgoingContext(ctx); ok && len(md) > 0 {
				b.Errorf("would send on %v", md)
			}
			if md, _ := metadata.FromIncomingContext(ctx); len(md.Get("kept")) != 1 {
				b.Errorf("arrived: %v", md)
			}
			return grpc.SetTrailer(ctx, metadata.Pairs("last", "word"))
		})
		var header, trailer metadata.MD
		ctx := metadata.AppendToOutgoingContext(b.Context(), "kept", "yes")
		_, err := b.client().CreateUnit(ctx, &registrypb.CreateUnitRequest{Unit: unit()}, grpc.Header(&header), grpc.Trailer(&trailer))
		if err != nil {
			b.Fatal(err)
		}
		if len(header.Get("x-request-id")) != 1 || len(header.Get("coso-position")) != 1 || len(trailer.Get("last")) != 1 {
			b.Errorf("header %v, trailer %v", header, trailer)
		}
	})
}

// token is what a caller would prove itself with.
type token struct{}

func (token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer x"}, nil
}

func (token) RequireTransportSecurity() bool { return false }

// A caller that says who it is must not be taken for the local one.
func TestMemoryRefusesCredentials(t *testing.T) {
	t.Parallel()
	b := newBench(t, false)
	_, err := b.client().GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/a"}, grpc.PerRPCCredentials(token{}))
	refused(t, err, fault.KindInternal, faultpb.Reason_REASON_INTERNAL, "")
}

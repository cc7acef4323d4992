package rpc_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// A caller whose header proves nothing is told what is wrong with it, as at the gateway.
func TestAHeaderThatProvesNothing(t *testing.T) {
	everyWay(t, func(b *bench) {
		units := registrypb.NewUnitServiceClient(b.bare)
		for _, c := range []struct {
			sent   []string
			reason faultpb.Reason
		}{
			{[]string{"Basic bGFuOng="}, faultpb.Reason_REASON_TOKEN_SCHEME},
			{[]string{b.own.Token("lan")}, faultpb.Reason_REASON_TOKEN_SCHEME},
			{[]string{""}, faultpb.Reason_REASON_TOKEN_SCHEME},
			{[]string{"Bearer "}, faultpb.Reason_REASON_TOKEN_MALFORMED},
			{[]string{"Bearer " + b.own.Token("lan"), "Bearer " + b.own.Token("lan")}, faultpb.Reason_REASON_TOKEN_MALFORMED},
		} {
			ctx := metadata.NewOutgoingContext(b.Context(), metadata.MD{"authorization": c.sent})
			_, err := units.GetUnit(ctx, &registrypb.GetUnitRequest{Name: "units/a"})
			refused(b.T, err, fault.KindUnauthenticated, c.reason, "authorization")
		}
	})
}

// INV-RPC-DECLARED: a service of which nobody said who may call it does not come to be served.
func TestAMethodThatDeclaresNothing(t *testing.T) {
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("undeclared.proto"), Package: new("coso.undeclared.v1"), Syntax: new("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: new("Nothing")}},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: new("OpenService"), Method: []*descriptorpb.MethodDescriptorProto{{
			Name: new("Open"), InputType: new(".coso.undeclared.v1.Nothing"), OutputType: new(".coso.undeclared.v1.Nothing"),
		}}}},
	}, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := protoregistry.GlobalFiles.FindFileByPath(file.Path()); err != nil { // else the test ran before
		if err := protoregistry.GlobalFiles.RegisterFile(file); err != nil {
			t.Fatal(err)
		}
	}
	b := newBench(t, false)
	defer func() {
		if said := fmt.Sprint(recover()); !strings.Contains(said, "declares no permission") {
			t.Errorf("it is served, or refused for %s", said)
		}
	}()
	b.RegisterService(&grpc.ServiceDesc{
		ServiceName: "coso.undeclared.v1.OpenService", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{MethodName: "Open"}},
	}, b)
}

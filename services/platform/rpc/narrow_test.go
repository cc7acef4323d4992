package rpc_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/access"
	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// INV-ACCESS-NARROW: the chain refuses a narrowed token before the method hears of the call.
func TestNarrowedTokensInTheChain(t *testing.T) {
	for _, tcp := range []bool{false, true} {
		b := newBench(t, tcp)
		own := b.own
		heard := 0
		b.units.during(func(ctx context.Context, _ proto.Message) error {
			heard++
			if p, _ := access.From(ctx); p.Name != "principals/lan" {
				t.Errorf("%s calls", p.Name)
			}
			return nil
		})
		write := func(scope ...string) error {
			_, err := b.client().CreateUnit(with(t, "authorization", "Bearer "+own.Token("lan", scope...)), &registrypb.CreateUnitRequest{Unit: unit()})
			return err
		}
		read := func(scope ...string) error {
			_, err := b.client().GetUnit(with(t, "authorization", "Bearer "+own.Token("lan", scope...)), &registrypb.GetUnitRequest{Name: "units/none"})
			return err
		}
		refused(t, write("read"), fault.KindPermissionDenied, faultpb.Reason_REASON_TOKEN_SCOPE, "")
		refused(t, write("api", "read"), fault.KindPermissionDenied, faultpb.Reason_REASON_TOKEN_SCOPE, "")
		refused(t, write("password"), fault.KindPermissionDenied, faultpb.Reason_REASON_PASSWORD_CHANGE_NEEDED, "")
		refused(t, read("password"), fault.KindPermissionDenied, faultpb.Reason_REASON_PASSWORD_CHANGE_NEEDED, "")
		refused(t, read("read", "everything"), fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_SCOPE_UNKNOWN, "")
		if heard != 0 {
			t.Fatalf("the methods heard of %d calls", heard)
		}
		for _, scope := range [][]string{nil, {"api"}, {"openid", "profile"}} {
			if err := write(scope...); err != nil {
				t.Errorf("%v: %v", scope, err)
			}
		}
		refused(t, read("api", "read"), fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name")
		if heard != 4 {
			t.Errorf("the methods heard of %d calls", heard)
		}
	}
}

// A stream lasts as long as the token that proves its caller.
func TestStreamsEndWithTheirTokens(t *testing.T) {
	b := newBench(t, true)
	b.talk.hear = func(ss grpc.ServerStream) error {
		if _, limited := ss.Context().Deadline(); !limited {
			t.Error("the stream has no end")
		}
		<-ss.Context().Done()
		return ss.Context().Err()
	}
	compact, _, err := b.own.Signer().Sign("lan", 1500*time.Millisecond, "")
	if err != nil {
		t.Fatal(err)
	}
	cs, err := b.conn.NewStream(with(t, "authorization", "Bearer "+compact), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, talkMethod)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, cs.RecvMsg(&registrypb.Unit{}), fault.KindDeadlineExceeded, faultpb.Reason_REASON_DEADLINE_EXCEEDED, "")
}

// Who can connect is not told what there is to be called.
func TestNoReflection(t *testing.T) {
	everyWay(t, func(b *bench) {
		for _, method := range []string{"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"} {
			cs, err := b.conn.NewStream(b.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
			if err == nil {
				err = cs.RecvMsg(&registrypb.Unit{})
			}
			refused(b.T, err, fault.KindUnimplemented, faultpb.Reason_REASON_METHOD_UNKNOWN, "")
		}
	})
}

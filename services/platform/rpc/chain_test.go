package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func TestHandlerSeesPreparedRequest(t *testing.T) { // INV-RPC-PREPARED
	everyWay(t, func(b *bench) {
		t := b.T
		var seen *registrypb.CreateUnitRequest
		b.units.during(func(_ context.Context, req proto.Message) error {
			seen, _ = proto.Clone(req).(*registrypb.CreateUnitRequest)
			return nil
		})
		sent := unit()
		sent.DisplayName = "Hue\u0323\u0302 uy\u0309" // Huệ uỷ, decomposed
		sent.Etag = "kept"
		sent.ClosedOn = "2020-01-01"
		sent.Revision = 7
		sent.CreateTime = timestamppb.Now()
		sent.UpdateTime = timestamppb.Now()
		newer := protowire.AppendString(protowire.AppendTag(nil, 900, protowire.BytesType), "newer")
		sent.ProtoReflect().SetUnknown(newer)
		req := &registrypb.CreateUnitRequest{Unit: sent, UnitId: "hue"}
		before := proto.Clone(req)

		got, err := b.client().CreateUnit(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		want := unit()
		want.DisplayName = "Hu\u1ec7 u\u1ef7"
		want.Etag = "kept"
		if !proto.Equal(seen.GetUnit(), want) {
			t.Errorf("the handler saw %v, want %v", seen.GetUnit(), want)
		}
		if got.GetRevision() != 1 || got.GetDisplayName() != want.GetDisplayName() || len(got.ProtoReflect().GetUnknown()) > 0 {
			t.Errorf("answered %v", got)
		}
		if !proto.Equal(req, before) {
			t.Errorf("the caller's message changed to %v", req)
		}
	})
}

func TestBrokenRulesAreNamedByTheRequest(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		b.units.during(func(context.Context, proto.Message) error {
			t.Error("a handler saw a broken request")
			return nil
		})
		bad := unit()
		bad.DisplayName = ""
		bad.Placements[0].FromDate = "28/10/1995"
		_, err := b.client().CreateUnit(t.Context(), &registrypb.CreateUnitRequest{Unit: bad})
		got := refused(t, err, fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED, "unit.displayName")

		st := status.Convert(err)
		locales := map[string]string{}
		for _, d := range st.Details() {
			switch d := d.(type) {
			case *errdetails.ErrorInfo:
				if d.GetDomain() != fault.Domain || d.GetReason() != "FIELD_REQUIRED" {
					t.Errorf("ErrorInfo %v", d)
				}
			case *errdetails.BadRequest:
				var fields []string
				for _, v := range d.GetFieldViolations() {
					fields = append(fields, v.GetField()+" "+v.GetReason())
				}
				want := []string{"unit.displayName FIELD_REQUIRED", "unit.placements[0].fromDate DATE_INVALID"}
				if diff := cmp.Diff(want, fields); diff != "" {
					t.Errorf("violations (-want +got):\n%s", diff)
				}
			case *errdetails.LocalizedMessage:
				locales[d.GetLocale()] = d.GetMessage()
			}
		}
		if locales["vi-VN"] != got.MsgVi || locales["en"] != st.Message() || got.MsgVi == st.Message() || got.MsgVi == "" {
			t.Errorf("texts %q, message %q", locales, st.Message())
		}
	})
}

func TestRefusalOfTheServiceKeepsItsReason(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		_, err := b.client().GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/nowhere"})
		refused(t, err, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name")
		b.create(t)
		_, err = b.client().CreateUnit(t.Context(), &registrypb.CreateUnitRequest{Unit: unit(), UnitId: "tay-ho"})
		refused(t, err, fault.KindAlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS, "name")
	})
}

func TestInnerTextsStayInside(t *testing.T) { // INV-RPC-NOTHING-ESCAPES
	for name, during := range map[string]func(context.Context, proto.Message) error{
		"panic": func(context.Context, proto.Message) error { panic("secret of the inside") },
		"error": func(context.Context, proto.Message) error { return errors.New("secret of the inside") },
		"status": func(context.Context, proto.Message) error {
			return status.Error(codes.NotFound, "secret of the inside")
		},
	} {
		t.Run(name, func(t *testing.T) {
			everyWay(t, func(b *bench) {
				t := b.T
				b.units.during(during)
				var header metadata.MD
				_, err := b.client().GetUnit(with(t, rpc.RequestIDHeader, "office-17"),
					&registrypb.GetUnitRequest{Name: "units/tay-ho"}, grpc.Header(&header))
				got := refused(t, err, fault.KindInternal, faultpb.Reason_REASON_INTERNAL, "")
				if strings.Contains(fmt.Sprint(status.Convert(err).Proto()), "secret") {
					t.Errorf("the caller sees %v", status.Convert(err).Proto())
				}
				if got.Params["requestId"] != "office-17" || !strings.Contains(got.Msg, "office-17") {
					t.Errorf("the refusal does not name its request: %v", got)
				}
				if id := only(t, header, rpc.RequestIDHeader); id != "office-17" {
					t.Errorf("request id %q", id)
				}
				log := b.log.String()
				if strings.Count(log, "office-17") != 1 || !strings.Contains(log, "secret of the inside") {
					t.Errorf("not logged once with its cause:\n%s", log)
				}
				if stack := strings.Contains(log, "goroutine"); stack != (name == "panic") {
					t.Errorf("stack in the log: %v", stack)
				}
			})
		})
	}
}

func TestNoAnswerIsInternal(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		_, err := b.client().CloseUnit(t.Context(), &registrypb.CloseUnitRequest{Name: "units/a", ClosedOn: "2020-01-01"})
		refused(t, err, fault.KindInternal, faultpb.Reason_REASON_INTERNAL, "")
	})
}

func TestRequestIDs(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		b.create(t)
		var inside string
		b.units.during(func(ctx context.Context, _ proto.Message) error {
			inside = rpc.RequestID(ctx)
			return nil
		})
		for given, kept := range map[string]bool{
			"":                       false,
			"0198f0c2-aa":            true,
			strings.Repeat("x", 128): true,
			strings.Repeat("x", 129): false,
			"two words":              false,
		} {
			ctx := t.Context()
			if given != "" {
				ctx = with(t, rpc.RequestIDHeader, given)
			}
			var header metadata.MD
			if _, err := b.client().GetUnit(ctx, &registrypb.GetUnitRequest{Name: "units/tay-ho"}, grpc.Header(&header)); err != nil {
				t.Fatal(err)
			}
			got := only(t, header, rpc.RequestIDHeader)
			if got != inside {
				t.Errorf("answered %q, inside %q", got, inside)
			}
			if kept && got != given {
				t.Errorf("%q became %q", given, got)
			}
			if id, err := uuid.Parse(got); !kept && (err != nil || id.Version() != 7) {
				t.Errorf("%q became %q, want a UUIDv7", given, got)
			}
		}
	})
}

func TestHandlerKnowsWhoAndWhat(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		b.units.during(func(ctx context.Context, _ proto.Message) error {
			if p, ok := access.From(ctx); !ok || p != (access.Principal{Name: "principals/lan"}) {
				t.Errorf("principal %v", p)
			}
			if m := access.Method(ctx); m != registrypb.UnitService_CreateUnit_FullMethodName {
				t.Errorf("method %q", m)
			}
			if id := trace.SpanContextFromContext(ctx).TraceID().String(); id != "4bf92f3577b34da6a3ce929d0e0e4736" {
				t.Errorf("trace %s", id)
			}
			return nil
		})
		if _, err := b.client().CreateUnit(with(t, "traceparent", parent), &registrypb.CreateUnitRequest{Unit: unit()}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestUnknownMethods(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		for _, method := range []string{"/coso.registry.v1.UnitService/Abolish", "/coso.nowhere.v1.Service/Get"} {
			err := b.conn.Invoke(t.Context(), method, &emptypb.Empty{}, &emptypb.Empty{})
			got := refused(t, err, fault.KindUnimplemented, faultpb.Reason_REASON_METHOD_UNKNOWN, "")
			if got.Params["value"] != method {
				t.Errorf("%v", got)
			}
			_, err = b.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, method)
			if b.addr == "" {
				refused(t, err, fault.KindUnimplemented, faultpb.Reason_REASON_METHOD_UNKNOWN, "")
			}
		}
	})
}

func TestLogNeverRepeatsRequests(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		secret := unit()
		secret.ValidFrom = "private-value"
		_, err := b.client().CreateUnit(t.Context(), &registrypb.CreateUnitRequest{Unit: secret})
		refused(t, err, fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "unit.validFrom")
		b.create(t)
		log := b.log.String()
		if strings.Contains(log, "private-value") || strings.Contains(log, "Tây Hồ") {
			t.Errorf("the log repeats a request:\n%s", log)
		}
		for _, want := range []string{
			`"level":"INFO"`, `"reason":"REASON_DATE_INVALID"`, `"field":"unit.validFrom"`, `"principal":"principals/lan"`,
			`"level":"DEBUG"`, `"code":"OK"`, `"service":"registry"`, `"method":"` + registrypb.UnitService_CreateUnit_FullMethodName + `"`,
		} {
			if !strings.Contains(log, want) {
				t.Errorf("the log lacks %s:\n%s", want, log)
			}
		}
	})
}

// BenchmarkCall is what the chain and the transport cost a small read.
func BenchmarkCall(bb *testing.B) {
	for _, way := range []string{"memory", "tcp"} {
		bb.Run(way, func(bb *testing.B) {
			b := newBench(bb, way == "tcp")
			b.create(bb)
			req := &registrypb.GetUnitRequest{Name: "units/tay-ho"}
			for bb.Loop() {
				if _, err := b.client().GetUnit(bb.Context(), req); err != nil {
					bb.Fatal(err)
				}
			}
		})
	}
}

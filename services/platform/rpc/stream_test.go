package rpc_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/store"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// echo answers every request with a unit of its name, until the caller has said all.
func echo(ss grpc.ServerStream) error {
	for {
		req := &registrypb.GetUnitRequest{}
		if err := ss.RecvMsg(req); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := ss.SendMsg(&registrypb.Unit{Name: req.GetName()}); err != nil {
			return err
		}
	}
}

// say sends one request and reads what comes.
func say(cs grpc.ClientStream, req any) (*registrypb.Unit, error) {
	if err := cs.SendMsg(req); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	answer := &registrypb.Unit{}
	return answer, cs.RecvMsg(answer)
}

func TestStreamsPassTheChain(t *testing.T) { // INV-RPC-ONE-CHAIN
	everyWay(t, func(b *bench) {
		t := b.T
		cs := b.open(t, func(ss grpc.ServerStream) error {
			if p, ok := access.From(ss.Context()); !ok || p.Name != "principals/lan" {
				t.Errorf("principal %v", p)
			}
			if m := access.Method(ss.Context()); m != talkMethod {
				t.Errorf("method %q", m)
			}
			if err := echo(ss); err != nil {
				return err
			}
			_, err := store.View(ss.Context(), b.store, func(tx *store.ReadTx) (*registrypb.Unit, error) {
				return b.units.table.Get(tx, "units/tay-ho")
			})
			return err
		})
		b.create(t)
		for _, name := range []string{"units/ha-noi", "units/tay-ho"} {
			got, err := say(cs, &registrypb.GetUnitRequest{Name: name})
			if err != nil || got.GetName() != name {
				t.Fatalf("answered %v, %v", got, err)
			}
		}
		if err := cs.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if err := cs.RecvMsg(&registrypb.Unit{}); !errors.Is(err, io.EOF) {
			t.Fatalf("the end is %v", err)
		}
		header, err := cs.Header()
		if err != nil {
			t.Fatal(err)
		}
		id := only(t, header, rpc.RequestIDHeader)
		eventually(t, "the talk is logged", func() bool { return strings.Contains(b.log.String(), id) })
	})
}

// A stream that no token limits lasts an hour.
func TestStreamsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, false)
	b.conn = b.ConnOf(access.Service("planning"))
	cs := b.open(t, func(ss grpc.ServerStream) error {
		if d, ok := ss.Context().Deadline(); !ok || time.Until(d) > time.Hour || time.Until(d) < 50*time.Minute {
			t.Errorf("a stream may last until %v, %t", d, ok)
		}
		return echo(ss)
	})
	if got, err := say(cs, &registrypb.GetUnitRequest{Name: "units/a"}); err != nil || got.GetName() != "units/a" {
		t.Errorf("answered %v, %v", got, err)
	}
	if err := cs.CloseSend(); err != nil {
		t.Error(err)
	}
	if err := cs.RecvMsg(&registrypb.Unit{}); !errors.Is(err, io.EOF) {
		t.Errorf("the end is %v", err)
	}
}

func TestStreamsRefuse(t *testing.T) { // INV-RPC-NOTHING-ESCAPES
	everyWay(t, func(b *bench) {
		t := b.T
		_, err := say(b.open(t, echo), &registrypb.GetUnitRequest{Name: "?"})
		refused(t, err, fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_FORMAT, "name")

		_, err = say(b.open(t, echo), &registrypb.GetUnitRequest{Name: "units/" + strings.Repeat("a", 1<<20)})
		refused(t, err, fault.KindResourceExhausted, faultpb.Reason_REASON_TOO_LARGE, "")

		_, err = say(b.open(t, func(grpc.ServerStream) error { panic("secret of the inside") }), &registrypb.GetUnitRequest{Name: "units/a"})
		got := refused(t, err, fault.KindInternal, faultpb.Reason_REASON_INTERNAL, "")
		if strings.Contains(err.Error(), "secret") || got.Params["requestId"] == "" {
			t.Errorf("the caller sees %v", err)
		}
		eventually(t, "the panic is logged", func() bool { return strings.Contains(b.log.String(), "secret of the inside") })
	})
}

func TestUndecodableMessagesOfStreams(t *testing.T) {
	t.Parallel()
	b := newBench(t, true)
	m := &emptypb.Empty{}
	m.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.BytesType), 40))
	_, err := say(b.open(t, echo), m)
	refused(t, err, fault.KindInvalidArgument, faultpb.Reason_REASON_BODY_INVALID, "")
}

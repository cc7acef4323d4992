package rpc_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/store"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// get reads the unit at positions and answers the header.
func (b *bench) get(t *testing.T, at ...string) (metadata.MD, error) {
	t.Helper()
	md := metadata.MD{}
	md.Append(rpc.PositionHeader, at...)
	ctx := metadata.NewOutgoingContext(t.Context(), md)
	var header metadata.MD
	_, err := b.client().GetUnit(ctx, &registrypb.GetUnitRequest{Name: "units/tay-ho"}, grpc.Header(&header))
	return header, err
}

func (b *bench) position(number uint64) string {
	return store.Position{Service: "registry", Incarnation: b.store.Incarnation(), Number: number}.String()
}

func TestAnswersNamePositions(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		var header metadata.MD
		if _, err := b.client().CreateUnit(t.Context(), &registrypb.CreateUnitRequest{Unit: unit(), UnitId: "tay-ho"}, grpc.Header(&header)); err != nil {
			t.Fatal(err)
		}
		if got := only(t, header, rpc.PositionHeader); got != b.position(1) {
			t.Errorf("a write answers %s, want %s", got, b.position(1))
		}
		header, err := b.get(t)
		if err != nil {
			t.Fatal(err)
		}
		if got := only(t, header, rpc.PositionHeader); got != b.position(1) {
			t.Errorf("a read answers %s, want %s", got, b.position(1))
		}
		_, err = b.client().CreateUnit(t.Context(), &registrypb.CreateUnitRequest{Unit: unit(), UnitId: "tay-ho"}, grpc.Header(&header))
		refused(t, err, fault.KindAlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS, "name")
		if got := only(t, header, rpc.PositionHeader); got != b.position(1) {
			t.Errorf("a refused write answers %s, want %s", got, b.position(1))
		}
		header = nil
		_, err = b.client().GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/ba-dinh"}, grpc.Header(&header))
		refused(t, err, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name")
		if got := []string{only(t, header, rpc.PositionHeader), only(t, header, rpc.SeenHeader)}; got[0] != b.position(1) || got[1] != b.position(1) {
			t.Errorf("a refused read answers %s, want %s twice", got, b.position(1))
		}
		header = nil
		_, err = b.client().GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "?"}, grpc.Header(&header))
		refused(t, err, fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_FORMAT, "name")
		if got := append(header.Get(rpc.PositionHeader), header.Get(rpc.SeenHeader)...); got != nil {
			t.Errorf("a refusal that rests on no state answers positions %q", got)
		}
	})
}

func TestReadWaitsForItsPosition(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		b.create(t)
		if _, err := b.get(t, b.position(1)); err != nil {
			t.Fatalf("a position reached long ago: %v", err)
		}
		foreign := store.Position{Service: "membership", Incarnation: uuid.New(), Number: 9}.String()
		if _, err := b.get(t, foreign); err != nil {
			t.Fatalf("a position of a service that is not followed: %v", err)
		}

		waiting := make(chan error, 1)
		planning := store.Position{Service: "planning", Incarnation: uuid.New(), Number: 5}
		go func() {
			_, err := b.get(t, b.position(2)+","+planning.String())
			waiting <- err
		}()
		select {
		case err := <-waiting:
			t.Fatalf("answered before its positions were reached: %v", err)
		default:
		}
		ctx := access.With(t.Context(), access.Service("registry"))
		_, err := store.Update(ctx, b.store, nil, func(tx *store.Tx) (*journalpb.Cursor, error) {
			c := &journalpb.Cursor{Source: "planning", Incarnation: planning.Incarnation[:], Position: planning.Number}
			return c, store.SetCursor(tx, c)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := <-waiting; err != nil {
			t.Fatalf("positions reached meanwhile: %v", err)
		}
	})
}

func TestPositionNotReached(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		b.create(t)
		_, err := b.get(t, b.position(99))
		got := refused(t, err, fault.KindUnavailable, faultpb.Reason_REASON_POSITION_NOT_REACHED, "coso-position")
		if got.Params["value"] != b.position(99) {
			t.Errorf("%v", got)
		}
	})
}

func TestPositionsRefused(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		b.create(t)
		other := store.Position{Service: "registry", Incarnation: uuid.New(), Number: 1}.String()
		_, err := b.get(t, other)
		refused(t, err, fault.KindFailedPrecondition, faultpb.Reason_REASON_INCARNATION_FOREIGN, "coso-position")
		for _, malformed := range []string{"registry", "registry=x:1", "registry=" + uuid.NewString() + ":-1", strings.Repeat("x", 5000)} {
			_, err := b.get(t, malformed)
			refused(t, err, fault.KindInvalidArgument, faultpb.Reason_REASON_POSITION_INVALID, "coso-position")
		}
		_, err = b.get(t, b.position(1), other) // two headers are one list
		refused(t, err, fault.KindInvalidArgument, faultpb.Reason_REASON_POSITION_INVALID, "coso-position")
	})
}

func TestInvalidRequestDoesNotWait(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		_, err := b.client().GetUnit(with(t, rpc.PositionHeader, b.position(99)), &registrypb.GetUnitRequest{Name: "?"})
		refused(t, err, fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_FORMAT, "name")
	})
}

func TestOutgoingCarriesTheCall(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		b.create(t)
		const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		elsewhere := store.Position{Service: "membership", Incarnation: uuid.New(), Number: 9}
		var md metadata.MD
		b.units.during(func(ctx context.Context, _ proto.Message) error {
			_, err := store.View(ctx, b.store, func(tx *store.ReadTx) (*registrypb.Unit, error) { return b.units.table.Get(tx, "units/tay-ho") })
			ctx = metadata.AppendToOutgoingContext(ctx, "kept", "yes")
			md, _ = metadata.FromOutgoingContext(rpc.Outgoing(ctx))
			return err
		})
		ctx := with(t, rpc.RequestIDHeader, "office-17", rpc.PositionHeader, elsewhere.String(), "traceparent", parent)
		if _, err := b.client().GetUnit(ctx, &registrypb.GetUnitRequest{Name: "units/tay-ho"}); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{
			rpc.RequestIDHeader: "office-17",
			rpc.PositionHeader:  elsewhere.String() + "," + b.position(1),
			"kept":              "yes",
		} {
			if got := only(t, md, key); got != want {
				t.Errorf("%s = %q, want %q", key, got, want)
			}
		}
		if got := only(t, md, "traceparent"); !strings.Contains(got, "4bf92f3577b34da6a3ce929d0e0e4736") {
			t.Errorf("traceparent = %q", got)
		}
		outside, _ := metadata.FromOutgoingContext(rpc.Outgoing(t.Context()))
		if len(outside) != 0 {
			t.Errorf("outside of a call: %v", outside)
		}
	})
}

package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/store"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// limited lets a server go by limits.
func limited(l rpc.Limits) func(*rpc.Options) { return func(o *rpc.Options) { o.Limits = l } }

// get looks a unit up.
func get(ctx context.Context, conn grpc.ClientConnInterface) error {
	_, err := registrypb.NewUnitServiceClient(conn).GetUnit(ctx, &registrypb.GetUnitRequest{Name: "units/tay-ho"})
	return err
}

// INV-RPC-LIMITED: who asks too much is told when to come back, and nobody else is.
func TestRatesOfCallers(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		b.create(t)
		var err error
		for i := 0; err == nil; i++ {
			if i == 200 {
				t.Fatal("one may ask for ever")
			}
			_, err = b.client().CreateUnit(t.Context(), &registrypb.CreateUnitRequest{Unit: unit(), UnitId: fmt.Sprint("u-", i)})
			if err != nil && i < 19 {
				t.Fatalf("change %d: %v", i, err)
			}
		}
		got := refused(t, err, fault.KindResourceExhausted, faultpb.Reason_REASON_TOO_MANY_REQUESTS, "")
		if got.RetryAfter <= 0 || got.RetryAfter > 5*time.Second {
			t.Errorf("to come back in %s", got.RetryAfter)
		}
		if err := get(t.Context(), b.own.As("minh", b.bare)); err != nil {
			t.Errorf("another: %v", err)
		}
		if err := get(t.Context(), b.ConnOf(access.Service("planning"))); err != nil {
			t.Errorf("a service: %v", err)
		}
		// Whoever watches over the process always hears from it.
		for range 1100 {
			if _, err := healthpb.NewHealthClient(b.conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
				t.Fatal(err)
			}
		}
	}, limited(rpc.Limits{Rate: 1, Burst: 100}))
}

// INV-RPC-LIMITED: services ask on their own account, as much as ten principals.
func TestRatesOfServices(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, limited(rpc.Limits{Rate: 1, Burst: 100}))
	b.create(t)
	conn := b.ConnOf(access.Service("planning"))
	for i := range 1000 {
		if err := get(t.Context(), conn); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	var err error
	for range 1000 { // what has been filled up meanwhile is less
		if err = get(t.Context(), conn); err != nil {
			break
		}
	}
	refused(t, err, fault.KindResourceExhausted, faultpb.Reason_REASON_TOO_MANY_REQUESTS, "")
	if err := get(t.Context(), b.ConnOf(access.Service("award"))); err != nil {
		t.Errorf("another service: %v", err)
	}
	if err := get(t.Context(), b.own.As("lan", conn)); err != nil {
		t.Errorf("a user by that service: %v", err)
	}
}

func TestCallsAtOnce(t *testing.T) { // INV-RPC-LIMITED
	everyWay(t, func(b *bench) {
		t := b.T
		b.create(t)
		within, end := make(chan struct{}), make(chan struct{})
		b.units.during(func(ctx context.Context, _ proto.Message) error {
			if p, _ := access.From(ctx); p.Name != "principals/lan" {
				return nil
			}
			within <- struct{}{}
			<-end
			return nil
		})
		ended := make(chan error)
		for range 2 {
			go func() { ended <- get(t.Context(), b.conn) }()
			<-within
		}
		got := refused(t, get(t.Context(), b.conn), fault.KindResourceExhausted, faultpb.Reason_REASON_TOO_MANY_AT_ONCE, "")
		if got.Params["limit"] != "2" || got.RetryAfter != time.Second {
			t.Errorf("%v, to come back in %s", got.Params, got.RetryAfter)
		}
		if err := get(t.Context(), b.own.As("minh", b.bare)); err != nil {
			t.Errorf("another: %v", err)
		}
		close(end)
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		go func() { <-within }()
		if err := get(t.Context(), b.conn); err != nil {
			t.Errorf("when they have ended: %v", err)
		}
	}, limited(rpc.Limits{AtOnce: 2}))
}

func TestStreamsAtOnce(t *testing.T) { // INV-RPC-LIMITED
	everyWay(t, func(b *bench) {
		t := b.T
		b.create(t)
		b.talk.hear = echo
		talk := func() (grpc.ClientStream, error) {
			cs, err := b.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, talkMethod)
			if err != nil {
				t.Fatal(err)
			}
			_, err = say(cs, &registrypb.GetUnitRequest{Name: "units/a"})
			return cs, err
		}
		first, err := talk()
		if err != nil {
			t.Fatal(err)
		}
		_, err = talk()
		refused(t, err, fault.KindResourceExhausted, faultpb.Reason_REASON_TOO_MANY_STREAMS_AT_ONCE, "")
		if err := get(t.Context(), b.conn); err != nil {
			t.Errorf("a call beside: %v", err)
		}
		if err := first.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if err := first.RecvMsg(&registrypb.Unit{}); !errors.Is(err, io.EOF) {
			t.Fatalf("the end is %v", err)
		}
		eventually(t, "there is room when one has ended", func() bool {
			cs, err := talk()
			return err == nil && cs.CloseSend() == nil
		})
	}, limited(rpc.Limits{Streams: 1}))
}

// fill records units of no interest.
func (b *bench) fill(t *testing.T, n int) {
	t.Helper()
	ctx := access.With(t.Context(), access.Service("registry"))
	for from := 0; from < n; from += 500 {
		_, err := store.Update(ctx, b.store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
			for i := range min(500, n-from) {
				one := unit()
				one.Name = fmt.Sprintf("units/u-%06d", from+i)
				if _, err := b.units.table.Create(tx, one, &registrypb.UnitCreated{}); err != nil {
					return nil, err
				}
			}
			return &registrypb.Unit{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// INV-RPC-LIMITED: a list costs what it looks at, also if it finds nothing.
func TestListsCostWhatTheyLookAt(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		b.fill(t, 3000)
		answer, err := b.client().ListUnits(t.Context(), &registrypb.ListUnitsRequest{PageSize: 1})
		if err != nil || len(answer.GetUnits()) != 0 {
			t.Fatalf("%v, %v", answer, err)
		}
		got := refused(t, get(t.Context(), b.conn), fault.KindResourceExhausted, faultpb.Reason_REASON_TOO_MANY_REQUESTS, "")
		if got.RetryAfter < 30*time.Second || got.RetryAfter > time.Minute {
			t.Errorf("to come back in %s, want what 3000 rows cost, 150, beyond the store of 100", got.RetryAfter)
		}
		refused(t, get(t.Context(), b.own.As("minh", b.bare)), fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name")
	}, limited(rpc.Limits{Rate: 1, Burst: 100}))
}

// INV-RPC-LIMITED: a stream that replays goes on as fast as what it reads is paid, and its caller's calls meanwhile.
func TestReplaysArePaced(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		b.fill(t, 2000)
		cs := b.open(t, func(ss grpc.ServerStream) error {
			for range 3 { // each costs 100
				events, err := b.store.Events(ss.Context(), 1, 2000)
				if err != nil || len(events) != 2000 {
					return fmt.Errorf("%d events: %w", len(events), err)
				}
				if err := ss.SendMsg(&registrypb.Unit{Name: "units/a"}); err != nil {
					return err
				}
			}
			return nil
		})
		begun := time.Now()
		if err := cs.CloseSend(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := cs.RecvMsg(&registrypb.Unit{}); err != nil {
				t.Fatal(err)
			}
			refused(t, get(t.Context(), b.conn), fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name")
		}
		if took := time.Since(begun); took < 900*time.Millisecond {
			t.Errorf("three stores of 100 were read in %s, at 200 a second", took)
		}
		if err := cs.RecvMsg(&registrypb.Unit{}); !errors.Is(err, io.EOF) {
			t.Errorf("the end is %v", err)
		}
	}, limited(rpc.Limits{Rate: 200, Burst: 100}))
}

func TestLimitsThatCannotBe(t *testing.T) {
	for l, ok := range map[rpc.Limits]bool{
		{}: true, {Rate: 1, Burst: 100, AtOnce: 1}: true, {Rate: -1}: false, {Burst: 99}: false, {AtOnce: -1}: false, {Streams: -1}: false,
	} {
		if err := l.Check(); (err == nil) != ok {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

package rpc_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func TestDeadlines(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		b.create(t)
		var left time.Duration
		b.units.during(func(ctx context.Context, _ proto.Message) error {
			deadline, ok := ctx.Deadline()
			if !ok {
				t.Error("no deadline")
			}
			left = time.Until(deadline)
			return nil
		})
		read := func(ctx context.Context) error {
			_, err := b.client().GetUnit(ctx, &registrypb.GetUnitRequest{Name: "units/tay-ho"})
			return err
		}
		write := func(ctx context.Context) error {
			_, err := b.client().CreateUnit(ctx, &registrypb.CreateUnitRequest{Unit: unit()})
			return err
		}
		for _, c := range []struct {
			name     string
			call     func(context.Context) error
			given    time.Duration
			low, top time.Duration
		}{
			{"read without", read, 0, 20 * time.Second, 30 * time.Second},
			{"read with a later one", read, time.Hour, 20 * time.Second, 30 * time.Second},
			{"read with an earlier one", read, 12 * time.Second, 2 * time.Second, 12 * time.Second},
			{"write without", write, 0, 5 * time.Second, 15 * time.Second},
			{"write with a later one", write, time.Hour, 5 * time.Second, 15 * time.Second},
			{"write with an earlier one", write, 12 * time.Second, 2 * time.Second, 12 * time.Second},
		} {
			ctx, cancel := t.Context(), func() {}
			if c.given > 0 {
				ctx, cancel = context.WithTimeout(ctx, c.given)
			}
			err := c.call(ctx)
			cancel()
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if left < c.low || left > c.top {
				t.Errorf("%s: the handler has %v, want %v to %v", c.name, left, c.low, c.top)
			}
		}
	})
}

func TestPassedDeadlineAndCallerGone(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		get := func(ctx context.Context) error {
			_, err := b.client().GetUnit(ctx, &registrypb.GetUnitRequest{Name: "units/tay-ho"})
			return err
		}
		// What the service itself gives up.
		b.units.during(func(context.Context, proto.Message) error { return fmt.Errorf("asking: %w", context.DeadlineExceeded) })
		refused(t, get(t.Context()), fault.KindDeadlineExceeded, faultpb.Reason_REASON_DEADLINE_EXCEEDED, "")

		// What the caller gives up, which its own side answers.
		b.units.during(func(ctx context.Context, _ proto.Message) error {
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		refused(t, get(ctx), fault.KindDeadlineExceeded, faultpb.Reason_REASON_DEADLINE_EXCEEDED, "")
		eventually(t, "the passed deadline is logged", func() bool { return strings.Contains(b.log.String(), `"code":"DeadlineExceeded"`) })

		gone, leave := context.WithCancel(t.Context())
		entered := make(chan struct{})
		b.units.during(func(ctx context.Context, _ proto.Message) error {
			close(entered)
			<-ctx.Done()
			return ctx.Err()
		})
		go func() {
			<-entered
			leave()
		}()
		refused(t, get(gone), fault.KindCancelled, faultpb.Reason_REASON_CANCELLED, "")
		eventually(t, "the caller's leaving is logged", func() bool { return strings.Contains(b.log.String(), `"code":"Canceled"`) })
	})
}

func TestTooLarge(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		b.units.during(func(context.Context, proto.Message) error {
			t.Error("a handler saw a request that is too large")
			return nil
		})
		for _, size := range []int{1 << 20, 3 << 20, 5 << 20} { // the last is beyond what TCP reads
			large := unit()
			large.DisplayName = strings.Repeat("a", size)
			_, err := b.client().CreateUnit(t.Context(), &registrypb.CreateUnitRequest{Unit: large})
			got := refused(t, err, fault.KindResourceExhausted, faultpb.Reason_REASON_TOO_LARGE, "")
			if size < 4<<20 && got.Params["limit"] != "1048576" {
				t.Errorf("%d bytes: %v", size, got)
			}
		}
	})
}

func TestRequestJustWithinTheLimit(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		req := &registrypb.GetUnitRequest{Name: "units/tay-ho"}
		filler := protowire.AppendBytes(protowire.AppendTag(nil, 900, protowire.BytesType), make([]byte, 1<<20-proto.Size(req)-5))
		req.ProtoReflect().SetUnknown(filler)
		if n := proto.Size(req); n != 1<<20 {
			t.Fatalf("the request has %d bytes", n)
		}
		_, err := b.client().GetUnit(t.Context(), req)
		refused(t, err, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name")
	})
}

func TestUndecodableRequests(t *testing.T) { // INV-RPC-NOTHING-ESCAPES
	t.Parallel()
	b := newBench(t, true)
	b.units.during(func(context.Context, proto.Message) error {
		t.Error("a handler saw a request that could not be decoded")
		return nil
	})
	raw := func(encoded []byte) error {
		// An empty message may hold any bytes, and is encoded as them.
		m := &emptypb.Empty{}
		m.ProtoReflect().SetUnknown(encoded)
		return b.conn.Invoke(t.Context(), registrypb.UnitService_GetUnit_FullMethodName, m, &registrypb.Unit{})
	}
	text := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "units/\xff")
	if utf8.Valid(text) {
		t.Fatal("the text is whole")
	}
	refused(t, raw(text), fault.KindInvalidArgument, faultpb.Reason_REASON_TEXT_INVALID, "")
	cut := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.BytesType), 40)
	refused(t, raw(cut), fault.KindInvalidArgument, faultpb.Reason_REASON_BODY_INVALID, "")
	// Large on the way, small once decoded: the last of many values counts.
	name := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "units/a")
	refused(t, raw(bytes.Repeat(name, 1<<20/len(name)+1)), fault.KindResourceExhausted, faultpb.Reason_REASON_TOO_LARGE, "")
	if n := strings.Count(b.log.String(), `"code":"InvalidArgument"`); n != 2 {
		t.Errorf("logged %d times, want 2:\n%s", n, b.log.String())
	}
}

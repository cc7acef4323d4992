package run_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	faultpb "coso/proto/gen/coso/fault/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/feed"
	"coso/services/platform/feed/feedtest"
	"coso/services/platform/rpc"
	"coso/services/platform/rpc/rpctest"
	"coso/services/platform/run"
	"coso/services/platform/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, feedtest.Leaks()...) }

const patience = 30 * time.Second

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// poison is the name of the resource whose events planning cannot apply.
const poison = "organisations/poison"

// clock is a time that a test moves.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time        { return time.Unix(0, c.at.Load()) }
func (c *clock) move(by time.Duration) { c.at.Add(int64(by)) }

// house is a registry that a test lets speak, and a planning that follows it.
type house struct {
	t        *testing.T
	network  *rpctest.Network
	clock    *clock
	js       jetstream.JetStream
	taken    *store.Copy[*registrypb.Organisation]
	line     *line
	dir      string // planning's
	registry *service
	planning *service
}

// service is one service at work. Its operator asks by a socket.
type service struct {
	*run.Service

	operator feedpb.FeedServiceClient
	stop     func()
}

// line is the way to a service; a test cuts it.
type line struct {
	grpc.ClientConnInterface
	cut atomic.Bool
}

func (l *line) Invoke(ctx context.Context, method string, req, answer any, options ...grpc.CallOption) error {
	if l.cut.Load() {
		return fault.ToStatus(fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, ""), "").Err()
	}
	return l.ClientConnInterface.Invoke(ctx, method, req, answer, options...)
}

// units is what planning's clients ask for: one method that rests on the copy of the registry, one that does not.
type units struct {
	registrypb.UnimplementedUnitServiceServer
}

func (units) CreateUnit(_ context.Context, req *registrypb.CreateUnitRequest) (*registrypb.Unit, error) {
	return req.GetUnit(), nil
}

func (units) GetUnit(_ context.Context, req *registrypb.GetUnitRequest) (*registrypb.Unit, error) {
	return &registrypb.Unit{Name: req.GetName()}, nil
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, network: rpctest.NewNetwork(t), clock: newClock(), js: feedtest.NATS(t).JetStream()}
	h.registry = h.start(t.TempDir(), run.Parts{Name: "registry", Schema: store.NewSchema(), Register: func(grpc.ServiceRegistrar, *store.Store) {}}, nil)
	h.line = &line{ClientConnInterface: h.registry.ConnOf("planning")}
	h.taken = store.NewCopy("taken", (*registrypb.Organisation).GetName)
	h.dir = t.TempDir()
	h.startPlanning(h.dir)
	return h
}

func (h *house) startPlanning(dir string) {
	h.t.Helper()
	h.planning = h.start(dir, run.Parts{
		Name: "planning", Schema: store.NewSchema(h.taken), Follow: []feed.Follower{h.follower()},
		Register: func(r grpc.ServiceRegistrar, _ *store.Store) { registrypb.RegisterUnitServiceServer(r, units{}) },
	}, map[string]grpc.ClientConnInterface{"registry": h.line})
}

func (h *house) follower() feed.Follower {
	return feed.Follower{Source: "registry", Fresh: []string{registrypb.UnitService_CreateUnit_FullMethodName}, Handlers: []feed.Handler{
		feed.On(func(*store.Tx, *registrypb.UnitCreated, feed.Envelope) error {
			return errors.New("units are beyond me")
		}),
		feed.On(func(*store.Tx, *registrypb.GrantGiven, feed.Envelope) error {
			return errors.New("so are grants")
		}),
		feed.On(func(tx *store.Tx, e *registrypb.OrganisationFounded, at feed.Envelope) error {
			if at.Subject == poison {
				return errors.New("this one is beyond me")
			}
			return errors.Join(h.taken.Put(tx, e.GetOrganisation()), tx.Emit(&planningpb.TargetExceeded{}, "targets/t"))
		}),
	}}
}

func (h *house) start(dir string, p run.Parts, conns map[string]grpc.ClientConnInterface) *service {
	h.t.Helper()
	s, err := run.New(run.Options{
		Dir: dir, Logger: slog.New(slog.DiscardHandler), AskEvery: 5 * time.Millisecond, CopyClock: h.clock.now, TLS: h.network.As(p.Name),
	}, p)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	lis, err := new(net.ListenConfig).Listen(ctx, "unix", filepath.Join(h.t.TempDir(), "s"))
	if err != nil {
		h.t.Fatal(err)
	}
	conn, err := rpc.DialSocket(lis.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	done, served := make(chan error, 1), make(chan error, 1)
	go func() { served <- s.Server().Serve(context.WithoutCancel(ctx), lis) }()
	go func() { done <- s.Part(h.js, conns).Run(ctx, func() {}) }()
	stop := sync.OnceFunc(func() {
		err := conn.Close()
		cancel()
		if err := errors.Join(err, <-done, <-served); err != nil {
			h.t.Error(err)
		}
	})
	h.t.Cleanup(stop)
	return &service{Service: s, operator: feedpb.NewFeedServiceClient(conn), stop: stop}
}

// says lets the registry announce an event, in a command caused by the trace in ctx.
func (h *house) says(ctx context.Context, subject string, events ...proto.Message) {
	h.t.Helper()
	ctx = access.With(ctx, access.Service("registry"))
	_, err := store.Update(ctx, h.registry.Store(), nil, func(tx *store.Tx) (*emptypb.Empty, error) {
		for _, e := range events {
			if err := tx.Emit(e, subject); err != nil {
				return nil, err
			}
		}
		return &emptypb.Empty{}, nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) founds(name string) {
	h.t.Helper()
	h.says(h.t.Context(), name, &registrypb.OrganisationFounded{Organisation: &registrypb.Organisation{Name: name}})
}

// follows is how planning's follower does.
func (h *house) follows() *feedpb.FollowerStatus {
	h.t.Helper()
	s, err := h.planning.operator.GetFeedStatus(h.t.Context(), &feedpb.GetFeedStatusRequest{})
	if err != nil {
		h.t.Fatal(err)
	}
	return s.GetFollowers()[0]
}

func (h *house) has(name string) bool {
	h.t.Helper()
	known, err := store.View(h.t.Context(), h.planning.Store(), func(tx *store.ReadTx) (bool, error) {
		_, known, err := h.taken.Find(tx, name)
		return known, err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return known
}

// refused demands that a call was refused for a reason.
func refused(t *testing.T, err error, kind fault.Kind, reason faultpb.Reason) {
	t.Helper()
	if err == nil {
		t.Fatalf("answered, want %v", reason)
	}
	if f := fault.From(fault.FromStatus(status.Convert(err))); f.Kind != kind || f.Reason != reason {
		t.Fatalf("refused with %v %v, want %v %v", f.Kind, f.Reason, kind, reason)
	}
}

// traced is a context that a request of this trace would have.
func traced(t *testing.T, id byte) (context.Context, trace.TraceID) {
	t.Helper()
	c := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{id}, SpanID: trace.SpanID{id}, TraceFlags: trace.FlagsSampled})
	return trace.ContextWithRemoteSpanContext(t.Context(), c), c.TraceID()
}

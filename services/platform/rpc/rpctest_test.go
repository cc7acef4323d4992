package rpc_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/fault"
	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
	"coso/services/platform/rpc/rpctest"
	"coso/services/platform/store"
	"coso/services/platform/token/tokentest"

	faultpb "coso/proto/gen/coso/fault/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// units is a service as services are written, on a real store; what during was given runs first in every call.
type units struct {
	registrypb.UnimplementedUnitServiceServer

	store *store.Store
	table *store.Table[*registrypb.Unit]
	hook  atomic.Pointer[func(ctx context.Context, req proto.Message) error]
}

func (u *units) during(do func(ctx context.Context, req proto.Message) error) { u.hook.Store(&do) }

func (u *units) at(ctx context.Context, req proto.Message) error {
	if do := u.hook.Load(); do != nil {
		return (*do)(ctx, req)
	}
	return nil
}

func (u *units) CreateUnit(ctx context.Context, req *registrypb.CreateUnitRequest) (*registrypb.Unit, error) {
	if err := u.at(ctx, req); err != nil {
		return nil, err
	}
	name := "units/" + rpc.NewID(req.GetUnitId())
	return store.Update(ctx, u.store, req, func(tx *store.Tx) (*registrypb.Unit, error) {
		unit := proto.CloneOf(req.GetUnit())
		unit.Name = name
		return u.table.Create(tx, unit, &registrypb.UnitCreated{})
	})
}

func (u *units) GetUnit(ctx context.Context, req *registrypb.GetUnitRequest) (*registrypb.Unit, error) {
	if err := u.at(ctx, req); err != nil {
		return nil, err
	}
	return store.View(ctx, u.store, func(tx *store.ReadTx) (*registrypb.Unit, error) {
		return u.table.Get(tx, req.GetName())
	})
}

func (u *units) UpdateUnit(ctx context.Context, req *registrypb.UpdateUnitRequest) (*registrypb.Unit, error) {
	if err := u.at(ctx, req); err != nil {
		return nil, err
	}
	return store.Update(ctx, u.store, req, func(tx *store.Tx) (*registrypb.Unit, error) {
		cur, err := u.table.Current(tx, req.GetUnit().GetName(), req.GetUnit().GetEtag())
		if err != nil {
			return nil, err
		}
		next, err := rpc.Merge(cur, req.GetUnit(), req.GetUpdateMask())
		if err != nil {
			return nil, err
		}
		return u.table.Put(tx, next, &registrypb.UnitUpdated{})
	})
}

// ListUnits finds the units of a level, however many it has to look at.
func (u *units) ListUnits(ctx context.Context, req *registrypb.ListUnitsRequest) (*registrypb.ListUnitsResponse, error) {
	return store.View(ctx, u.store, func(tx *store.ReadTx) (*registrypb.ListUnitsResponse, error) {
		found, next, err := u.table.List(tx, req, store.Every[*registrypb.Unit](), func(one *registrypb.Unit) bool { return one.GetLevel() == "CITY_COMMITTEE" })
		return &registrypb.ListUnitsResponse{Units: found, NextPageToken: next}, err
	})
}

// talkMethod is a method whose messages go both ways: requests for units in, units out.
const talkMethod = "/test.v1.TalkService/Talk"

// talk is the service of talkMethod; hear is what it does.
type talk struct {
	hear func(ss grpc.ServerStream) error
}

func (k *talk) register(r grpc.ServiceRegistrar) {
	r.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.v1.TalkService", HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: "Talk", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, ss grpc.ServerStream) error { return k.hear(ss) },
		}},
	}, k)
}

// open starts a talk.
func (b *bench) open(t *testing.T, hear func(ss grpc.ServerStream) error) grpc.ClientStream {
	t.Helper()
	b.talk.hear = hear
	cs, err := b.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, talkMethod)
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

// CloseUnit forgets to answer.
func (*units) CloseUnit(context.Context, *registrypb.CloseUnitRequest) (*registrypb.Unit, error) {
	return nil, nil //nolint:nilnil // the mistake under test
}

// logbook keeps the log lines of a server for a test.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// bench is a server with the units on it, and lan's way in.
type bench struct {
	// T is the test, of everyWay.
	*testing.T
	*rpc.Server

	units *units
	talk  *talk
	store *store.Store
	own   *tokentest.Own
	conn  grpc.ClientConnInterface
	// bare is the same way for whoever shows nothing.
	bare grpc.ClientConnInterface
	log  *logbook
	// addr is where it listens; "" in memory.
	addr string
}

func (b *bench) client() registrypb.UnitServiceClient { return registrypb.NewUnitServiceClient(b.conn) }

// everyWay runs a test over both transports; more changes the server's options.
func everyWay(t *testing.T, test func(b *bench), more ...func(*rpc.Options)) {
	t.Helper()
	t.Parallel()
	for _, way := range []string{"memory", "tcp"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, way == "tcp", more...)
			b.T = t
			test(b)
		})
	}
}

func newBench(t testing.TB, tcp bool, more ...func(*rpc.Options)) *bench {
	t.Helper()
	own := tokentest.Issuer(t)
	table := store.NewTable("units", (*registrypb.Unit).GetName)
	log := &logbook{}
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := store.Open(store.Options{
		Dir: t.TempDir(), Service: "registry", Schema: store.NewSchema(table), Sources: []string{"planning"},
		Logger: logger, MapSize: 16 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	o := rpc.Options{Service: "registry", Store: s, Logger: logger, Tokens: own.Verifier()}
	var network *rpctest.Network
	if tcp {
		network = rpctest.NewNetwork(t)
		o.TLS = network.As("registry")
	}
	for _, set := range more {
		set(&o)
	}
	b := &bench{
		Server: rpc.New(o),
		units:  &units{store: s, table: table}, talk: &talk{}, store: s, own: own, log: log,
	}
	b.talk.register(b.Server)
	registrypb.RegisterUnitServiceServer(b.Server, b.units)
	feedpb.RegisterFeedServiceServer(b.Server, feedpb.UnimplementedFeedServiceServer{})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		b.Stop(ctx)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	b.bare = b.Conn()
	if tcp {
		b.addr = network.Serve(b.Server)
		b.bare = network.Dial(b.addr, "registry", mtls.Gateway)
	}
	b.conn = own.As("lan", b.bare)
	return b
}

// unit is a good unit.
func unit() *registrypb.Unit {
	return &registrypb.Unit{
		DisplayName: "Quận ủy Tây Hồ", Level: "DISTRICT_COMMITTEE", ValidFrom: "1995-10-28",
		Placements: []*registrypb.Placement{{Tree: "party", Parent: "units/ha-noi", FromDate: "1995-10-28"}},
	}
}

// create records a good unit as units/tay-ho.
func (b *bench) create(t testing.TB) *registrypb.Unit {
	t.Helper()
	u, err := b.client().CreateUnit(t.Context(), &registrypb.CreateUnitRequest{Unit: unit(), UnitId: "tay-ho"})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// with is a context with metadata for the call.
func with(t *testing.T, pairs ...string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(t.Context(), pairs...)
}

// only is the one value of a key of an answer's header.
func only(t *testing.T, md metadata.MD, key string) string {
	t.Helper()
	v := md.Get(key)
	if len(v) != 1 {
		t.Fatalf("header %s = %q, want one value", key, v)
	}
	return v[0]
}

// refused checks kind, reason and field of what a call answered, and gives it back as clients see it.
func refused(t *testing.T, err error, kind fault.Kind, reason faultpb.Reason, field string) fault.Error {
	t.Helper()
	if err == nil {
		t.Fatalf("answered, want %v %v", kind, reason)
	}
	got := fault.From(fault.FromStatus(status.Convert(err)))
	if got.Kind != kind || got.Reason != reason || got.Field != field {
		t.Fatalf("refused with %v %v %q (%v), want %v %v %q", got.Kind, got.Reason, got.Field, err, kind, reason, field)
	}
	return *got
}

// eventually polls until ok, for 10 seconds at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 10 seconds: %s", what)
		}
	}
}

package registry_test

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/run"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
	"coso/services/platform/streamlog/streamlogtest"
	"coso/services/platform/token/tokentest"
	"coso/services/registry"

	faultpb "coso/proto/gen/coso/fault/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// town is a registry in three replicas on one log, on a real server.
type town struct {
	t      *testing.T
	own    *tokentest.Own
	nats   *streamlogtest.Cluster
	log    streamlog.Options
	dirs   map[string]string
	places map[string]*place
}

// place is where a replica answers the others; nobody does while it is stopped.
type place struct {
	now  atomic.Pointer[run.Service]
	stop func()
	// deaf: what it answers does not arrive.
	deaf atomic.Bool
	// bent: what the log brings it are not the entries that were written.
	bent atomic.Bool
}

// bending is a log that does not keep its word while its place is bent.
type bending struct {
	store.Log

	at *place
}

// Tail implements store.Log.
func (l bending) Tail(ctx context.Context, from uint64) iter.Seq2[store.Placed, error] {
	return func(yield func(store.Placed, error) bool) {
		for there, err := range l.Log.Tail(ctx, from) {
			if err == nil && l.at.bent.Load() {
				there.Entry = []byte("another entry")
			}
			if !yield(there, err) {
				return
			}
		}
	}
}

func (p *place) conn() grpc.ClientConnInterface {
	if s := p.now.Load(); s != nil {
		return s.ConnOf("registry")
	}
	return nil
}

// Invoke makes a call of another replica.
func (p *place) Invoke(ctx context.Context, method string, req, answer any, options ...grpc.CallOption) error {
	conn := p.conn()
	if conn == nil {
		return fault.ToStatus(fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, ""), "").Err()
	}
	err := conn.Invoke(ctx, method, req, answer, options...)
	if p.deaf.Load() {
		return fault.ToStatus(fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, ""), "").Err()
	}
	return err
}

// NewStream opens a stream to another replica.
func (p *place) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	conn := p.conn()
	if conn == nil {
		return nil, fault.ToStatus(fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, ""), "").Err()
	}
	return conn.NewStream(ctx, desc, method, options...)
}

// newTown puts a registry with its first administrator on a log and starts three replicas of it.
func newTown(t *testing.T) *town {
	t.Helper()
	n := &town{t: t, own: tokentest.Issuer(t), nats: streamlogtest.New(t, 1, nil), dirs: map[string]string{}, places: map[string]*place{}}
	n.log = n.nats.Log("registry")
	first := t.TempDir()
	alone, err := registry.New(run.Options{Dir: first, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	n.run(alone, func() {})()
	_, err = store.Promote(t.Context(), store.Replication{
		Dir: first, Service: "registry", Schema: store.NewSchema(), Now: time.Now(), Logger: slog.New(slog.DiscardHandler),
		Log: func(ctx context.Context) (store.SharedLog, error) {
			l, err := streamlog.Begin(ctx, n.log, streamlog.Shape{Replicas: 1})
			if err == nil {
				l.Look(ctx)
			}
			return l, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"r1", "r2", "r3"} {
		n.dirs[name], n.places[name] = t.TempDir(), &place{}
		copyOf(t, filepath.Join(first, "registry.db"), filepath.Join(n.dirs[name], "registry.db"))
	}
	for name := range n.dirs {
		n.start(name)
	}
	n.settled()
	return n
}

// settled waits until all replicas that run may write.
func (n *town) settled() {
	n.t.Helper()
	for name, p := range n.places {
		eventually(n.t, name+" may write", func() bool { s := p.now.Load(); return s == nil || s.Sound() == nil })
	}
}

func copyOf(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// run runs a service until stop is called, at the latest when the test ends. It answers when the service is ready.
func (n *town) run(s *run.Service, ended func()) (stop func()) {
	n.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(n.t.Context()))
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- s.Part(n.log.JetStream, nil).Run(ctx, func() { close(ready) }) }()
	stop = sync.OnceFunc(func() {
		ended()
		cancel()
		if err := <-done; err != nil {
			n.t.Error(err)
		}
	})
	n.t.Cleanup(stop)
	select {
	case <-ready:
	case err := <-done:
		done <- err
		n.t.Fatalf("ended: %v", err)
	case <-time.After(streamlogtest.Ready):
		n.t.Fatal("not ready in time")
	}
	return stop
}

func (n *town) start(name string) {
	n.t.Helper()
	peers := map[string]grpc.ClientConnInterface{}
	for other, p := range n.places {
		if other != name {
			peers[other] = p
		}
	}
	p := n.places[name]
	s, err := registry.New(run.Options{
		Dir: n.dirs[name], Logger: slog.New(slog.DiscardHandler), Tokens: n.own.Verifier(),
		Replica: &run.Replica{
			Self: name, Peers: peers, JetStream: n.log.JetStream, System: n.log.System,
			Around: func(l store.Log) store.Log { return bending{l, p} },
		},
	})
	if err != nil {
		n.t.Fatal(err)
	}
	p.stop = n.run(s, func() { p.now.Store(nil) })
	p.now.Store(s)
}

// admin asks a replica as the administrator.
func (n *town) admin(name string) grpc.ClientConnInterface {
	n.t.Helper()
	return n.own.As("admin", n.places[name].now.Load().Conn())
}

// create makes a unit at a replica and answers the position that came with it.
func (n *town) create(replica, id string) (*registrypb.Unit, string) {
	n.t.Helper()
	var header metadata.MD
	made, err := registrypb.NewUnitServiceClient(n.admin(replica)).CreateUnit(n.t.Context(), &registrypb.CreateUnitRequest{
		UnitId: id, Unit: unitOf(id),
	}, grpc.Header(&header))
	if err != nil {
		n.t.Fatalf("%s: create %s: %v", replica, id, status.Convert(err).Message())
	}
	return made, header.Get(rpc.PositionHeader)[0]
}

// sees reads a unit at a replica that has reached a position.
func (n *town) sees(replica, name, position string) {
	n.t.Helper()
	ctx := metadata.AppendToOutgoingContext(n.t.Context(), rpc.PositionHeader, position)
	if _, err := registrypb.NewUnitServiceClient(n.admin(replica)).GetUnit(ctx, &registrypb.GetUnitRequest{Name: name}); err != nil {
		n.t.Fatalf("%s does not see %s: %v", replica, name, err)
	}
}

// writer is who wrote the last entry that a replica has.
func (n *town) writer(replica string) string {
	return n.places[replica].now.Load().Store().Head().GetWriter()
}

// after is another replica than each.
var after = map[string]string{"r1": "r2", "r2": "r3", "r3": "r1"}

// halt stops the writing of a replica with an alarm: its log brings it another entry than the one that was written.
func (n *town) halt(name string) {
	n.t.Helper()
	p := n.places[name]
	p.bent.Store(true)
	_, err := registrypb.NewUnitServiceClient(n.admin(name)).CreateUnit(n.t.Context(), &registrypb.CreateUnitRequest{UnitId: "halts", Unit: unitOf("halts")})
	if err != nil && status.Code(err) != codes.DataLoss { // it has halted before it could answer
		n.t.Fatal(err)
	}
	eventually(n.t, name+" has halted", func() bool { return p.now.Load().Store().Halted() != nil })
	p.bent.Store(false)
	if err := p.now.Load().Store().Aside(); err != nil {
		n.t.Fatalf("%s is set aside: %v", name, err)
	}
}

func (n *town) setAside(name string) {
	n.t.Helper()
	why := fault.DataLoss(faultpb.Reason_REASON_REPLICA_DIFFERS, "", "name", name)
	if err := n.places[name].now.Load().Store().SetAside(why); fault.KindOf(err) != fault.KindDataLoss {
		n.t.Fatal(err)
	}
}

// relaying are the replicas whose relay works.
func (n *town) relaying() (all []string) {
	n.t.Helper()
	for name, p := range n.places {
		s := p.now.Load()
		if s == nil {
			continue
		}
		status, err := feedpb.NewFeedServiceClient(s.ConnOf("planning")).GetFeedStatus(n.t.Context(), &feedpb.GetFeedStatusRequest{})
		if err != nil {
			n.t.Fatal(err)
		}
		if !status.GetRelay().GetResting() {
			all = append(all, name)
		}
	}
	return all
}

// serves is whether a replica says that it is to be asked.
func (n *town) serves(name string) bool {
	n.t.Helper()
	answer, err := healthpb.NewHealthClient(n.places[name].now.Load().Conn()).Check(n.t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		n.t.Fatal(err)
	}
	return answer.GetStatus() == healthpb.HealthCheckResponse_SERVING
}

func unitOf(id string) *registrypb.Unit {
	return &registrypb.Unit{DisplayName: "Đơn vị " + id, Level: "PROVINCE", ValidFrom: "2020-01-01"}
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(streamlogtest.Ready), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %s", streamlogtest.Ready, what)
		}
	}
}

func refused(t *testing.T, err error, kind fault.Kind, reason faultpb.Reason) {
	t.Helper()
	if f := fault.From(fault.FromStatus(status.Convert(err))); err == nil || f.Kind != kind || f.Reason != reason {
		t.Fatalf("refused with %v, want %v %v", err, kind, reason)
	}
}

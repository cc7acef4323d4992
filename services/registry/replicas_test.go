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
	first := t.TempDir()
	alone, err := registry.New(run.Options{Dir: first, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	n.run(alone, func() {})()
	_, err = store.Promote(t.Context(), store.Replication{
		Dir: first, Service: "registry", Schema: store.NewSchema(), Now: time.Now(), Logger: slog.New(slog.DiscardHandler),
		Log: func(ctx context.Context) (store.SharedLog, error) {
			o := n.nats.Log("registry")
			l, err := streamlog.Begin(ctx, o, streamlog.Shape{Replicas: 1})
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
	go func() { done <- s.Part(n.nats.JetStream(), nil).Run(ctx, func() { close(ready) }) }()
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
	log := n.nats.Log("registry")
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
			Self: name, Peers: peers, JetStream: log.JetStream, System: log.System,
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

// Whatever replica is asked, the writer of the last entry writes; without an answer from it the asked one does, and is the writer
// then. Who has written at one replica sees it at every other.
func TestReplicasAskTheWriter(t *testing.T) { // INV-REPLICA-FORWARD
	n := newTown(t)
	_, at := n.create("r1", "a")
	before := n.writer("r1")
	for i, replica := range []string{"r1", "r2", "r3", "r2"} {
		made, position := n.create(replica, string(rune('b'+i)))
		for _, other := range []string{"r1", "r2", "r3"} {
			n.sees(other, made.GetName(), position)
			n.sees(other, "units/a", at)
		}
		if got := n.writer(replica); got != before {
			t.Errorf("%s has written what %s was asked for, after %s", got, replica, before)
		}
	}
	n.places[before].stop()
	n.settled()
	var next string
	for name, p := range n.places {
		if p.now.Load() != nil {
			next = name
		}
	}
	made, position := n.create(next, "next")
	if got := n.writer(next); got != next {
		t.Errorf("%s has written, not %s, which was asked and got no answer", got, next)
	}
	n.start(before)
	n.sees(before, made.GetName(), position)
	n.settled()
	n.create(before, "last")
	if got := n.writer(before); got != next {
		t.Errorf("%s has written, not %s", got, next)
	}
}

// What is done at the writer and answered by nobody takes effect once, though the replica that was asked does it again; what the
// writer refuses is refused.
func TestForwardedOnce(t *testing.T) { // INV-RPC-FORWARDED-ONCE
	n := newTown(t)
	_, at := n.create("r1", "a")
	writer := n.writer("r1")
	asked := after[writer]
	events := func() uint64 { return n.places[asked].now.Load().Store().Head().GetEvents() }

	n.sees(asked, "units/a", at)
	before := events()
	n.places[writer].deaf.Store(true)
	made, position := n.create(asked, "b")
	n.places[writer].deaf.Store(false)
	n.sees(writer, made.GetName(), position)
	if got := events() - before; got != 1 {
		t.Errorf("one command has %d events", got)
	}
	units := registrypb.NewUnitServiceClient(n.admin(writer))
	_, err := units.CreateUnit(t.Context(), &registrypb.CreateUnitRequest{UnitId: "b", Unit: unitOf("b")})
	refused(t, err, fault.KindAlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS)

	// The header alone makes nobody a replica: a client that shows it is forwarded like any other.
	other := n.writer(asked)
	for name := range n.places {
		if name == other {
			continue
		}
		ctx := metadata.AppendToOutgoingContext(t.Context(), rpc.ForwardedHeader, other)
		id := "c-" + name
		if _, err := registrypb.NewUnitServiceClient(n.admin(name)).CreateUnit(ctx, &registrypb.CreateUnitRequest{UnitId: id, Unit: unitOf(id)}); err != nil {
			t.Fatal(err)
		}
		if got := n.writer(name); got != other {
			t.Errorf("%s has written, not %s", got, other)
		}
	}
}

func unitOf(id string) *registrypb.Unit {
	return &registrypb.Unit{DisplayName: "Đơn vị " + id, Level: "PROVINCE", ValidFrom: "2020-01-01"}
}

// A writer whose writing has stopped with an alarm stays the one that wrote the last entry: whoever is asked writes then, and no
// client hears of the alarm.
func TestAHaltedWriterIsPassedOver(t *testing.T) { // INV-REPLICA-FORWARD
	for name, stop := range map[string]func(*town, string){"halted": (*town).halt, "set aside": (*town).setAside} {
		t.Run(name, func(t *testing.T) {
			n := newTown(t)
			n.create("r1", "a")
			writer := n.writer("r1")
			stop(n, writer)
			asked := after[writer]
			before := n.places[asked].now.Load().Store().Head().GetEvents()
			made, at := n.create(asked, "b")
			n.sees(after[asked], made.GetName(), at)
			if got := n.places[asked].now.Load().Store().Head().GetEvents() - before; n.writer(asked) != asked || got != 1 {
				t.Errorf("%s has written, with %d events; %s was asked", n.writer(asked), got, asked)
			}
		})
	}
}

// after is another replica than each.
var after = map[string]string{"r1": "r2", "r2": "r3", "r3": "r1"}

// halt stops the writing of a replica with an alarm: its log brings it another entry than the one that was written.
func (n *town) halt(name string) {
	n.t.Helper()
	p := n.places[name]
	p.bent.Store(true)
	_, at := n.create(name, "halts-"+name)
	eventually(n.t, name+" has halted", func() bool { return p.now.Load().Store().Halted() != nil })
	p.bent.Store(false)
	n.sees(after[name], "units/halts-"+name, at)
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

// A replica whose writing has stopped with an alarm applies nothing more, so it leaves to another one what one is enough for.
func TestAHaltedReplicaGivesUpTheLease(t *testing.T) { // INV-REPLICA-LEASE
	n := newTown(t)
	n.create("r1", "a")
	eventually(t, "one relays", func() bool { return len(n.relaying()) == 1 })
	holder := n.relaying()[0]
	n.halt(holder)
	eventually(t, "another one relays", func() bool { all := n.relaying(); return len(all) == 1 && all[0] != holder })
}

// One replica at a time relays; when it stops another one goes on, and each event is in the stream once.
func TestOneReplicaRelays(t *testing.T) {
	n := newTown(t)
	published := func(want uint64) func() bool {
		return func() bool {
			stream, err := n.nats.JetStream().Stream(t.Context(), "COSO_REGISTRY")
			return err == nil && stream.CachedInfo().State.Msgs == want
		}
	}
	n.create("r1", "a")
	eventually(t, "one relays", func() bool { return len(n.relaying()) == 1 })
	eventually(t, "both events are there", published(2)) // the first administrator's grant, and the unit
	holder := n.relaying()[0]
	n.places[holder].stop()
	eventually(t, "another one relays", func() bool { return len(n.relaying()) == 1 })
	for name, p := range n.places {
		if p.now.Load() != nil {
			n.create(name, "b-"+name)
		}
	}
	eventually(t, "all events are there", published(4))
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

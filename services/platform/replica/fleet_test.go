package replica_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/replica"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
	"coso/services/platform/streamlog/streamlogtest"
)

const service = "registry"

// link is the way to a replica, which can be cut and joined again.
type link struct{ to atomic.Pointer[rpc.Server] }

func (l *link) way() (grpc.ClientConnInterface, error) {
	s := l.to.Load()
	if s == nil {
		return nil, fault.ToStatus(fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, ""), "").Err()
	}
	return s.ConnOf(access.Service(service)), nil
}

func (l *link) Invoke(ctx context.Context, method string, args, reply any, o ...grpc.CallOption) error {
	c, err := l.way()
	if err != nil {
		return err
	}
	return c.Invoke(ctx, method, args, reply, o...)
}

func (l *link) NewStream(ctx context.Context, d *grpc.StreamDesc, method string, o ...grpc.CallOption) (grpc.ClientStream, error) {
	c, err := l.way()
	if err != nil {
		return nil, err
	}
	return c.NewStream(ctx, d, method, o...)
}

// fleet are the replicas of a service on one log.
type fleet struct {
	t    *testing.T
	nats *streamlogtest.Cluster
	id   uuid.UUID
	dirs map[string]string
	ways map[string]*link
}

func newFleet(t *testing.T, servers int, names ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, nats: streamlogtest.New(t, servers, nil), id: uuid.Must(uuid.NewV7()), dirs: map[string]string{}, ways: map[string]*link{}}
	for _, name := range names {
		f.dirs[name], f.ways[name] = t.TempDir(), &link{}
	}
	f.makeLog()
	return f
}

// makeLog makes the log, which is empty.
func (f *fleet) makeLog() {
	f.t.Helper()
	eventually(f.t, func() error {
		_, err := streamlog.Make(f.t.Context(), f.nats.Log(service), f.id, streamlog.Shape{Replicas: len(f.nats.Options)})
		return err
	})
}

// member is a replica that runs.
type member struct {
	*store.Store
	f     *fleet
	name  string
	units *store.Table[*registrypb.Unit]
	watch *replica.Watch
	end   func()
}

// start opens a replica on its folder and lets it run until stop, or the end of the test.
func (f *fleet) start(name string) *member {
	f.t.Helper()
	peers := map[string]grpc.ClientConnInterface{}
	for other, way := range f.ways {
		if other != name {
			peers[other] = way
		}
	}
	quiet := slog.New(slog.DiscardHandler)
	l := streamlog.Of(f.nats.Log(service), f.id)
	w := replica.NewWatch(replica.WatchOptions{
		Service: service, Replica: name, Peers: peers, Log: l, Logger: quiet, Every: 20 * time.Millisecond, AheadFor: 200 * time.Millisecond,
	})
	m := &member{f: f, name: name, watch: w, units: store.NewTable("units", (*registrypb.Unit).GetName)}
	var err error
	m.Store, err = store.Open(store.Options{
		Dir: f.dirs[name], Service: service, Schema: store.NewSchema(m.units), MapSize: 16 << 20, Logger: quiet, Replica: name,
		Log: w.Log(), Key: bytes.Repeat([]byte{7}, 32),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	w.Of(m.Store)
	server := rpc.New(rpc.Options{Service: service, Store: m.Store, Logger: quiet})
	replicapb.RegisterReplicaServiceServer(server, w)
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.t.Context()))
	looked, watched := make(chan struct{}), make(chan struct{})
	go func() { defer close(looked); l.Run(ctx) }()
	go func() { defer close(watched); w.Run(ctx) }()
	f.ways[name].to.Store(server)
	stopped := false
	m.end = func() {
		if stopped {
			return
		}
		stopped = true
		f.ways[name].to.CompareAndSwap(server, nil)
		cancel()
		<-looked
		<-watched
		if err := m.Close(); err != nil {
			f.t.Error(err)
		}
	}
	f.t.Cleanup(m.end)
	return m
}

func (f *fleet) startAll() (out []*member) {
	for _, name := range []string{"r1", "r2", "r3"} {
		if f.ways[name] != nil {
			out = append(out, f.start(name))
		}
	}
	return out
}

func stopAll(all []*member) {
	for _, m := range all {
		m.end()
	}
}

func eventually(t *testing.T, reached func() error) {
	t.Helper()
	deadline := time.NewTimer(streamlogtest.Ready)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for err := reached(); err != nil; err = reached() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal(err)
		}
	}
}

// write makes a unit; sent again, it takes effect once.
func (m *member) write(id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	ctx = access.WithMethod(access.With(ctx, access.Principal{Name: "principals/clerk"}), "/test/Method")
	_, err := store.Update(ctx, m.Store, &registrypb.CreateUnitRequest{RequestId: "create-" + id}, func(tx *store.Tx) (*registrypb.Unit, error) {
		u := &registrypb.Unit{Name: "units/" + id, DisplayName: "Đơn vị " + id, Level: "DISTRICT_COMMITTEE", ValidFrom: "2020-01-01"}
		return m.units.Create(tx, u, &registrypb.UnitCreated{})
	})
	return err
}

func (m *member) read(id string) error {
	ctx := access.With(context.Background(), access.Principal{Name: "principals/clerk"})
	_, err := store.View(ctx, m.Store, func(tx *store.ReadTx) (*registrypb.Unit, error) { return m.units.Get(tx, "units/"+id) })
	return err
}

// writeSoon writes until it is taken.
func (m *member) writeSoon(ids ...string) {
	m.f.t.Helper()
	for _, id := range ids {
		eventually(m.f.t, func() error { return m.write(id) })
	}
}

// refused polls until a write is refused for a reason.
func (m *member) refused(id string, reason faultpb.Reason) {
	m.f.t.Helper()
	eventually(m.f.t, func() error {
		if err := m.write(id); fault.ReasonOf(err) != reason {
			return fmt.Errorf("%s wrote %s: %w, not %v", m.name, id, err, reason)
		}
		return nil
	})
}

// waitsForOthers waits until a replica has no agreement, and sees that it writes nothing then. What was offered while the way was
// being lost has no outcome until it can be offered again.
func (m *member) waitsForOthers(id string) {
	m.f.t.Helper()
	eventually(m.f.t, func() error {
		if err := m.watch.Healthy(); fault.ReasonOf(err) != faultpb.Reason_REASON_AGREEMENT_MISSING {
			return fmt.Errorf("%s is healthy: %w", m.name, err)
		}
		return nil
	})
	if err := m.write(id); fault.KindOf(err) != fault.KindUnavailable {
		m.f.t.Errorf("%s wrote %s: %v", m.name, id, err)
	}
}

// reaches polls until all hold entries up to a position.
func reaches(t *testing.T, position uint64, all ...*member) {
	t.Helper()
	eventually(t, func() error {
		for _, m := range all {
			if at := m.Head().GetPosition(); at != position {
				return fmt.Errorf("%s is at %d, not %d", m.name, at, position)
			}
		}
		return nil
	})
}

// isAside polls until a replica has set itself aside for a reason, and sees that nobody gets anything from it then.
func (m *member) isAside(reason faultpb.Reason) {
	m.f.t.Helper()
	eventually(m.f.t, func() error {
		if err := m.Aside(); fault.ReasonOf(err) != reason {
			return fmt.Errorf("%s is set aside for %w, not %v", m.name, err, reason)
		}
		return nil
	})
	if err := m.watch.Healthy(); fault.KindOf(err) != fault.KindDataLoss {
		m.f.t.Errorf("%s is healthy: %v", m.name, err)
	}
	if err := m.write("aside-" + m.name); fault.KindOf(err) != fault.KindDataLoss {
		m.f.t.Errorf("%s, set aside, wrote: %v", m.name, err)
	}
	if err := m.read("a"); fault.ReasonOf(err) != faultpb.Reason_REASON_REPLICA_SET_ASIDE {
		m.f.t.Errorf("%s, set aside, answers: %v", m.name, err)
	}
}

// report is what an operator sees at a replica.
func (m *member) report() *replicapb.ReplicaReport {
	m.f.t.Helper()
	r, err := m.watch.GetReplicaReport(m.f.t.Context(), &replicapb.GetReplicaReportRequest{})
	if err != nil {
		m.f.t.Fatal(err)
	}
	return r
}

func (m *member) accept(reason string) error {
	ctx := access.WithMethod(access.With(context.Background(), access.Principal{Name: access.Operator}), "/test/Accept")
	_, err := m.watch.AcceptReplicas(ctx, &replicapb.AcceptReplicasRequest{Reason: reason, RequestId: uuid.NewString()})
	return err
}

// putBack replaces the log by one that holds fewer entries, as somebody does who restores a stream.
func (f *fleet) putBack(entries [][]byte) {
	f.t.Helper()
	js := f.nats.JetStream()
	if err := js.DeleteStream(f.t.Context(), streamlog.StreamName(service)); err != nil {
		f.t.Fatal(err)
	}
	f.makeLog()
	for _, e := range entries {
		if _, err := js.Publish(f.t.Context(), streamlog.Subject(service), e); err != nil {
			f.t.Fatal(err)
		}
	}
}

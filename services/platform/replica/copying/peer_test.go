package copying

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	registrypb "coso/proto/gen/coso/registry/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
	"coso/services/platform/access"
	"coso/services/platform/feed/feedtest"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
	"coso/services/platform/streamlog/streamlogtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, feedtest.Leaks()...) }

// peer is a replica of a service that gives copies.
type peer struct {
	t       testing.TB
	service string
	dir     string
	units   *store.Table[*registrypb.Unit]
	store   *store.Store
	server  *Server
	rpc     *rpc.Server
	// rate is that of its server.
	rate int64
}

func key() []byte { return bytes.Repeat([]byte{7}, 32) }

// logOf is the log of a service on the servers of a test, made if there is none.
func logOf(t testing.TB, c *streamlogtest.Cluster, service string) *streamlog.Log {
	t.Helper()
	l, err := streamlog.Begin(t.Context(), c.Log(service), streamlog.Shape{})
	if err == nil {
		l.Look(t.Context())
		err = l.Sound()
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// newPeer is a replica of the registry that begins, on its log; its methods are those of a real server, in memory.
func newPeer(t testing.TB, c *streamlogtest.Cluster) *peer {
	t.Helper()
	p := &peer{t: t, service: "registry", dir: t.TempDir(), rate: 1 << 30}
	p.start(c)
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *peer) open(dir string, l store.Log) *store.Store {
	p.t.Helper()
	p.units = store.NewTable("units", (*registrypb.Unit).GetName)
	s, err := store.Open(store.Options{
		Dir: dir, Service: p.service, Schema: store.NewSchema(p.units), MapSize: 1 << 30, Logger: slog.New(slog.DiscardHandler), Log: l, Key: key(),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *peer) start(c *streamlogtest.Cluster) {
	p.t.Helper()
	var l store.Log
	if c != nil {
		l = logOf(p.t, c, p.service)
	}
	p.store = p.open(p.dir, l)
	p.serve()
}

// serve begins to give copies, as after a start.
func (p *peer) serve() {
	p.t.Helper()
	var err error
	p.server, err = New(ServerOptions{Store: p.store, Dir: p.dir, Rate: p.rate, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		p.t.Fatal(err)
	}
	p.rpc = rpc.New(rpc.Options{Service: p.service, Store: p.store, Logger: slog.New(slog.DiscardHandler)})
	replicapb.RegisterCopyServiceServer(p.rpc, p.server)
}

func (p *peer) stop() {
	if p.store != nil {
		if err := errors.Join(p.server.Close(), p.store.Close()); err != nil {
			p.t.Error(err)
		}
		p.store = nil
	}
}

// as is the way on which a service asks the peer.
func (p *peer) as(service string) grpc.ClientConnInterface {
	return p.rpc.ConnOf(access.Service(service))
}

func caller(ctx context.Context) context.Context {
	return access.WithMethod(access.With(ctx, access.Principal{Name: "principals/clerk"}), "/test/Method")
}

// create adds units, each with a name of some length so that the file grows.
func (p *peer) create(from, to int) {
	p.t.Helper()
	for i := from; i < to; i++ {
		if err := p.createOne(i); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *peer) createOne(i int) error {
	_, err := store.Update(caller(context.Background()), p.store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
		u := &registrypb.Unit{
			Name: fmt.Sprintf("units/u-%d", i), DisplayName: fmt.Sprint("Đơn vị ", i, strings.Repeat(" dài", 65)), Level: "DISTRICT_COMMITTEE", ValidFrom: "2020-01-01",
		}
		return p.units.Create(tx, u, &registrypb.UnitCreated{})
	})
	return err
}

// fetch fetches into a folder from peers.
func fetch(ctx context.Context, dir, service string, peers ...grpc.ClientConnInterface) error {
	return Fetch(ctx, Options{Service: service, Dir: dir, Peers: peers, Logger: slog.New(slog.DiscardHandler), pause: time.Millisecond})
}

// mustTail opens what was fetched on the peer's log and sees it come to the peer's end. Nothing but the file is left.
func (p *peer) mustTail(c *streamlogtest.Cluster, dir string) {
	p.t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != p.service+".db" {
		p.t.Fatalf("the folder holds %v, %v", left, err)
	}
	s := (&peer{t: p.t, service: p.service}).open(dir, logOf(p.t, c, p.service))
	eventually(p.t, func() error {
		if !bytes.Equal(s.Head().GetHash(), p.store.Head().GetHash()) {
			return fmt.Errorf("it is at %d, the peer at %d", s.Head().GetPosition(), p.store.Head().GetPosition())
		}
		return nil
	})
	if err := errors.Join(s.Verify(context.Background(), nil), s.Healthy(), s.Close()); err != nil {
		p.t.Error(err)
	}
}

func eventually(t testing.TB, f func() error) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(20 * time.Second); ; {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(err)
		}
	}
}

// broken is a way on which things happen to a stream.
type broken struct {
	grpc.ClientConnInterface
	// parts is how many arrive before it breaks; below 0: all.
	parts int
	// change changes a part.
	change func(*replicapb.CopyPart)
	// seen counts the bytes that came.
	seen uint64
}

var errBroken = errors.New("the connection broke")

func (b *broken) NewStream(ctx context.Context, d *grpc.StreamDesc, method string, o ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, cancel := context.WithCancel(ctx)
	s, err := b.ClientConnInterface.NewStream(ctx, d, method, o...)
	return &brokenStream{ClientStream: s, b: b, left: b.parts, cancel: cancel}, err
}

type brokenStream struct {
	grpc.ClientStream
	b      *broken
	left   int
	cancel func()
}

func (s *brokenStream) RecvMsg(m any) error {
	if s.left == 0 {
		s.cancel()
		return errBroken
	}
	s.left--
	err := s.ClientStream.RecvMsg(m)
	if part, ok := m.(*replicapb.CopyPart); ok && err == nil {
		s.b.seen += uint64(len(part.GetData()))
		if s.b.change != nil {
			s.b.change(part)
		}
	}
	if err != nil {
		s.cancel()
	}
	return err
}

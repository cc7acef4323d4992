package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"

	"coso/services/platform/fault"
	"coso/services/platform/replica"
	"coso/services/platform/replica/copying"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"

	replicapb "coso/proto/gen/coso/replica/v1"
)

// Replica says that a service is one of several on a log that they share, and which.
type Replica struct {
	// Self is its name.
	Self string
	// Peers are the ways to the other configured replicas, by name.
	Peers map[string]grpc.ClientConnInterface
	// JetStream keeps the log, System sees how its servers keep what they acknowledge.
	JetStream jetstream.JetStream
	System    *nats.Conn
	// AcceptLazySync lets the service write although the servers have not been seen to sync.
	AcceptLazySync bool
	// Around stands between the store and its log, in tests of what happens when the log does not keep its word; nil: nothing.
	Around func(store.Log) store.Log
}

// replicated is a service's part in its replicas.
type replicated struct {
	Replica

	log *streamlog.Log
	// peers compares it with the others, copies lets a new one begin.
	peers  *replica.Watch
	copies *copying.Server
	lease  replica.Lease
}

// Begin lets a replica that has no data yet begin with that of another one. It waits for the others until ctx ends; errors are those
// of copying.Fetch.
func (r Replica) Begin(ctx context.Context, dir, service string, logger *slog.Logger) error {
	o := copying.Options{Service: service, Dir: dir, Logger: logger}
	for _, name := range slices.Sorted(maps.Keys(r.Peers)) {
		o.Peers = append(o.Peers, r.Peers[name])
	}
	return copying.Fetch(ctx, o)
}

// join begins a service's part in its replicas. Its data file must be there. Errors are those of store.IncarnationOf.
func (r Replica) join(dir, service string, logger *slog.Logger) (*replicated, error) {
	id, err := store.IncarnationOf(dir, service)
	if err != nil {
		return nil, err
	}
	log := streamlog.Of(streamlog.Options{
		JetStream: r.JetStream, System: r.System, AcceptLazySync: r.AcceptLazySync, Service: service, Logger: logger,
	}, id)
	return &replicated{
		Replica: r, log: log,
		peers: replica.NewWatch(replica.WatchOptions{Service: service, Replica: r.Self, Peers: r.Peers, Log: log, Logger: logger}),
		lease: replica.Lease{JetStream: r.JetStream, Service: service, Replica: r.Self, Logger: logger},
	}, nil
}

// orders is the log on which the store is opened.
func (r *replicated) orders() store.Log {
	if r.Around != nil {
		return r.Around(r.peers.Log())
	}
	return r.peers.Log()
}

// register lets the store be watched and copied, and registers what replicas ask each other.
func (r *replicated) register(reg grpc.ServiceRegistrar, s *store.Store, dir string, logger *slog.Logger) error {
	r.peers.Of(s)
	r.lease.Sound = s.Halted
	var err error
	r.copies, err = copying.New(copying.ServerOptions{Store: s, Dir: dir, Sound: r.given, Logger: logger})
	if err != nil {
		return err
	}
	replicapb.RegisterReplicaServiceServer(reg, r.peers)
	replicapb.RegisterCopyServiceServer(reg, r.copies)
	return nil
}

const (
	// MaxLag is how many entries a replica may be behind the log, or behind another replica, and still be asked.
	MaxLag = 256
	// beginEvery is how often a replica tries what must be there before anybody asks.
	beginEvery = time.Second
)

// given answers why nobody should begin with this replica's data. That it may not write now does not matter: two that have no data
// yet are what it may be waiting for.
func (r *replicated) given() error {
	if err := r.peers.Healthy(); err != nil && fault.KindOf(err) != fault.KindUnavailable {
		return err
	}
	return nil
}

// Sound answers nil while the service takes commands and, as one of several replicas, is near the end of their log.
func (s *Service) Sound() error {
	err := s.store.Healthy()
	if s.replicated != nil {
		err = errors.Join(err, s.replicated.peers.Healthy(), s.replicated.behind(s.store))
	}
	return err
}

// serves answers nil while the service is to be asked. A replica whose log does not answer still reads; one whose writing has
// stopped with an alarm, or that is far behind, is left out.
func (s *Service) serves() error {
	err := s.store.Healthy()
	if s.replicated == nil {
		return err
	}
	if aside := s.store.Aside(); aside != nil {
		return aside
	}
	if err != nil && fault.KindOf(err) != fault.KindUnavailable {
		return err
	}
	return s.replicated.behind(s.store)
}

// behind says that the replica is far from the end of the journal, or that nobody has said yet where that is.
func (r *replicated) behind(s *store.Store) error {
	here := s.Head().GetPosition()
	switch end, known := r.peers.End(); {
	case !known:
		return errors.New("neither the log nor another replica has said yet how far the journal goes")
	case end > here+MaxLag:
		return fmt.Errorf("this replica is at entry %d of %d; it catches up", here, end)
	}
	return nil
}

// watch keeps an eye on the log until ctx ends; before it runs, the log takes nothing.
func (r *replicated) watch(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { r.log.Run(ctx) })
	all.Go(func() { r.peers.Run(ctx) })
	all.Wait()
}

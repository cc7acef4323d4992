package run

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"

	backuppb "coso/proto/gen/coso/backup/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	"coso/services/platform/backup"
	"coso/services/platform/feed"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/platform/watch"
)

// Options are what an operator decides about a service.
type Options struct {
	// Dir is the data folder.
	Dir string
	// Clock answers the time; nil: the machine's.
	Clock func() time.Time
	// Logger takes what an operator must know; nil: slog.Default.
	Logger *slog.Logger
	// AskEvery is how often the followed services are asked where their events stand; 0: every 3 seconds.
	AskEvery time.Duration
	// MaxCopyAge is when a copy of another service's data is too old to rest on; 0: 5 minutes.
	MaxCopyAge time.Duration
	// CopyClock is the clock by which copies age; nil: the machine's.
	CopyClock func() time.Time
}

// Parts are what makes a service the one it is.
type Parts struct {
	// Name is the service's name: `registry`.
	Name string
	// Schema is what its store holds.
	Schema *store.Schema
	// Register registers its gRPC methods.
	Register func(grpc.ServiceRegistrar, *store.Store)
	// Follow is what it does with other services' events.
	Follow []feed.Follower
	// Timers is what it does when timers become due, by their kind.
	Timers map[string]store.TimerHandler
}

// Service is one service: store, server, relay and followers.
type Service struct {
	name   string
	store  *store.Store
	server *rpc.Server
	feed   *feed.Feed
}

// New opens a service's store and registers its methods. Nothing runs yet. Errors are those of store.Open.
func New(o Options, p Parts) (*Service, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	logger := o.Logger.With("service", p.Name)
	sources := make([]string, len(p.Follow))
	for i, f := range p.Follow {
		sources[i] = f.Source
	}
	s, err := store.Open(store.Options{
		Dir: o.Dir, Service: p.Name, Schema: p.Schema, Sources: sources, Clock: o.Clock, Logger: logger,
		Timers: p.Timers,
	})
	if err != nil {
		return nil, err
	}
	f := feed.New(feed.Options{
		Store: s, Followers: p.Follow, Logger: logger, AskEvery: o.AskEvery, MaxAge: o.MaxCopyAge, Now: o.CopyClock,
	})
	server := rpc.New(rpc.Options{Service: p.Name, Store: s, Logger: o.Logger, OldCopies: f.OldCopies})
	p.Register(server, s)
	feedpb.RegisterFeedServiceServer(server, f)
	feedpb.RegisterEventServiceServer(server, watch.New(p.Name, s))
	backuppb.RegisterBackupServiceServer(server, backup.New(s))
	return &Service{name: p.Name, store: s, server: server, feed: f}, nil
}

// Name is the service's name.
func (s *Service) Name() string { return s.name }

// Store is the service's state.
func (s *Service) Store() *store.Store { return s.store }

// Conn calls the service in memory, through the same chain as over the network.
func (s *Service) Conn() grpc.ClientConnInterface { return s.server.Conn() }

// Server is the service's gRPC server.
func (s *Service) Server() *rpc.Server { return s.server }

// Part fires the service's timers and runs the relay and the followers over js until the context ends, and closes the store then. conns are the ways to
// the followed services, by name: they are asked how far their events have come (feed.Feed). With a nil js the service
// neither announces nor follows. A follower or relay that stops by itself has met something it must not pass over: it is
// logged as an alarm and looks again every few seconds (feed.Feed), while the service goes on serving.
func (s *Service) Part(js jetstream.JetStream, conns map[string]grpc.ClientConnInterface) Part {
	return Part{Name: s.name, Run: func(ctx context.Context, ready func()) error {
		var loops sync.WaitGroup
		loops.Go(func() { s.store.FireTimers(ctx) })
		if js != nil {
			loops.Go(func() { s.feed.Run(ctx, js, conns) })
		}
		ready()
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
		defer cancel()
		s.server.Stop(stop)
		loops.Wait()
		return s.Close()
	}}
}

// Close closes the store of a service that does not run. Waiting commands are Unavailable.
func (s *Service) Close() error {
	s.feed.Close()
	return s.store.Close()
}

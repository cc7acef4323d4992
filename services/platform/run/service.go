package run

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"coso/services/platform/feed"
	"coso/services/platform/rpc"
	"coso/services/platform/store"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

// Options are what an operator decides about a service.
type Options struct {
	// Dir is the data folder.
	Dir string
	// Clock answers the time; nil: the machine's.
	Clock func() time.Time
	// Logger takes what an operator must know; nil: slog.Default.
	Logger *slog.Logger
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
}

// Service is one service: store, server, relay and followers.
type Service struct {
	name   string
	store  *store.Store
	server *rpc.Server
	follow []feed.Follower
	logger *slog.Logger
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
	})
	if err != nil {
		return nil, err
	}
	server := rpc.New(rpc.Options{Service: p.Name, Store: s, Logger: logger})
	p.Register(server, s)
	return &Service{name: p.Name, store: s, server: server, follow: p.Follow, logger: logger}, nil
}

// Name is the service's name.
func (s *Service) Name() string { return s.name }

// Store is the service's state.
func (s *Service) Store() *store.Store { return s.store }

// Conn calls the service in memory, through the same chain as over the network.
func (s *Service) Conn() grpc.ClientConnInterface { return s.server.Conn() }

// Server is the service's gRPC server.
func (s *Service) Server() *rpc.Server { return s.server }

// Part runs the relay and the followers over js until the context ends, and closes the store then. With a nil js the
// service neither announces nor follows. A follower or relay that
// stops by itself has met something it must not pass over (feed): it is logged as an alarm and stays stopped, while the
// service goes on serving.
func (s *Service) Part(js jetstream.JetStream) Part {
	return Part{Name: s.name, Run: func(ctx context.Context, ready func()) error {
		var g errgroup.Group
		if js != nil {
			g.Go(s.watched(ctx, "relay", func() error { return feed.Relay(ctx, s.store, js, s.logger) }))
			for _, f := range s.follow {
				g.Go(s.watched(ctx, "follower of "+f.Source, func() error {
					return feed.Follow(ctx, s.store, js, f, s.logger)
				}))
			}
		}
		ready()
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), StopLimit/2)
		defer cancel()
		s.server.Stop(stop)
		return errors.Join(g.Wait(), s.Close())
	}}
}

// watched keeps a loop's alarm from ending the service.
func (s *Service) watched(ctx context.Context, what string, loop func() error) func() error {
	return func() error {
		if err := loop(); err != nil && ctx.Err() == nil {
			s.logger.Error("stopped with an alarm; an operator must look", "loop", what, "error", err)
		}
		return nil
	}
}

// Close closes the store of a service that does not run. Waiting commands are Unavailable.
func (s *Service) Close() error { return s.store.Close() }

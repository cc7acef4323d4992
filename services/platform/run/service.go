package run

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"

	backuppb "coso/proto/gen/coso/backup/v1"
	checkpointpb "coso/proto/gen/coso/checkpoint/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	operationpb "coso/proto/gen/coso/operation/v1"
	readingpb "coso/proto/gen/coso/reading/v1"
	"coso/services/platform/access"
	"coso/services/platform/backup"
	"coso/services/platform/checkpoint"
	"coso/services/platform/fault"
	"coso/services/platform/feed"
	"coso/services/platform/mtls"
	"coso/services/platform/operation"
	"coso/services/platform/readings"
	"coso/services/platform/replica"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/platform/wait"
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
	// Tokens verifies what callers show to prove who they are; nil: nobody has to, and only this machine is served.
	Tokens rpc.Tokens
	// TLS is who the service's process is to others; nil: they need no certificates, and only this machine is served.
	TLS *mtls.Identity
	// Replica says that the service is one of several replicas, and which; nil: it is alone.
	Replica *Replica
	// Rates are how much one caller may ask; zero ones have their defaults.
	Rates rpc.Limits
	// CopyClock is the clock by which copies age; nil: the machine's.
	CopyClock func() time.Time
	// Checkpoints say where the journal's checkpoints go; what is left open lies in Dir. Clock and Logger are those above.
	Checkpoints checkpoint.Options
}

// Parts are what makes a service the one it is.
type Parts struct {
	// Name is the service's name: `registry`.
	Name string
	// Schema is what its store holds.
	Schema *store.Schema
	// Authority knows what principals may do; nil: the service has no methods of its own.
	Authority store.Authority
	// Register registers its gRPC methods.
	Register func(grpc.ServiceRegistrar, *store.Store)
	// Follow is what it does with other services' events.
	Follow []feed.Follower
	// Timers is what it does when timers become due, by their kind.
	Timers map[string]store.TimerHandler
	// Begin readies, on each start, what must be there before anybody asks; nil: nothing must. It may be cut short and run
	// again. Its error ends the part.
	Begin func(context.Context, *store.Store) error
}

// Service is one service: store, server, relay and followers.
type Service struct {
	name   string
	store  *store.Store
	server *rpc.Server
	feed   *feed.Feed
	signer *checkpoint.Signer
	book   *readings.Book
	begin  func(context.Context, *store.Store) error
	// replicated is its part in its replicas; nil: it is alone.
	replicated *replicated
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
	out := &Service{name: p.Name, begin: p.Begin}
	opening := store.Options{
		Dir: o.Dir, Service: p.Name, Schema: p.Schema, Sources: sources, Clock: o.Clock, Logger: logger,
		Timers: p.Timers, Authority: p.Authority,
	}
	serving := rpc.Options{Service: p.Name, Logger: o.Logger, Tokens: o.Tokens, TLS: o.TLS, Limits: o.Rates, Sound: out.serves}
	if o.Replica != nil {
		var err error
		if out.replicated, err = o.Replica.join(o.Dir, p.Name, o.Logger); err != nil {
			return nil, err
		}
		opening.Log, opening.Replica = out.replicated.orders(), o.Replica.Self
		serving.Forward = replica.Forwarder{Self: o.Replica.Self, Peers: o.Replica.Peers}
	}
	s, err := store.Open(opening)
	if err != nil {
		return nil, err
	}
	out.store = s
	f := feed.New(feed.Options{
		Store: s, Followers: p.Follow, Logger: logger, AskEvery: o.AskEvery, MaxAge: o.MaxCopyAge, Now: o.CopyClock,
		Ages: filepath.Join(o.Dir, p.Name+".copies"),
	})
	book := readings.Open(readings.Options{Dir: o.Dir, Service: p.Name, Clock: o.Clock, Logger: logger})
	serving.Store, serving.OldCopies, serving.Readings = s, f.OldCopies, book
	server := rpc.New(serving)
	if out.replicated != nil {
		if err := out.replicated.register(server, s, o.Dir, logger); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	p.Register(server, s)
	feedpb.RegisterFeedServiceServer(server, f)
	feedpb.RegisterEventServiceServer(server, watch.New(p.Name, s))
	operationpb.RegisterOperationServiceServer(server, operation.New(p.Name, s))
	readingpb.RegisterReadingServiceServer(server, readings.NewServer(p.Name, s, book))
	backuppb.RegisterBackupServiceServer(server, backup.New(s))
	o.Checkpoints.Clock, o.Checkpoints.Logger = o.Clock, logger
	signer := checkpoint.New(s, o.Checkpoints.In(o.Dir))
	checkpointpb.RegisterCheckpointServiceServer(server, checkpoint.NewServer(signer))
	out.server, out.feed, out.signer, out.book = server, f, signer, book
	return out, nil
}

// Name is the service's name.
func (s *Service) Name() string { return s.name }

// Store is the service's state.
func (s *Service) Store() *store.Store { return s.store }

// Conn calls the service in memory, through the same chain as over the network.
func (s *Service) Conn() grpc.ClientConnInterface { return s.server.Conn() }

// ConnOf calls the service in memory as another service of this process does.
func (s *Service) ConnOf(neighbour string) grpc.ClientConnInterface {
	return s.server.ConnOf(access.Service(neighbour))
}

// Takers answers how far those who follow the service have come, as feed.Feed does.
func (s *Service) Takers(ctx context.Context, wanted uint64, wait time.Duration) []feed.Taker {
	return s.feed.Takers(ctx, wanted, wait)
}

// Server is the service's gRPC server.
func (s *Service) Server() *rpc.Server { return s.server }

// Signed answers nil unless the last checkpoint of the journal could not be signed or written, and why it could not.
func (s *Service) Signed() error { return s.signer.Healthy() }

// Recorded answers nil unless it cannot be recorded who reads personal data, so that none is shown, and why it cannot.
func (s *Service) Recorded() error { return s.book.Healthy() }

// Part fires the service's timers, signs its journal, and runs the relay and the followers over js until the context ends;
// then it signs what has changed and closes the store. conns are the ways to the followed services, by name: they are asked how far their events have come (feed.Feed). With a nil js the service
// neither announces nor follows. A follower or relay that stops by itself has met something it must not pass over: it is
// logged as an alarm and looks again every few seconds (feed.Feed), while the service goes on serving.
func (s *Service) Part(js jetstream.JetStream, conns map[string]grpc.ClientConnInterface) Part {
	return Part{Name: s.name, Run: func(ctx context.Context, ready func()) error {
		ctx, end := context.WithCancel(ctx)
		defer end()
		var loops sync.WaitGroup
		alone := func(ctx context.Context, once func(context.Context)) { once(ctx) }
		if s.replicated != nil {
			alone = s.replicated.lease.Hold
			loops.Go(func() { s.replicated.watch(ctx) })
		}
		if err := s.readied(ctx); err != nil {
			end()
			loops.Wait()
			return errors.Join(err, s.Close())
		}
		loops.Go(func() { s.signer.Run(ctx) })
		loops.Go(func() { alone(ctx, func(ctx context.Context) { s.once(ctx, js) }) })
		loops.Go(func() { s.feed.Ask(ctx, conns) })
		ready()
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
		defer cancel()
		s.server.Stop(stop)
		loops.Wait()
		s.signLast(ctx)
		return s.Close()
	}}
}

// readied makes ready what must be there before anybody asks. A replica tries until the log takes it.
func (s *Service) readied(ctx context.Context) error {
	if s.begin == nil {
		return nil
	}
	for {
		err := s.begin(ctx, s.store)
		if err == nil || s.replicated == nil || fault.KindOf(err) != fault.KindUnavailable {
			return err
		}
		if err := wait.For(ctx, beginEvery); err != nil {
			return nil //nolint:nilerr // it stops, and nothing is wrong with that
		}
	}
}

// once is what one replica of a service at a time does: it fires timers, relays and follows.
func (s *Service) once(ctx context.Context, js jetstream.JetStream) {
	var loops sync.WaitGroup
	loops.Go(func() { s.store.FireTimers(ctx) })
	if js != nil {
		loops.Go(func() { s.feed.Work(ctx, js) })
	}
	loops.Wait()
}

// signLast signs the journal at an orderly stop. That it could not be done is in the log.
func (s *Service) signLast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signLimit)
	defer cancel()
	_, _ = s.signer.Sign(ctx) // the signer logs why not
}

// Close closes the store of a service that does not run. Waiting commands are Unavailable.
func (s *Service) Close() error {
	s.feed.Close()
	s.signer.Close()
	var err error
	if s.replicated != nil {
		err = s.replicated.copies.Close()
	}
	return errors.Join(err, s.book.Close(), s.store.Close())
}

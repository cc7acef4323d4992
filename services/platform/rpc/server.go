package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"coso/services/platform/access"
	"coso/services/platform/limit"
	"coso/services/platform/mtls"
	"coso/services/platform/store"
)

// ErrClearText says that a server without certificates was to answer elsewhere than by a Unix socket.
var ErrClearText = errors.New("without certificates only a Unix socket is served")

// Options say what a server serves.
type Options struct {
	// Service is the service's bare name: `registry`.
	Service string
	// Store is the service's state; calls that name positions wait for it.
	Store *store.Store
	// Logger takes one line per call; nil: slog.Default.
	Logger *slog.Logger
	// Tokens verifies the tokens that callers show; nil: none proves anything, and every one is refused.
	Tokens Tokens
	// Readings keeps who was shown personal data; nil: no answer that shows any leaves.
	Readings Readings
	// TLS is who this process is to others, who prove by certificates who they are. nil: no network is served.
	TLS *mtls.Identity
	// Limits are how much one caller may ask; zero ones have their defaults.
	Limits Limits
	// Forward makes calls at other replicas of the service; nil: there are none.
	Forward Forwarder
	// Sound answers nil while the service is to be asked; nil: Store.Healthy.
	Sound func() error
	// OldCopies says, for a call of a full method, which of the service's copies of others' data are too old, as CopyAgeHeader
	// has it; empty for none. Its error refuses the call. nil: the service keeps no copies.
	OldCopies func(method string) (string, error)
}

// Server serves one service on TCP and in memory. It is safe for concurrent use, except that every service must be
// registered before the first call.
type Server struct {
	service string
	store   *store.Store
	forward Forwarder
	tokens  Tokens
	tls     *mtls.Identity
	copies  func(method string) (string, error)
	// readings keeps who was shown personal data; nil: none is shown.
	readings Readings
	logger   *slog.Logger
	meters   meters
	steps    []step
	gate     *gate
	limiter  *limit.Limiter
	unproved *mtls.Unproved
	health   *health.Server
	tcp      *grpc.Server
	// streams is the way of streams in memory.
	streams *inprocgrpc.Channel
	// methods are what is registered, by full name.
	methods map[string]*method
	// stranger stands for every method that is not.
	stranger *method
}

// New makes a server with the health service on it. It serves in memory at once, on TCP from Serve on. It panics for limits that
// Limits.Check refuses.
func New(o Options) *Server {
	s := &Server{
		service: o.Service, store: o.Store, forward: o.Forward, tokens: o.Tokens, tls: o.TLS, copies: o.OldCopies, readings: o.Readings, logger: o.Logger, meters: newMeters(), gate: newGate(), health: health.NewServer(),
		limiter: limit.New(o.Limits.whole(), time.Now), unproved: &mtls.Unproved{}, methods: map[string]*method{}, stranger: newMethod("unknown", "unknown"),
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if s.tokens == nil {
		s.tokens = noIssuer{}
	}
	s.logger = s.logger.With("service", o.Service)
	s.steps = s.chain()
	creds := insecure.NewCredentials()
	if o.TLS != nil {
		creds = o.TLS.Answering()
	}
	s.tcp = grpc.NewServer(
		append(onTheWire(),
			grpc.Creds(proving{creds}),
			grpc.UnaryInterceptor(s.unary),
			grpc.StreamInterceptor(s.streaming),
			grpc.UnknownServiceHandler(unknown),
			grpc.ForceServerCodecV2(codec{}),
		)...,
	)
	sound := o.Sound
	if sound == nil {
		sound = o.Store.Healthy
	}
	s.streams = (&inprocgrpc.Channel{}).
		WithServerStreamInterceptor(s.streaming).
		WithCloner(cloner{})
	s.RegisterService(&healthpb.Health_ServiceDesc, healthServer{s.health, sound})
	return s
}

// RegisterService registers a service on both ways in and reports it healthy. It implements grpc.ServiceRegistrar; it
// panics when the implementation does not fit the description or the service is there already.
func (s *Server) RegisterService(desc *grpc.ServiceDesc, impl any) {
	desc = tolerant(desc)
	s.streams.RegisterService(desc, impl)
	s.tcp.RegisterService(desc, impl)
	for i := range desc.Methods {
		s.add(newMethod(desc.ServiceName, desc.Methods[i].MethodName), &desc.Methods[i], impl)
	}
	for _, m := range desc.Streams {
		s.add(newMethod(desc.ServiceName, m.StreamName), nil, nil)
	}
	s.health.SetServingStatus(desc.ServiceName, healthpb.HealthCheckResponse_SERVING)
}

// Conn is the way to the server from within its process: nothing is encoded, and calls pass the same chain. Requests are
// copied; an answer belongs to its caller from then on. After Stop its calls are Unavailable.
func (s *Server) Conn() grpc.ClientConnInterface { return conn{methods: s.methods, streams: s.streams} }

// ConnOf is the way in for another service of this process, which needs no token to prove who it is. A call that carries a
// user's token is the user's.
func (s *Server) ConnOf(neighbour access.Principal) grpc.ClientConnInterface {
	return conn{methods: s.methods, streams: s.streams, neighbour: neighbour}
}

// Serve answers on lis, which it closes, until Stop or until ctx ends, which stops the server within the longest deadline
// of a call. It returns nil after a stop, and ErrClearText, without serving, for a listener on a network where nobody shows a
// certificate.
func (s *Server) Serve(ctx context.Context, lis net.Listener) error {
	if s.tls == nil && lis.Addr().Network() != "unix" {
		return errors.Join(fmt.Errorf("listen on %s: %w", lis.Addr(), ErrClearText), lis.Close())
	}
	defer context.AfterFunc(ctx, func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), readLimit)
		defer cancel()
		s.Stop(within)
	})()
	if lis.Addr().Network() != "unix" { // a socket's file says who may use it
		lis = doorstep{lis, s.unproved}
	}
	if err := s.tcp.Serve(lis); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// Stop reports the server unhealthy, refuses new calls, ends the contexts of streams and lets the other calls finish until
// ctx ends; what runs then is cut: its context ends and its caller hears UNAVAILABLE. It returns when all calls have
// ended, or a second after cutting them. It may be called again.
func (s *Server) Stop(ctx context.Context) {
	s.health.Shutdown()
	s.gate.close()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.tcp.GracefulStop()
		<-s.gate.idle
	}()
	select {
	case <-drained:
		return
	case <-ctx.Done():
	}
	s.logger.WarnContext(ctx, "calls were cut", "calls", s.gate.cut())
	go s.tcp.Stop()
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutWait)
	defer cancel()
	select {
	case <-drained:
	case <-within.Done():
		s.logger.ErrorContext(within, "calls did not end when they were cut")
	}
}

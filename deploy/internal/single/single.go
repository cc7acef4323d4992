// Package single runs coso whole in one process: an embedded nats-server, the services and the gateway over them,
// with all state in one folder. It is what `coso up` starts and what the demo and the end-to-end tests run.
//
// It guarantees that parts start in order, that the address answers when ready is called, and that Run ends in bounded
// time. It leaves every decision to the parts.
package single

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	embedded "coso/deploy/nats"
	"coso/gateway"
	"coso/gateway/identity"
	"coso/services/award"
	"coso/services/membership"
	"coso/services/planning"
	"coso/services/platform/checkpoint"
	"coso/services/platform/mtls"
	"coso/services/platform/run"
	"coso/services/platform/run/daemon"
	"coso/services/platform/run/ops"
	"coso/services/registry"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"
)

// Services are the names of the four services and of the gateway's own, in the order in which events flow.
func Services() []string {
	return []string{registry.Name, membership.Name, planning.Name, award.Name, identity.Name}
}

// Options say where a coso keeps its state and answers.
type Options struct {
	// Dir is the data folder; it is made if missing.
	Dir string
	// HTTP is the gateway's address, on loopback; port 0 takes a free one.
	HTTP string
	// NATSPort is where the embedded nats-server listens on 127.0.0.1 for integrators; 0: nowhere.
	NATSPort int
	// MaxStreams is how many bytes the streams of the embedded nats-server may hold; 0: what they hold when it starts and half
	// of what is free then.
	MaxStreams int64
	// Checkpoints say where signed checkpoints of the journals go; what is left open lies in Dir.
	Checkpoints checkpoint.Options
	// Limits say how long sessions and tokens hold.
	Limits identity.Limits
	// Rates are how much one caller may ask of the gateway; zero ones have their defaults.
	Rates gateway.Limits
	// AdminPassword is the first account's password; empty: a one-time password is made for it.
	AdminPassword string
	// First is told how to sign in for the first time, with each start until somebody has; nil: nobody is, and the next start
	// makes another one-time password.
	First func(identity.First)
	// FirstAdministrator is who administers an installation in which nobody ever held a grant; empty: the account `admin`.
	FirstAdministrator string
	// Issuers are those beside the installation itself whose tokens are accepted, and SignIn by which of them people sign in.
	Issuers daemon.Issuers
	SignIn  gateway.OIDC
	// Clock answers the time; nil: the machine's.
	Clock func() time.Time
	// Logger takes what an operator must know.
	Logger *slog.Logger
}

// Run runs everything until ctx ends or a part fails, and stops it. ready is told the gateway's base address once it
// answers.
func Run(ctx context.Context, o Options, ready func(base string)) (err error) {
	listener, err := gateway.Listen(ctx, o.HTTP)
	if err != nil {
		return fmt.Errorf("--http: %w", err)
	}
	foreign, err := o.Issuers.Open(o.Logger)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	// Only now: a start that is refused leaves no folder behind.
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return errors.Join(fmt.Errorf("data folder: %w", err), listener.Close())
	}
	if err := run.Whole(o.Dir, Services()...); err != nil {
		return errors.Join(err, listener.Close())
	}
	services, accounts, err := open(ctx, o, foreign)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := run.Settled(o.Dir, Services()...); err != nil {
		return errors.Join(err, listener.Close(), closeAll(services))
	}
	bus, err := embedded.Start(embedded.Options{Dir: filepath.Join(o.Dir, "nats"), Port: o.NATSPort, MaxStore: o.MaxStreams, Logger: o.Logger})
	if err != nil {
		return errors.Join(err, listener.Close(), closeAll(services))
	}
	defer bus.Stop()
	conn, err := bus.Connect("coso")
	if err != nil {
		return errors.Join(fmt.Errorf("embedded nats-server: %w", err), listener.Close(), closeAll(services))
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return errors.Join(err, listener.Close(), closeAll(services))
	}
	health := &ops.Readiness{}
	keys := foreign.Part(health)
	web, err := site(o, services, own{accounts, foreign}, listener, health, ready)
	if err != nil {
		return errors.Join(err, listener.Close(), closeAll(services))
	}
	parts := append(make([]run.Part, 0, len(services)+3), run.Answer("operator's sockets", func(ctx context.Context) ([]run.On, error) {
		return run.Sockets(ctx, o.Dir, o.Logger, services...)
	}))
	for _, s := range services {
		conns := map[string]grpc.ClientConnInterface{}
		for _, followed := range services {
			conns[followed.Name()] = followed.ConnOf(s.Name())
		}
		parts = append(parts, s.Part(js, conns))
	}
	return run.All(ctx, o.Logger, append(parts, keys, web)...)
}

// open opens the services in the order in which events flow, the gateway's own last, and sees to it that somebody can sign
// in. It comes before the nats-server: the stores' locks keep a second process away from the folder.
func open(ctx context.Context, o Options, foreign *daemon.Tokens) (services []*run.Service, accounts *identity.Service, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll(services))
		}
	}()
	options := run.Options{Dir: o.Dir, Clock: o.Clock, Logger: o.Logger, Checkpoints: o.Checkpoints}
	signIns, err := o.SignIn.Identities(foreign.Foreign, clockOf(o))
	if err != nil {
		return nil, nil, err
	}
	if accounts, err = identity.New(ctx, identity.Options{Options: options, Limits: o.Limits, Issuers: foreign.Foreign, SignIns: signIns}); err != nil {
		return nil, nil, err
	}
	own := accounts.Service
	defer func() { services = append(services, own) }()
	options.Tokens = accounts.Tokens()
	for _, n := range []func(run.Options) (*run.Service, error){registry.AdministeredBy(cmp.Or(o.FirstAdministrator, registry.FirstAdministrator)), membership.New, planning.New, award.New} {
		s, err := n(options)
		if err != nil {
			return services, nil, err
		}
		services = append(services, s)
	}
	first, err := accounts.EnsureFirst(ctx, o.AdminPassword)
	if err == nil && first.Principal != "" && o.First != nil {
		o.First(first)
	}
	return services, accounts, err
}

func closeAll(services []*run.Service) error {
	var failed error
	for _, s := range services {
		failed = errors.Join(failed, s.Close())
	}
	return failed
}

// own is what the gateway has of its own: the service of accounts, and the issuers beside it.
type own struct {
	accounts *identity.Service
	foreign  *daemon.Tokens
}

func clockOf(o Options) func() time.Time {
	if o.Clock != nil {
		return o.Clock
	}
	return time.Now
}

// site is the gateway as a part: it serves until stopped and lets requests under way finish.
func site(o Options, services []*run.Service, has own, listener net.Listener, health *ops.Readiness, ready func(base string)) (run.Part, error) {
	meters, err := ops.Meters()
	if err != nil {
		return run.Part{}, err
	}
	for _, s := range services {
		health.Whole = append(health.Whole, ops.Peer{Name: s.Name(), Conn: s.ConnOf(s.Name()), Sound: s.Store().Healthy, Signed: s.Signed, Recorded: s.Recorded})
	}
	issuer, err := gateway.NewIssuer(o.SignIn, has.foreign.Foreign, has.accounts.ConnOf(mtls.Gateway), o.Logger, clockOf(o))
	if err != nil {
		return run.Part{}, err
	}
	handler, err := gateway.New(gateway.Options{
		Registry: services[0].Conn(), Membership: services[1].Conn(), Planning: services[2].Conn(), Award: services[3].Conn(),
		Identity: has.accounts.Conn(), Keys: has.accounts.Published, Tokens: has.accounts.Tokens(), Issuer: issuer,
		Limits: o.Rates, Logger: o.Logger, Metrics: meters, Ready: health.Ready,
	})
	if err != nil {
		return run.Part{}, err
	}
	return run.Web("gateway", o.Logger, gateway.NewServer(o.Logger, handler), listener, func() { ready("http://" + listener.Addr().String()) }), nil
}

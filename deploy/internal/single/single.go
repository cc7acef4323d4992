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
	"net/http"
	"os"
	"path/filepath"
	"time"

	embedded "coso/deploy/nats"
	"coso/gateway"
	"coso/gateway/front"
	"coso/gateway/identity"
	"coso/services/award"
	"coso/services/membership"
	"coso/services/planning"
	"coso/services/platform/checkpoint"
	"coso/services/platform/rpc"
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
	// Front is what an operator decides about the gateway and the accounts. Its address is on loopback; port 0 takes a free one.
	Front front.Settings
	// Ops is the address of /livez, /readyz and /metrics, on loopback; port 0 takes a free one. Empty: nowhere.
	Ops string
	// NATSPort is where the embedded nats-server listens on 127.0.0.1 for integrators; 0: nowhere.
	NATSPort int
	// MaxStreams is how many bytes the streams of the embedded nats-server may hold; 0: what they hold when it starts and half
	// of what is free then.
	MaxStreams int64
	// Checkpoints say where signed checkpoints of the journals go; what is left open lies in Dir.
	Checkpoints checkpoint.Options
	// First is told how to sign in for the first time, with each start until somebody has; nil: nobody is, and the next start
	// makes another one-time password.
	First func(identity.First)
	// FirstAdministrator is who administers an installation in which nobody ever held a grant; empty: the account `admin`.
	FirstAdministrator string
	// Clock answers the time; nil: the machine's.
	Clock func() time.Time
	// Logger takes what an operator must know.
	Logger *slog.Logger
}

// Run runs everything until ctx ends or a part fails, and stops it. ready is told the gateway's base address once it
// answers.
func Run(ctx context.Context, o Options, ready func(base string)) (err error) {
	doors, err := listen(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, doors.close()) }()
	foreign, err := o.Front.Issuers.Open(o.Logger)
	if err != nil {
		return err
	}
	// Only now: a start that is refused leaves no folder behind.
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if err := run.Whole(o.Dir, Services()...); err != nil {
		return err
	}
	services, accounts, err := open(ctx, o, foreign)
	if err != nil {
		return err
	}
	if err := run.Settled(o.Dir, Services()...); err != nil {
		return errors.Join(err, closeAll(services))
	}
	bus, err := embedded.Start(embedded.Options{Dir: filepath.Join(o.Dir, "nats"), Port: o.NATSPort, MaxStore: o.MaxStreams, Logger: o.Logger})
	if err != nil {
		return errors.Join(err, closeAll(services))
	}
	defer bus.Stop()
	conn, err := bus.Connect("coso")
	if err != nil {
		return errors.Join(fmt.Errorf("embedded nats-server: %w", err), closeAll(services))
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return errors.Join(err, closeAll(services))
	}
	health := &ops.Readiness{}
	keys := foreign.Part(health)
	web, err := site(o, services, own{accounts, foreign}, doors, health, ready)
	if err != nil {
		return errors.Join(err, closeAll(services))
	}
	parts := append(make([]run.Part, 0, len(services)+4), run.Answer("operator's sockets", func(ctx context.Context) ([]run.On, error) {
		return run.Sockets(ctx, o.Dir, o.Logger, services...)
	}))
	for _, s := range services {
		conns := map[string]grpc.ClientConnInterface{}
		for _, followed := range services {
			conns[followed.Name()] = followed.ConnOf(s.Name())
		}
		parts = append(parts, s.Part(js, conns))
	}
	return run.All(ctx, o.Logger, append(append(parts, keys), web...)...)
}

// doors are where a coso is asked; ops, and what is shown there of metrics, may be nil.
type doors struct {
	site, ops net.Listener
	metrics   http.Handler
}

// listen opens them, or none. It comes first: what is made later counts in the metrics.
func listen(ctx context.Context, o Options) (d doors, err error) {
	if d.site, err = gateway.Listen(ctx, o.Front.HTTP); err != nil {
		return d, fmt.Errorf("--http: %w", err)
	}
	if o.Ops == "" {
		return d, nil
	}
	if d.ops, err = rpc.Listen(ctx, o.Ops); err != nil {
		return d, errors.Join(fmt.Errorf("--ops: %w", err), d.close())
	}
	if d.metrics, err = ops.Meters(); err != nil {
		return d, errors.Join(err, d.close())
	}
	return d, nil
}

// close closes what nobody has closed before.
func (d doors) close() error {
	var failed error
	for _, lis := range []net.Listener{d.site, d.ops} {
		if lis == nil {
			continue
		}
		if err := lis.Close(); !errors.Is(err, net.ErrClosed) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
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
	if accounts, err = o.Front.Accounts(ctx, options, foreign.Foreign); err != nil {
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
	first, err := accounts.EnsureFirst(ctx, string(o.Front.AdminPassword))
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

// site is the gateway as a part, last: it serves until stopped and lets requests under way finish. Before it, if there is an
// address for that, come the operations.
func site(o Options, services []*run.Service, has own, doors doors, health *ops.Readiness, ready func(base string)) ([]run.Part, error) {
	for _, s := range services {
		health.Whole = append(health.Whole, ops.Peer{Name: s.Name(), Conn: s.ConnOf(s.Name()), Sound: s.Store().Healthy, Signed: s.Signed, Recorded: s.Recorded})
	}
	options, err := o.Front.Gateway(gateway.Options{
		Registry: services[0].Conn(), Membership: services[1].Conn(), Planning: services[2].Conn(), Award: services[3].Conn(), Clock: o.Clock, Ready: health.Ready,
	}, has.accounts, has.foreign.Foreign, o.Logger)
	if err != nil {
		return nil, err
	}
	handler, err := gateway.New(options)
	if err != nil {
		return nil, err
	}
	web := run.Web("gateway", o.Logger, gateway.NewServer(o.Logger, handler), doors.site, func() { ready("http://" + doors.site.Addr().String()) })
	if doors.ops == nil {
		return []run.Part{web}, nil
	}
	return []run.Part{run.Web("operations", o.Logger, ops.Server(o.Logger, health, doors.metrics), doors.ops, nil), web}, nil
}

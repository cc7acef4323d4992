// Package single runs coso whole in one process: an embedded nats-server, the four services and the gateway over them,
// with all state in one folder. It is what `coso up` starts and what the demo and the end-to-end tests run.
//
// It guarantees that parts start in order, that the address answers when ready is called, and that Run ends in bounded
// time. It leaves every decision to the parts.
package single

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	embedded "coso/deploy/nats"
	"coso/gateway"
	"coso/services/award"
	"coso/services/membership"
	"coso/services/planning"
	"coso/services/platform/run"
	"coso/services/registry"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"
)

// Options say where a coso keeps its state and answers.
type Options struct {
	// Dir is the data folder; it is made if missing.
	Dir string
	// HTTP is the gateway's address, on loopback; port 0 takes a free one.
	HTTP string
	// NATSPort is where the embedded nats-server listens on 127.0.0.1 for integrators; 0: nowhere.
	NATSPort int
	// Clock answers the time; nil: the machine's.
	Clock func() time.Time
	// Logger takes what an operator must know.
	Logger *slog.Logger
}

// Run runs everything until ctx ends or a part fails, and stops it. ready is told the gateway's base address once it
// answers.
func Run(ctx context.Context, o Options, ready func(base string)) (err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if err := whole(o.Dir); err != nil {
		return err
	}
	listener, err := gateway.Listen(ctx, o.HTTP)
	if err != nil {
		return err
	}
	services, err := open(o)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := settled(o.Dir); err != nil {
		return errors.Join(err, listener.Close(), closeAll(services))
	}
	bus, err := embedded.Start(embedded.Options{Dir: filepath.Join(o.Dir, "nats"), Port: o.NATSPort, Logger: o.Logger})
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
	web, err := site(o, services, listener, ready)
	if err != nil {
		return errors.Join(err, listener.Close(), closeAll(services))
	}
	parts := append(make([]run.Part, 0, len(services)+2), desk(o, services))
	conns := map[string]grpc.ClientConnInterface{}
	for _, s := range services {
		conns[s.Name()] = s.Conn()
	}
	for _, s := range services {
		parts = append(parts, s.Part(js, conns))
	}
	return run.All(ctx, o.Logger, append(parts, web)...)
}

// storesFile says, in a data folder, that all stores have been made there.
const storesFile = "stores"

// whole refuses a data folder in which all stores have been made and some are gone: a store made anew beside old ones
// would miss what the others have counted.
func whole(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, storesFile)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("data folder: %w", err)
	}
	var missing []string
	for _, name := range Services() {
		info, err := os.Stat(filepath.Join(dir, name+".db"))
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && info.Size() == 0:
			missing = append(missing, name+".db")
		case err != nil:
			return fmt.Errorf("data folder: %w", err)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the data folder %s lacks %s, which was there before; put it back from a backup, "+
			"or start with an empty folder", dir, strings.Join(missing, ", "))
	}
	return nil
}

// settled notes that all stores have been made.
func settled(dir string) error {
	names := strings.Join(Services(), "\n") + "\n"
	if err := os.WriteFile(filepath.Join(dir, storesFile), []byte(names), 0o600); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

// open opens the four services in the order in which events flow. It comes before the nats-server: the stores' locks keep
// a second process away from the folder.
func open(o Options) ([]*run.Service, error) {
	options := run.Options{Dir: o.Dir, Clock: o.Clock, Logger: o.Logger}
	var services []*run.Service
	for _, n := range []func(run.Options) (*run.Service, error){registry.New, membership.New, planning.New, award.New} {
		s, err := n(options)
		if err != nil {
			return nil, errors.Join(err, closeAll(services))
		}
		services = append(services, s)
	}
	return services, nil
}

func closeAll(services []*run.Service) error {
	var failed error
	for _, s := range services {
		failed = errors.Join(failed, s.Close())
	}
	return failed
}

// site is the gateway as a part: it serves until stopped and lets requests under way finish.
func site(o Options, services []*run.Service, listener net.Listener, ready func(base string)) (run.Part, error) {
	meters, err := newMeters()
	if err != nil {
		return run.Part{}, err
	}
	health := &readiness{services: services, last: map[string]published{}}
	handler, err := gateway.New(gateway.Options{
		Registry: services[0].Conn(), Membership: services[1].Conn(), Planning: services[2].Conn(), Award: services[3].Conn(),
		Logger: o.Logger, Metrics: meters, Ready: health.healthy,
	})
	if err != nil {
		return run.Part{}, err
	}
	server := gateway.NewServer(o.Logger, handler)
	return run.Part{Name: "gateway", Run: func(ctx context.Context, started func()) error {
		failed := make(chan error, 1)
		go func() { failed <- server.Serve(listener) }()
		started()
		ready("http://" + listener.Addr().String())
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
		}
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), run.StopLimit/2)
		defer cancel()
		if err := server.Shutdown(drain); err != nil {
			return errors.Join(err, server.Close())
		}
		if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}}, nil
}

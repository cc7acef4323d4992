package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"google.golang.org/grpc"

	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
	"coso/services/platform/run"
	"coso/services/platform/run/daemon"
	"coso/services/platform/run/ops"
	"coso/services/platform/token"

	"coso/gateway"
	"coso/gateway/identity"
)

// ways are the connections to the services, and how these do.
type ways struct {
	conns []*grpc.ClientConn
	ready ops.Readiness
}

// dial makes the connections of a gateway that proves to be id; no service need be there.
func (f *flags) dial(id *mtls.Identity) (*ways, error) {
	w := &ways{}
	for _, s := range f.services() {
		conn, err := rpc.DialService(s.addr, s.name, id)
		if err != nil {
			return w, err
		}
		w.conns = append(w.conns, conn)
		w.ready.Whole = append(w.ready.Whole, ops.Peer{Name: s.name, Conn: conn})
	}
	return w, nil
}

func (w *ways) close() error {
	var failed error
	for _, conn := range w.conns {
		failed = errors.Join(failed, conn.Close())
	}
	return failed
}

// doors are where a gateway is asked.
type doors struct{ ops, site, keys net.Listener }

// listen opens all of them, or none.
func (f *flags) listen(ctx context.Context) (d doors, err error) {
	for _, door := range []struct {
		setting, addr string
		on            func(context.Context, string) (net.Listener, error)
		into          *net.Listener
	}{
		{"ops", f.Ops, rpc.Listen, &d.ops},
		{"http", f.Front.HTTP, gateway.Listen, &d.site},
		{"keys", f.Keys, rpc.ListenNetwork, &d.keys},
	} {
		if *door.into, err = door.on(ctx, door.addr); err != nil {
			return d, errors.Join(fmt.Errorf("--%s: %w", door.setting, err), d.close())
		}
	}
	return d, nil
}

// close closes what nobody has closed before.
func (d doors) close() error {
	var failed error
	for _, lis := range []net.Listener{d.ops, d.site, d.keys} {
		if lis == nil {
			continue
		}
		if err := lis.Close(); !errors.Is(err, net.ErrClosed) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// run serves until the context ends.
func (f *flags) run(ctx context.Context, logger *slog.Logger) (err error) {
	metrics, err := ops.Meters()
	if err != nil {
		return err
	}
	id, err := f.OpenAs(mtls.Gateway, logger)
	if err != nil {
		return err
	}
	w, err := f.dial(id)
	defer func() { err = errors.Join(err, w.close()) }()
	if err != nil {
		return err
	}
	d, err := f.listen(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	foreign, err := f.Front.Issuers.Open(logger)
	if err != nil {
		return err
	}
	accounts, err := f.open(ctx, logger, foreign.Foreign)
	if err != nil {
		return err
	}
	w.ready.Reached = append(w.ready.Reached, ops.Peer{Name: accounts.Name(), Conn: accounts.Conn(), Sound: accounts.Store().Healthy, Signed: accounts.Signed, Recorded: accounts.Recorded})
	handler, err := f.handler(logger, w, accounts, foreign.Foreign)
	if err != nil {
		return errors.Join(err, accounts.Close())
	}
	js, away, end, err := f.Connect(mtls.Gateway, id, logger)
	if err != nil {
		return errors.Join(err, accounts.Close())
	}
	defer end()
	w.ready.Bus = away
	logger.InfoContext(ctx, "starts", "http", d.site.Addr().String(), "keys", d.keys.Addr().String(), "ops", d.ops.Addr().String())
	return run.All(ctx, logger,
		daemon.Certificates(id, &w.ready),
		foreign.Part(&w.ready),
		run.Web("operations", logger, ops.Server(logger, &w.ready, metrics), d.ops, nil),
		run.Answer("operator's socket", func(ctx context.Context) ([]run.On, error) {
			return run.Sockets(ctx, string(f.Data), logger, accounts.Service)
		}),
		accounts.Part(js, map[string]grpc.ClientConnInterface{"registry": w.conns[0]}),
		run.Web("keys for the services", logger, gateway.NewServer(logger, gateway.KeysHandler(logger, accounts.Published)), id.Proving(d.keys), nil),
		run.Web("gateway", logger, gateway.NewServer(logger, handler), d.site, nil))
}

// handler is the gateway over the services and its own.
func (f *flags) handler(logger *slog.Logger, w *ways, accounts *identity.Service, foreign []token.Issuer) (http.Handler, error) {
	o, err := f.Front.Gateway(gateway.Options{
		Registry: w.conns[0], Membership: w.conns[1], Planning: w.conns[2], Award: w.conns[3], Ready: w.ready.Ready,
	}, accounts, foreign, logger)
	if err != nil {
		return nil, err
	}
	return gateway.New(o)
}

package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"google.golang.org/grpc"

	"coso/services/platform/rpc"
	"coso/services/platform/run"
	"coso/services/platform/run/ops"

	"coso/gateway"
)

// ways are the connections to the services, and how these do.
type ways struct {
	conns []*grpc.ClientConn
	ready ops.Readiness
}

// dial makes the connections; no service need be there.
func (f *flags) dial(ctx context.Context) (*ways, error) {
	w := &ways{}
	for _, s := range f.services() {
		conn, err := rpc.Dial(ctx, s.addr)
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

// handler is the gateway over the services.
func (f *flags) handler(logger *slog.Logger, w *ways, metrics http.Handler) (http.Handler, error) {
	return gateway.New(gateway.Options{
		Registry: w.conns[0], Membership: w.conns[1], Planning: w.conns[2], Award: w.conns[3],
		Hosts: f.Hosts, Logger: logger, Ready: w.ready.Ready, Metrics: metrics,
	})
}

// run serves until the context ends.
func (f *flags) run(ctx context.Context, logger *slog.Logger) (err error) {
	metrics, err := ops.Meters()
	if err != nil {
		return err
	}
	w, err := f.dial(ctx)
	defer func() { err = errors.Join(err, w.close()) }()
	if err != nil {
		return err
	}
	handler, err := f.handler(logger, w, metrics)
	if err != nil {
		return err
	}
	web, err := rpc.Listen(ctx, f.Ops)
	if err != nil {
		return err
	}
	site, err := gateway.Listen(ctx, f.HTTP)
	if err != nil {
		return errors.Join(err, web.Close())
	}
	logger.InfoContext(ctx, "starts", "http", site.Addr().String(), "ops", web.Addr().String())
	return run.All(ctx, logger,
		run.Web("operations", logger, ops.Server(logger, &w.ready, metrics), web, nil),
		run.Web("gateway", logger, gateway.NewServer(logger, handler), site, nil))
}

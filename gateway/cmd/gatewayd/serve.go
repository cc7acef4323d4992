package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"google.golang.org/grpc"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
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

// unopened stands for what a gateway that is made and not used has of its own.
type unopened struct{}

func (unopened) published(context.Context) ([]byte, error) { return nil, nil }

// Verify is called by nobody.
func (unopened) Verify(context.Context, string) (token.Claims, error) {
	return token.Claims{}, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_MISSING, "")
}

// own is what the gateway has of its own: the service of accounts, the keys of its tokens, and what verifies tokens.
type own struct {
	Conn   grpc.ClientConnInterface
	keys   func(context.Context) ([]byte, error)
	tokens rpc.Tokens
	issuer *gateway.Issuer
}

// handler is the gateway over the services.
func (f *flags) handler(logger *slog.Logger, w *ways, metrics http.Handler, o *own) (http.Handler, error) {
	return gateway.New(gateway.Options{
		Registry: w.conns[0], Membership: w.conns[1], Planning: w.conns[2], Award: w.conns[3],
		Identity: o.Conn, Keys: o.keys, Tokens: o.tokens, Issuer: o.issuer, TrustForwarded: f.TrustProxy, Limits: f.Rates,
		Hosts: f.Hosts, Logger: logger, Ready: w.ready.Ready, Metrics: metrics,
	})
}

// over is the gateway over the services and its own, which accepts the tokens of both and of other issuers.
func (f *flags) over(logger *slog.Logger, w *ways, metrics http.Handler, accounts *identity.Service, foreign []token.Issuer) (http.Handler, error) {
	verifier, err := token.NewVerifier(token.Options{Issuers: append([]token.Issuer{accounts.Own()}, foreign...), Now: time.Now})
	if err != nil {
		return nil, err
	}
	issuer, err := gateway.NewIssuer(f.OIDC, foreign, accounts.ConnOf(mtls.Gateway), logger, time.Now)
	if err != nil {
		return nil, err
	}
	return f.handler(logger, w, metrics, &own{accounts.Conn(), accounts.Published, verifier, issuer})
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
	web, err := rpc.Listen(ctx, f.Ops)
	if err != nil {
		return fmt.Errorf("--ops: %w", err)
	}
	site, err := gateway.Listen(ctx, f.HTTP)
	if err != nil {
		return errors.Join(fmt.Errorf("--http: %w", err), web.Close())
	}
	foreign, err := f.Issuers.Open(logger)
	if err != nil {
		return errors.Join(err, web.Close(), site.Close())
	}
	accounts, err := f.open(ctx, logger, foreign.Foreign)
	if err != nil {
		return errors.Join(err, web.Close(), site.Close())
	}
	w.ready.Reached = append(w.ready.Reached, ops.Peer{Name: accounts.Name(), Conn: accounts.Conn(), Sound: accounts.Store().Healthy, Signed: accounts.Signed, Recorded: accounts.Recorded})
	handler, err := f.over(logger, w, metrics, accounts, foreign.Foreign)
	if err != nil {
		return errors.Join(err, web.Close(), site.Close(), accounts.Close())
	}
	js, away, end, err := f.Bus.Connect(mtls.Gateway, id, logger)
	if err != nil {
		return errors.Join(err, web.Close(), site.Close(), accounts.Close())
	}
	defer end()
	w.ready.Bus = away
	logger.InfoContext(ctx, "starts", "http", site.Addr().String(), "ops", web.Addr().String())
	return run.All(ctx, logger,
		daemon.Certificates(id, &w.ready),
		foreign.Part(&w.ready),
		run.Web("operations", logger, ops.Server(logger, &w.ready, metrics), web, nil),
		run.Answer("operator's socket", func(ctx context.Context) ([]run.On, error) {
			return run.Sockets(ctx, string(f.Data), logger, accounts.Service)
		}),
		accounts.Part(js, map[string]grpc.ClientConnInterface{"registry": w.conns[0]}),
		run.Web("gateway", logger, gateway.NewServer(logger, handler), site, nil))
}

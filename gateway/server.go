package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"coso/services/platform/rpc"
)

// NewServer returns a server for handler that no slow or greedy client can hold: 5 s for the headers (64 KiB at most),
// 30 s for the request, 60 s for the answer, 120 s idle. What the server itself has to say goes to log as a warning.
// Serve it on a listener of Listen; Shutdown stops it: requests under way finish, streams of events end.
func NewServer(log *slog.Logger, handler http.Handler) *http.Server {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	if d, ok := handler.(interface{ Drain() }); ok {
		server.RegisterOnShutdown(d.Drain)
	}
	return server
}

// Listen opens addr (`127.0.0.1:8080`, `localhost:0`, `[::1]:8080`; port 0 is any free one). It returns an error for an
// address that other machines can reach, and for a name: what other machines send comes through a proxy that takes TLS.
func Listen(ctx context.Context, addr string) (net.Listener, error) { return rpc.Listen(ctx, addr) }

// CheckAddress says why the gateway cannot serve at an address, `host:port`; nil if it can. It asks for no certificate itself, so it
// serves this machine only.
func CheckAddress(addr string) error {
	err := rpc.Loopback(addr)
	if errors.Is(err, rpc.ErrNotLoopback) {
		return fmt.Errorf("%w; from other machines one comes through a proxy that takes TLS, see deploy/README.md", err)
	}
	return err
}

// CheckHosts says which of the names by which clients may address the gateway is none, `coso.example`; nil if all are.
func CheckHosts(hosts []string) error {
	for _, host := range hosts {
		if host == "" || strings.ContainsAny(host, ":/@*[] ") {
			return fmt.Errorf("%q is not a host name without port", host)
		}
	}
	return nil
}

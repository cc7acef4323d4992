// Package ops is what a process shows to whoever runs it: whether it lives, whether it does all it is for, and its metrics.
//
// INV-OPS-READY-IS-TRUE: a process is ready while its services serve, its relays publish, its followers follow, no copy is
// too old, its journals are signed, readings of personal data are recorded, and NATS and the services it needs answer; otherwise it says each thing that is missing or stale. A process
// that is not ready still serves what it can, so a supervisor restarts by /livez alone.
package ops

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
)

// Meters makes the process's metrics readable for Prometheus: those of its parts, of Go and of the process. It is called
// once in a process.
func Meters() (http.Handler, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(exporter)))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), nil
}

// Server answers GET /livez, /readyz (503 with a line for each thing that is missing or stale) and /metrics, to clients
// that address it by a loopback name.
func Server(logger *slog.Logger, ready *Readiness, metrics http.Handler) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "alive\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready.Ready(r.Context()); err != nil {
			say(w, http.StatusServiceUnavailable, "not ready\n"+err.Error()+"\n"+ready.note())
			return
		}
		say(w, http.StatusOK, "ready\n"+ready.note())
	})
	mux.Handle("GET /metrics", metrics)
	return &http.Server{
		Handler:           local(mux),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// local refuses requests that address another host: a page in a browser could make one of its own name mean this machine.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			say(w, http.StatusMisdirectedRequest, "this address is for its own machine\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// say answers a text; a client that went away before it needs no care.
func say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}

package ops_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"coso/services/platform/run/ops"
)

// INV-OPS-READY-IS-TRUE
func TestWhatAProcessShows(t *testing.T) {
	var bus error
	server := ops.Server(slog.New(slog.DiscardHandler), &ops.Readiness{Bus: func() error { return bus }}, http.NotFoundHandler())
	for _, c := range []struct {
		host, path string
		bus        error
		code       int
		says       string
	}{
		{"127.0.0.1:8201", "/livez", errors.New("NATS does not answer"), 200, "alive\n"},
		{"localhost", "/readyz", nil, 200, "ready\n"},
		{"[::1]:8201", "/readyz", errors.New("NATS does not answer"), 503, "not ready\nNATS does not answer\n"},
		{"evil.example:8201", "/readyz", nil, 421, "its own machine"},
		{"192.0.2.1", "/metrics", nil, 421, "its own machine"},
		{"localhost", "/", nil, 404, ""},
		{"localhost", "/debug/pprof/", nil, 404, ""},
	} {
		bus = c.bus
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		server.Handler.ServeHTTP(w, r)
		text, err := io.ReadAll(w.Result().Body)
		if err != nil || w.Code != c.code || !strings.Contains(string(text), c.says) {
			t.Errorf("%s%s answers %d %q, %v", c.host, c.path, w.Code, text, err)
		}
	}
}

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coso/deploy/internal/client"
	"coso/deploy/internal/single"
	"coso/deploy/internal/trial"
)

const dataSet = "../demo/hanoi-2020"

// server is a coso under test.
type server struct {
	base string
	stop func()
}

// start runs a coso on a data folder until the test ends or stop is called.
func start(t testing.TB, dir string) *server {
	t.Helper()
	return startWith(t, dir, 0)
}

// startWith does the same with a port for listeners.
func startWith(t testing.TB, dir string, natsPort int) *server {
	t.Helper()
	return startAs(t, single.Options{Dir: dir, NATSPort: natsPort})
}

// startAs does the same with options of its own; address and log are the test's.
func startAs(t testing.TB, o single.Options) *server {
	t.Helper()
	o.HTTP, o.Logger = "127.0.0.1:0", slog.New(slog.NewTextHandler(logTo{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan string, 1)
	done := make(chan error, 1)
	go func() { done <- single.Run(ctx, o, func(base string) { ready <- base }) }()
	s := &server{}
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("coso stopped with %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("coso did not stop within 30 s")
		}
	}
	t.Cleanup(s.stop)
	select {
	case s.base = <-ready:
	case err := <-done:
		stopped = true
		t.Fatalf("coso did not start: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("coso did not start within 30 s")
	}
	return s
}

// logTo writes what an operator would see into the test's log.
type logTo struct{ t testing.TB }

func (l logTo) Write(b []byte) (int, error) {
	l.t.Helper()
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func (s *server) client() *client.Client { return client.New(s.base) }

// loaded starts a coso and loads a data set.
func loaded(t testing.TB, dir string) (*server, *trial.Set, *client.Client) {
	t.Helper()
	s := start(t, t.TempDir())
	set := read(t, dir)
	c := s.client()
	if err := set.Load(t.Context(), c, func(string, int, int) {}); err != nil {
		t.Fatal(err)
	}
	return s, set, c
}

func read(t testing.TB, dir string) *trial.Set {
	t.Helper()
	set, err := trial.Read(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// variant copies the data set and lets change alter the lines (without header) of one sheet.
func variant(t testing.TB, file string, change func(lines []string) []string) string {
	t.Helper()
	dir := t.TempDir()
	files, err := filepath.Glob(filepath.Join(dataSet, "*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if base := filepath.Base(f); file == base || (file == "" && base != "published.csv") {
			lines := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
			raw = []byte(lines[0] + "\n" + strings.Join(change(lines[1:]), "\n") + "\n")
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f)), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// answer is what the server answered to one raw request.
type answer struct {
	code int
	body map[string]any
	raw  string
	pos  string
}

// call sends a raw request, as curl would.
func (s *server) call(t testing.TB, method, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.base+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{code: resp.StatusCode, raw: string(raw), pos: resp.Header.Get("coso-position")}
	if err := json.Unmarshal(raw, &a.body); err != nil {
		t.Fatalf("%s %s answered %d with no JSON object: %s", method, path, resp.StatusCode, raw)
	}
	return a
}

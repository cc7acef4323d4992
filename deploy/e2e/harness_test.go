package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coso/deploy/internal/client"
	"coso/deploy/internal/single"
	"coso/deploy/internal/single/singletest"
	"coso/deploy/internal/trial"
)

const dataSet = "../demo/hanoi-2020"

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

// startAs does the same with options of its own; address, password and log are the test's.
func startAs(t testing.TB, o single.Options) *server {
	t.Helper()
	return at(singletest.Start(t, o))
}

// loaded starts a coso and loads a data set.
func loaded(t testing.TB, dir string) (*server, *trial.Set, *client.Client) {
	t.Helper()
	s := start(t, t.TempDir())
	set := read(t, dir)
	c := s.load(t, set)
	return s, set, c
}

// load brings a data set in, and answers a client that has seen it.
func (s *server) load(t testing.TB, set *trial.Set) *client.Client {
	t.Helper()
	c := s.client(t)
	if err := set.Load(t.Context(), c, s.Lan(t).Client, func(string, int, int) {}); err != nil {
		t.Fatal(err)
	}
	seen(t, c)
	return c
}

// seen lets a client read what was approved by another.
func seen(t testing.TB, c *client.Client) {
	t.Helper()
	if err := c.Get(t.Context(), "/v1/targets", nil, nil); err != nil {
		t.Fatal(err)
	}
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

// call sends a raw request, as curl would; the administrator's, unless a header says otherwise.
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
	s.proves(t, req)
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

// within polls until there is no error, for a time at most.
func within(t testing.TB, limit time.Duration, what string, try func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %s: %v", limit, what, err)
		}
	}
}

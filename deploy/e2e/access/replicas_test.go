package access

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coso/gateway"
	"coso/services/platform/rpc"
	"coso/services/platform/run"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
	"coso/services/platform/streamlog/streamlogtest"
	"coso/services/platform/token/tokentest"
	"coso/services/registry"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// pair is a registry in two replicas on one log, and a gateway that asks the one and the other in turn. r2 can be held back.
type pair struct {
	*house

	own     *tokentest.Own
	nats    *streamlogtest.Cluster
	r1, r2  *run.Service
	late    *late
	turns   *turns
	gateway http.Handler
}

// late is a log whose entries arrive only while it is not held.
type late struct {
	store.Log

	mu   sync.Mutex
	held chan struct{}
}

func (l *late) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = make(chan struct{})
}

func (l *late) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != nil {
		close(l.held)
		l.held = nil
	}
}

func (l *late) arrives(ctx context.Context) {
	l.mu.Lock()
	held := l.held
	l.mu.Unlock()
	if held == nil {
		return
	}
	select {
	case <-held:
	case <-ctx.Done():
	}
}

// Tail implements store.Log.
func (l *late) Tail(ctx context.Context, from uint64) iter.Seq2[store.Placed, error] {
	return func(yield func(store.Placed, error) bool) {
		for p, err := range l.Log.Tail(ctx, from) {
			if l.arrives(ctx); !yield(p, err) {
				return
			}
		}
	}
}

// turns makes each call at the next replica, as the connections of gatewayd do, and tells of it.
type turns struct {
	conns []grpc.ClientConnInterface
	next  atomic.Uint64
	// asked takes the number of each replica that was asked, and the positions that it was asked to have reached.
	asked chan asked
}

type asked struct {
	replica   int
	positions string
}

// Invoke implements grpc.ClientConnInterface.
func (s *turns) Invoke(ctx context.Context, method string, req, answer any, options ...grpc.CallOption) error {
	i := int((s.next.Add(1) - 1) % uint64(len(s.conns)))
	sent, _ := metadata.FromOutgoingContext(ctx)
	s.asked <- asked{i, strings.Join(sent.Get(rpc.PositionHeader), ",")}
	return s.conns[i].Invoke(ctx, method, req, answer, options...)
}

// NewStream implements grpc.ClientConnInterface.
func (s *turns) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	return s.conns[0].NewStream(ctx, desc, method, options...)
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{
		house: &house{t: t, stop: map[string]func(){}}, own: tokentest.Issuer(t), nats: streamlogtest.New(t, 1, nil),
		turns: &turns{asked: make(chan asked, 1024)},
	}
	dirs := p.founded()
	ways := map[string]*way{"r1": {}, "r2": {}}
	p.r1 = p.replica("r1", dirs[0], map[string]grpc.ClientConnInterface{"r2": ways["r2"]}, nil)
	p.r2 = p.replica("r2", dirs[1], map[string]grpc.ClientConnInterface{"r1": ways["r1"]}, func(l store.Log) store.Log {
		p.late = &late{Log: l}
		return p.late
	})
	t.Cleanup(p.late.release)
	ways["r1"].to.Store(p.r1)
	ways["r2"].to.Store(p.r2)
	for _, s := range []*run.Service{p.r1, p.r2} {
		p.until("a replica may write", func() bool { return s.Sound() == nil })
	}
	p.turns.conns = []grpc.ClientConnInterface{p.r1.Conn(), p.r2.Conn()}
	handler, err := gateway.New(gateway.Options{
		Registry: p.turns, Membership: p.turns, Planning: p.turns, Award: p.turns, Identity: p.turns, Tokens: p.own.Verifier(),
		Keys: func(context.Context) ([]byte, error) { return nil, nil }, Ready: func(context.Context) error { return nil },
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	p.gateway = handler
	return p
}

// founded makes the data folders of two replicas, of a registry with its first administrator that was promoted to the log.
func (p *pair) founded() []string {
	p.t.Helper()
	first, quiet := p.t.TempDir(), slog.New(slog.DiscardHandler)
	alone, err := registry.New(run.Options{Dir: first, Logger: quiet})
	if err != nil {
		p.t.Fatal(err)
	}
	p.run(alone.Part(p.nats.JetStream(), nil))
	p.stop[alone.Name()]()
	_, err = store.Promote(p.t.Context(), store.Replication{
		Dir: first, Service: registry.Name, Schema: store.NewSchema(), Now: time.Now(), Logger: quiet,
		Log: func(ctx context.Context) (store.SharedLog, error) {
			l, err := streamlog.Begin(ctx, p.nats.Log(registry.Name), streamlog.Shape{Replicas: 1})
			if err == nil {
				l.Look(ctx)
			}
			return l, err
		},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(first, "registry.db"))
	if err != nil {
		p.t.Fatal(err)
	}
	dirs := []string{p.t.TempDir(), p.t.TempDir()}
	for _, dir := range dirs {
		if err := os.WriteFile(filepath.Join(dir, "registry.db"), data, 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	return dirs
}

// way is the way to a replica that may not have started yet.
type way struct{ to atomic.Pointer[run.Service] }

// Invoke implements grpc.ClientConnInterface.
func (w *way) Invoke(ctx context.Context, method string, req, answer any, options ...grpc.CallOption) error {
	if s := w.to.Load(); s != nil {
		return s.ConnOf(registry.Name).Invoke(ctx, method, req, answer, options...)
	}
	return errCut
}

// NewStream implements grpc.ClientConnInterface.
func (w *way) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	if s := w.to.Load(); s != nil {
		return s.ConnOf(registry.Name).NewStream(ctx, desc, method, options...)
	}
	return nil, errCut
}

func (p *pair) replica(name, dir string, peers map[string]grpc.ClientConnInterface, around func(store.Log) store.Log) *run.Service {
	p.t.Helper()
	log := p.nats.Log(registry.Name)
	s, err := registry.New(run.Options{
		Dir: dir, Logger: slog.New(slog.DiscardHandler), Tokens: p.own.Verifier(),
		Replica: &run.Replica{Self: name, Peers: peers, JetStream: log.JetStream, System: log.System, Around: around},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	part := s.Part(p.nats.JetStream(), nil)
	part.Name = name
	p.run(part)
	return s
}

// until polls.
func (p *pair) until(what string, ok func() bool) {
	p.t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			p.t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// asks sends a request by HTTP as an account, at the replica with this number, without cookie and position.
func (p *pair) asks(account string, replica int, method, target, body string) *httptest.ResponseRecorder {
	p.t.Helper()
	p.turns.next.Store(uint64(replica))
	r := httptest.NewRequestWithContext(p.t.Context(), method, target, strings.NewReader(body))
	r.Host = "localhost"
	r.Header.Set("Authorization", "Bearer "+p.own.Token(account))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	p.gateway.ServeHTTP(w, r)
	return w
}

// units are the units that an account is shown.
func (p *pair) units(account string, replica int) []string {
	p.t.Helper()
	w := p.asks(account, replica, http.MethodGet, "/v1/units", "")
	var out struct{ Units []struct{ Name string } }
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
		p.t.Fatalf("%s: %d %s", account, w.Code, w.Body)
	}
	var names []string
	for _, u := range out.Units {
		names = append(names, u.Name)
	}
	return names
}

// creates makes a unit at r1.
func (p *pair) creates(id string) {
	p.t.Helper()
	w := p.asks(first, 0, http.MethodPost, "/v1/units?unitId="+id, `{"displayName":"Đơn vị","level":"PROVINCE","validFrom":"2020-01-01"}`)
	if w.Code != http.StatusOK {
		p.t.Fatalf("%d %s", w.Code, w.Body)
	}
}

// caughtUp asks r2, and lets it catch up as soon as it was asked.
func (p *pair) caughtUp(account string) []string {
	p.t.Helper()
	for len(p.turns.asked) > 0 {
		<-p.turns.asked
	}
	var released sync.WaitGroup
	released.Go(func() {
		if a := <-p.turns.asked; a.replica != 1 || a.positions == "" {
			p.t.Errorf("%s asks replica %d, which must have reached %q", account, a.replica, a.positions)
		}
		p.late.release()
	})
	defer released.Wait()
	return p.units(account, 1)
}

// INV-POSITION-FORWARD: a program that keeps no cookie and sends no position, before replicas of which one is behind, reads what it
// wrote and never an older state than before.
func TestNobodyGoesBackBetweenReplicas(t *testing.T) {
	p := newPair(t)
	p.creates("a")
	p.grantAll("reader", "passer-by")
	p.until("r2 has caught up", func() bool { return p.r2.Store().Head().GetPosition() == p.r1.Store().Head().GetPosition() })

	p.late.hold()
	p.creates("b")
	if got := p.units("passer-by", 1); !slices.Equal(got, []string{"units/a"}) {
		t.Fatalf("r2 is not behind: %v", got)
	}
	if got := p.caughtUp(first); !slices.Contains(got, "units/b") {
		t.Errorf("who has written units/b is shown %v by the replica that is behind", got)
	}

	p.late.hold()
	p.creates("c")
	if got := p.units("reader", 0); !slices.Contains(got, "units/c") {
		t.Fatalf("r1 shows %v", got)
	}
	if got := p.caughtUp("reader"); !slices.Contains(got, "units/c") {
		t.Errorf("who has seen units/c is shown %v by the replica that is behind", got)
	}
}

// INV-POSITION-FORWARD: what is no event, as an operation that has begun, is not missed by who has seen it, either.
func TestNobodyGoesBackWithoutEvents(t *testing.T) {
	p := newPair(t)
	p.until("r2 has caught up", func() bool { return p.r2.Store().Head().GetPosition() == p.r1.Store().Head().GetPosition() })
	p.late.hold()
	if w := p.asks(first, 0, http.MethodPost, "/v1/services/registry/operations", `{"operationId":"a"}`); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var released sync.WaitGroup
	for len(p.turns.asked) > 0 {
		<-p.turns.asked
	}
	released.Go(func() { <-p.turns.asked; p.late.release() })
	if w := p.asks(first, 1, http.MethodGet, "/v1/services/registry/operations/a", ""); w.Code != http.StatusOK {
		t.Errorf("who has begun an operation is told %d %s", w.Code, w.Body)
	}
	released.Wait()
}

// INV-POSITION-OWN: a replica that stays behind is no reason to refuse anybody: another one answers.
func TestAReplicaThatStaysBehind(t *testing.T) {
	p := newPair(t)
	p.late.hold()
	p.creates("a")
	if got := p.units(first, 1); !slices.Contains(got, "units/a") {
		t.Errorf("shown are %v", got)
	}
}

// grantAll lets accounts read everything.
func (p *pair) grantAll(accounts ...string) {
	p.t.Helper()
	for _, account := range accounts {
		w := p.asks(first, 0, http.MethodPost, "/v1/grants?grantId="+account,
			`{"principal":"principals/`+account+`","role":"ROLE_VIEWER","reason":"phân công"}`)
		if _, err := io.Copy(io.Discard, w.Body); err != nil || w.Code != http.StatusOK {
			p.t.Fatalf("%s: %d", account, w.Code)
		}
	}
}

// Package singletest runs coso whole for tests, and signs in the people of a coso under test: the first administrator, and one who
// approves what he proposes. Nobody else can do anything there.
package singletest

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"coso/deploy/internal/client"
	"coso/deploy/internal/single"
	"coso/deploy/internal/staff"
	"coso/gateway"

	accesspb "coso/proto/gen/coso/access/v1"
)

// The people's passwords.
const (
	AdminPassword = "trăng lên đầu ngõ nhỏ"
	LanPassword   = "gió đưa cành trúc la đà"
)

// Patience is how long something may take that takes a moment.
const Patience = 30 * time.Second

// Unlimited is a rate that no test reaches.
const Unlimited = 1 << 30

// Start runs a coso until the test ends or stop is called, and answers its address. Where o leaves them open, the folder is a new
// one, the log the test's, the first administrator's password the known one; no caller is held to a rate.
func Start(t testing.TB, o single.Options) (base string, stop func()) {
	t.Helper()
	o.Dir, o.Front.HTTP, o.Front.AdminPassword = cmp.Or(o.Dir, t.TempDir()), "127.0.0.1:0", cmp.Or(o.Front.AdminPassword, AdminPassword)
	o.Front.Rates = gateway.Limits{Rate: Unlimited, Burst: Unlimited}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(logTo{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- single.Run(ctx, o, func(base string) { ready <- base }) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("coso stopped with %v", err)
			}
		case <-time.After(Patience):
			t.Errorf("coso did not stop within %s", Patience)
		}
	})
	select {
	case base = <-ready:
	case err := <-done:
		cancel()
		t.Fatalf("coso did not start: %v", err)
	case <-time.After(2 * Patience):
		cancel()
		t.Fatal("coso did not start in time")
	}
	t.Cleanup(stop)
	return base, stop
}

// logTo writes what an operator would see into the test's log.
type logTo struct{ t testing.TB }

func (l logTo) Write(b []byte) (int, error) {
	l.t.Helper()
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// People are those who have signed in to a server, each once: hashing a password takes its time.
type People struct {
	base string
	mu   sync.Mutex
	all  map[string]*staff.Person
}

// At are the people of the server at base, which need not answer yet.
func At(base string) *People { return &People{base: base, all: map[string]*staff.Person{}} }

func (p *People) who(t testing.TB, name string, enter func(context.Context) (*staff.Person, error)) *staff.Person {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if one, ok := p.all[name]; ok {
		return one
	}
	one, err := enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v1/intakes", "/v1/periods", "/v1/nominations"} {
		known(t, one, path)
	}
	p.all[name] = one
	return one
}

// known waits until a service knows what somebody may do.
func known(t testing.TB, one *staff.Person, path string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(Patience)
	for {
		err := one.Get(t.Context(), path, nil, nil)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %s: %v", Patience, path, err)
		}
	}
}

// Admin is the first administrator, whom every service knows as that.
func (p *People) Admin(t testing.TB) *staff.Person {
	t.Helper()
	return p.who(t, staff.First, func(ctx context.Context) (*staff.Person, error) {
		return staff.SignIn(ctx, p.base, staff.First, AdminPassword, "")
	})
}

// Lan administers and approves; on a folder that has been used she has her account already.
func (p *People) Lan(t testing.TB) *staff.Person {
	t.Helper()
	admin := p.Admin(t)
	return p.who(t, "lan", func(ctx context.Context) (*staff.Person, error) {
		if one, err := staff.SignIn(ctx, p.base, "lan", LanPassword, ""); err == nil {
			return one, nil
		}
		return admin.Hire(ctx, "lan", "Lan", LanPassword, accesspb.Role_ROLE_ADMINISTRATOR)
	})
}

// Client is another client of the first administrator, which has seen nothing yet.
func (p *People) Client(t testing.TB) *client.Client {
	t.Helper()
	return client.New(p.base).As(p.Admin(t).Session.Proof)
}

// Bearer is the header by which somebody proves who they are.
func Bearer(t testing.TB, one *staff.Person) string {
	t.Helper()
	token, err := one.Session.Proof(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + token
}

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"coso/deploy/internal/single/singletest"
	"coso/gateway/identity"
	"coso/services/platform/certs"
)

// built is the folder of the binaries, made once; TestMain removes it.
var built = sync.OnceValues(build) //nolint:gochecknoglobals // one build for all tests

func TestMain(m *testing.M) {
	code := m.Run()
	if made.Load() {
		if dir, _ := built(); dir != "" {
			if err := os.RemoveAll(dir); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// made says that build has begun.
var made atomic.Bool //nolint:gochecknoglobals // as built

// commands is the variable in which make gives the sum of what build builds and this test does not import: go test, which
// knows nothing of it, keeps a result for as long as the variables that were read are the same. Without make, say -count=1
// after a change of a command.
const commands = "E2E_COMMANDS"

// build builds every process of coso, and the nats-server that the module already requires.
func build() (dir string, err error) {
	made.Store(true)
	os.Getenv(commands)
	if dir, err = os.MkdirTemp("", "coso-e2e-"); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(context.Background(), "go", "build", "-ldflags=-s -w", "-o", dir,
		"coso/services/registry/cmd/registryd", "coso/services/membership/cmd/membershipd", "coso/services/planning/cmd/planningd",
		"coso/services/award/cmd/awardd", "coso/gateway/cmd/gatewayd", "github.com/nats-io/nats-server/v2").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return dir, err
}

// binaries is the folder of the binaries.
func binaries(t testing.TB) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// member is one process of a fleet.
type member struct {
	name string
	args []string
	// health answers 200 when the process is up; whole, if it has one, when it is ready.
	health, whole string

	cmd *exec.Cmd
	log *syncBuffer
	// ended is closed when the process has ended; err is how.
	ended chan struct{}
	err   error
}

// fleet is coso as separate processes with a nats-server between them.
type fleet struct {
	testing.TB

	bin, dir string
	base     string
	// server is what clients reach.
	server  *server
	members map[string]*member
}

// processOf is the process that runs a service; the gateway keeps its own.
func processOf(service string) string {
	if service == identity.Name {
		return "gatewayd"
	}
	return service + "d"
}

// names are a fleet's processes.
func names() []string {
	return []string{"nats-server", "registryd", "membershipd", "planningd", "awardd", "gatewayd"}
}

// newFleet makes a fleet on a data folder, in which every process finds its certificate; nothing runs yet. Every process has its
// ports for good, so that the others find it again.
func newFleet(t testing.TB, dir string) *fleet {
	t.Helper()
	f := &fleet{TB: t, bin: binaries(t), dir: dir, members: map[string]*member{}}
	certificates := certs.Folder(dir)
	if _, err := os.Stat(certificates); errors.Is(err, fs.ErrNotExist) {
		issue(t, certs.Options{Dir: certificates})
	}
	free := freeAddresses(t, 13)
	next := func() string {
		a := free[0]
		free = free[1:]
		return a
	}
	bus, monitor := next(), next()
	_, busPort, _ := strings.Cut(bus, ":")
	_, monitorPort, _ := strings.Cut(monitor, ":")
	f.members["nats-server"] = &member{
		name:   "nats-server",
		args:   []string{"-c", filepath.Join(certificates, "nats.conf"), "--port", busPort, "--http_port", monitorPort, "--store_dir", filepath.Join(dir, "nats")},
		health: "http://" + monitor + "/healthz",
	}
	addr := map[string]string{}
	web, keys := next(), next()
	for _, s := range []struct {
		name  string
		hears []string
	}{{"registry", nil}, {"membership", []string{"registry"}}, {"planning", []string{"registry", "membership"}}, {"award", []string{"registry", "planning"}}} {
		addr[s.name] = next()
		ops := next()
		args := []string{"--data", dir, "--grpc", addr[s.name], "--ops", ops, "--nats", "nats://" + bus, "--log-level", "warn", "--keys", "https://" + keys + "/.well-known/jwks.json"}
		for _, source := range s.hears {
			args = append(args, "--"+source, addr[source])
		}
		f.members[s.name+"d"] = &member{name: s.name + "d", args: args, health: "http://" + ops + "/livez", whole: "http://" + ops + "/readyz"}
	}
	ops := next()
	args := []string{"--data", dir, "--http", web, "--keys", keys, "--ops", ops, "--nats", "nats://" + bus, "--log-level", "error", "--rate", "1000000", "--rate-burst", "1000000"} // it warns until somebody has signed in
	for _, s := range []string{"registry", "membership", "planning", "award"} {
		args = append(args, "--"+s, addr[s])
	}
	f.members["gatewayd"] = &member{name: "gatewayd", args: args, health: "http://" + ops + "/livez", whole: "http://" + ops + "/readyz"}
	f.base = "http://" + web
	f.server = at(f.base, func() { f.stop(names()...) })
	t.Cleanup(f.end)
	return f
}

// freeAddresses are loopback addresses that nobody used a moment ago.
func freeAddresses(t testing.TB, n int) []string {
	t.Helper()
	var out []string
	var all []net.Listener
	for range n {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
		out = append(out, l.Addr().String())
	}
	for _, l := range all {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// launch starts a process and does not wait for it.
func (f *fleet) launch(name string) *member {
	f.Helper()
	m := f.members[name]
	m.log, m.ended = &syncBuffer{}, make(chan struct{})
	m.cmd = exec.CommandContext(f.Context(), filepath.Join(f.bin, m.name), m.args...)
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	m.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "COSO_") }), "COSO_ADMIN_PASSWORD="+singletest.AdminPassword)
	if err := m.cmd.Start(); err != nil {
		f.Fatal(err)
	}
	go func() {
		m.err = m.cmd.Wait()
		close(m.ended)
	}()
	return m
}

// up starts processes and waits until they live.
func (f *fleet) up(names ...string) {
	f.Helper()
	for _, n := range names {
		f.launch(n)
	}
	for _, n := range names {
		f.until(n+" lives", func() error { return f.lives(f.members[n]) })
	}
}

// lives says why a process does not live yet.
func (f *fleet) lives(m *member) error {
	select {
	case <-m.ended:
		f.Fatalf("%s ended: %v\n%s", m.name, m.err, m.log)
	default:
	}
	_, err := fetch(m.health, http.StatusOK)
	return err
}

// ready waits until processes are ready.
func (f *fleet) ready(names ...string) {
	f.Helper()
	for _, n := range names {
		if m := f.members[n]; m.whole != "" {
			f.until(n+" is ready", func() error {
				_, err := fetch(m.whole, http.StatusOK)
				return err
			})
		}
	}
}

// says waits until a process is not ready and says why.
func (f *fleet) says(name string, whys ...string) {
	f.Helper()
	f.until(name+" says what is missing", func() error {
		text, err := fetch(f.members[name].whole, http.StatusServiceUnavailable)
		for _, why := range whys {
			if err == nil && !strings.Contains(text, why) {
				err = fmt.Errorf("it says %q, not %q", text, why)
			}
		}
		return err
	})
}

// kill ends a process at once, as a power cut would end it.
func (f *fleet) kill(name string) {
	f.Helper()
	m := f.members[name]
	if err := m.cmd.Process.Kill(); err != nil {
		f.Fatalf("kill %s: %v\n%s", name, err, m.log)
	}
	<-m.ended
}

// stop asks processes to end, all at once, and holds them to their time and to an orderly end.
func (f *fleet) stop(names ...string) {
	f.Helper()
	limit := time.After(12 * time.Second)
	for _, n := range names {
		f.signal(n, syscall.SIGTERM)
	}
	for _, n := range names {
		m := f.members[n]
		select {
		case <-m.ended:
		case <-limit:
			f.Fatalf("%s did not stop in time\n%s", n, m.log)
		}
		if m.err != nil && n != "nats-server" { // it ends with 1 after SIGTERM
			f.Errorf("%s stopped with %v\n%s", n, m.err, m.log)
		}
	}
}

func (f *fleet) signal(name string, s os.Signal) {
	f.Helper()
	if err := f.members[name].cmd.Process.Signal(s); err != nil {
		f.Fatalf("%s: %v", name, err)
	}
}

// runs says whether a process was started and has not ended.
func (m *member) runs() bool {
	if m.cmd == nil {
		return false
	}
	select {
	case <-m.ended:
		return false
	default:
		return true
	}
}

// end leaves no process behind. What they logged is shown if the test failed.
func (f *fleet) end() {
	for _, n := range names() {
		m := f.members[n]
		if m.runs() {
			_ = m.cmd.Process.Kill()
			<-m.ended
		}
		if f.Failed() && m.cmd != nil {
			f.Logf("log of %s:\n%s", n, m.log)
		}
	}
}

// until polls until there is no error.
func (f *fleet) until(what string, try func() error) {
	f.Helper()
	within(f.TB, 30*time.Second, what, try)
}

// fetch reads a page and expects a status.
func fetch(url string, want int) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s answers %d: %s", url, resp.StatusCode, text)
	}
	return string(text), err
}

// syncBuffer keeps what a process says.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// startFleet runs coso as separate processes, started in any order, on a data folder until the test ends or stop is called.
func startFleet(t testing.TB, dir string) *server {
	t.Helper()
	f := newFleet(t, dir)
	order := names()
	seed := rand.Uint64()
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	t.Logf("seed %d: started in the order %s", seed, strings.Join(order, ", "))
	f.up(order...)
	f.ready(order...)
	return f.server
}

// ways are the ways in which coso runs: in one process and as separate processes. Nobody who calls it can tell which.
func ways() map[string]func(t testing.TB, dir string) *server {
	return map[string]func(testing.TB, string) *server{"one process": start, "processes": startFleet}
}

// everyWay runs a test in all ways.
func everyWay(t *testing.T, test func(t *testing.T, start func(testing.TB, string) *server)) {
	t.Helper()
	for name, start := range ways() {
		t.Run(name, func(t *testing.T) { test(t, start) })
	}
}

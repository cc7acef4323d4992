// Package fleet runs a registry in replicas for measurements, as its operators do: three nats-servers, three replicas and the
// gateway before them, with the certificates and configurations of coso certs and the journal put into the log by coso replicate. All
// are processes on loopback addresses of their own, at the ports that they have by default.
//
// It guarantees that the programs are those that are delivered and that no process outlives the one that measures. It leaves to
// others what is measured. It needs Linux, where all of 127.0.0.0/8 is loopback.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"coso/deploy/internal/staff"
	"coso/services/platform/certs"
	"coso/services/platform/mtls"
	"coso/services/platform/wait"
	"coso/services/registry"
)

const (
	// Size is how many nats-servers and how many replicas there are.
	Size = 3
	// password is the first administrator's.
	password = "trăng lên đầu ngõ nhỏ"
	// startLimit is how long anything may take until it is as it should be, a copy of a large file too, poll how often that is looked at.
	startLimit = 5 * time.Minute
	poll       = 10 * time.Millisecond
	// unlimited is a rate that no measurement reaches.
	unlimited = "1000000000"
)

// Options say how a fleet is made.
type Options struct {
	// Bin is the folder of the programs: coso, registryd, gatewayd, nats-server.
	Bin string
	// Dir is an empty folder for all files.
	Dir string
	// Fill fills the registry while it is alone, before its journal is put into the log; nil: nothing does.
	Fill func(ctx context.Context, f *Fleet) error
	// Begin is how many of the replicas run in the beginning; 0: all.
	Begin int
}

// Fleet is all of it.
type Fleet struct {
	// Servers and Replicas are in the order of their names, n1 and r1 first.
	Servers, Replicas [Size]*Process
	// Admin is the first administrator, signed in at the gateway.
	Admin *staff.Person

	o       Options
	net     string
	gateway *Process
	door    *door
}

// Open starts a fleet and waits until all replicas that begin are ready. The caller calls Close in any case.
func Open(ctx context.Context, o Options) (*Fleet, error) {
	f := &Fleet{o: o}
	if o.Begin == 0 {
		f.o.Begin = Size
	}
	if o.Bin == "" {
		return f, errors.New("the folder of the programs is missing; make bench builds them and gives it as --bin")
	}
	for _, step := range []func(context.Context) error{f.findNet, f.certify, f.alone, f.replicate, f.together} {
		if err := step(ctx); err != nil {
			return f, err
		}
	}
	return f, nil
}

// Close ends all processes.
func (f *Fleet) Close() error {
	var failed error
	if f.door != nil {
		failed = f.door.close()
	}
	for _, p := range append(append([]*Process{f.gateway}, f.Replicas[:]...), f.Servers[:]...) {
		if p != nil {
			failed = errors.Join(failed, p.Kill())
		}
	}
	return failed
}

// host is an address of this fleet: servers, replicas and the gateway in tens of their own.
func (f *Fleet) host(ten, i int) string { return fmt.Sprintf("%s.%d", f.net, 10*ten+i+1) }

func (f *Fleet) server(i int) string  { return f.host(1, i) }
func (f *Fleet) replica(i int) string { return f.host(2, i) }
func (f *Fleet) front() string        { return f.host(3, 0) }

// nowhere is the address of services that a registry alone does not have.
func (f *Fleet) nowhere(i int) string { return f.host(4, i) + ":8101" }

// Base is where the gateway answers.
func (f *Fleet) Base() string { return "http://" + f.front() + ":8080" }

// data is the data folder of a replica.
func (f *Fleet) data(i int) string { return filepath.Join(f.o.Dir, Name(i)) }

// File is the data file of a replica.
func (f *Fleet) File(i int) string { return filepath.Join(f.data(i), registry.Name+".db") }

func (f *Fleet) certs() string { return filepath.Join(f.o.Dir, "certs") }

// Name is the name of a replica.
func Name(i int) string { return fmt.Sprintf("r%d", i+1) }

// serverName is the name of a nats-server.
func serverName(i int) string { return fmt.Sprintf("n%d", i+1) }

// findNet finds 256 loopback addresses that nobody uses.
func (f *Fleet) findNet(ctx context.Context) error {
	const tries = 20
	var failed error
	for range tries {
		f.net = fmt.Sprintf("127.%d.%d", 1+rand.IntN(254), 1+rand.IntN(254)) //nolint:gosec // no secret
		lis, err := new(net.ListenConfig).Listen(ctx, "tcp", f.server(0)+":4222")
		if err == nil {
			return lis.Close()
		}
		failed = err
	}
	return fmt.Errorf("addresses of our own: %w", failed)
}

// certify makes certificates and configurations.
func (f *Fleet) certify(ctx context.Context) error {
	var servers, hosts []string
	for i := range Size {
		servers = append(servers, serverName(i)+"="+f.server(i))
		hosts = append(hosts, f.replica(i))
	}
	return f.coso(ctx, "certs", f.certs(), "--nats", strings.Join(servers, ","), "--host", strings.Join(append(hosts, f.front()), ","))
}

// coso runs one of the operator's commands.
func (f *Fleet) coso(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, filepath.Join(f.o.Bin, "coso"), args...).CombinedOutput(); err != nil {
		return fmt.Errorf("coso %s: %w: %s", args[0], err, out)
	}
	return nil
}

// proof are the flags by which a process proves who it is.
func (f *Fleet) proof(name string) []string {
	files := certs.FilesOf(f.certs(), name)
	return []string{"--tls-cert", files.Cert, "--tls-key", files.Key, "--tls-ca", files.CA}
}

// Identity is who this process is by the certificate of a name.
func (f *Fleet) Identity(name string) (*mtls.Identity, error) {
	return mtls.Open(mtls.Options{Name: name, Files: certs.FilesOf(f.certs(), name), Logger: slog.New(slog.DiscardHandler)})
}

// Bus are the addresses of the nats-servers.
func (f *Fleet) Bus() string {
	var all []string
	for i := range Size {
		all = append(all, "nats://"+f.server(i)+":4222")
	}
	return strings.Join(all, ",")
}

// addresses are those of the first n replicas.
func (f *Fleet) addresses(n int) string {
	var all []string
	for i := range n {
		all = append(all, f.replica(i)+":8101")
	}
	return strings.Join(all, ",")
}

// registryd are a replica's program and the arguments that it has with any log.
func (f *Fleet) registryd(i int) []string {
	return append([]string{
		filepath.Join(f.o.Bin, "registryd"), "--data", f.data(i), "--grpc", f.replica(i) + ":8101", "--ops", f.replica(i) + ":8201",
		"--nats", f.Bus(), "--keys", "https://" + f.front() + ":8105/.well-known/jwks.json", "--log-level", "warn",
		"--rate", unlimited, "--rate-burst", unlimited,
	}, f.proof(registry.Name)...)
}

// gatewayd are the gateway's program and its arguments, before the first n replicas.
func (f *Fleet) gatewayd(n int) []string {
	return append([]string{
		filepath.Join(f.o.Bin, "gatewayd"), "--data", filepath.Join(f.o.Dir, "gateway"), "--http", f.front() + ":8080", "--ops", f.front() + ":8200",
		"--keys", f.front() + ":8105", "--nats", f.Bus(), "--log-level", "error", "--rate", unlimited, "--rate-burst", unlimited,
		"--registry", f.addresses(n), "--membership", f.nowhere(1), "--planning", f.nowhere(2), "--award", f.nowhere(3),
	}, f.proof(mtls.Gateway)...)
}

// alone starts the gateway and a registry with a log of its own, and fills it.
func (f *Fleet) alone(ctx context.Context) error {
	f.gateway = &Process{Name: "gatewayd", args: f.gatewayd(Size), env: []string{"COSO_ADMIN_PASSWORD=" + password}}
	first := &Process{Name: Name(0), args: f.registryd(0)}
	f.Replicas[0] = first
	if err := errors.Join(f.gateway.Start(), first.Start()); err != nil {
		return err
	}
	err := f.signIn(ctx)
	if err != nil {
		return err
	}
	if f.door, err = openDoor(f); err != nil {
		return err
	}
	if f.o.Fill != nil {
		if err := f.o.Fill(ctx, f); err != nil {
			return fmt.Errorf("fill the registry: %w", err)
		}
	}
	return first.Stop()
}

// signIn lets the administrator sign in, who has seen nothing of the journal yet.
func (f *Fleet) signIn(ctx context.Context) error {
	return Until(ctx, "the first administrator signs in", func() (err error) {
		if err = errors.Join(f.gateway.alive(), f.Replicas[0].alive()); err == nil {
			f.Admin, err = staff.SignIn(ctx, f.Base(), staff.First, password, "")
		}
		return err
	})
}

// replicate starts the nats-servers and puts the journal into the log.
func (f *Fleet) replicate(ctx context.Context) error {
	for i := range Size {
		f.Servers[i] = &Process{Name: serverName(i), args: []string{
			filepath.Join(f.o.Bin, "nats-server"), "-c", filepath.Join(f.certs(), "nats-"+serverName(i)+".conf"),
			"--store_dir", filepath.Join(f.o.Dir, serverName(i)),
		}}
		if err := f.Servers[i].Start(); err != nil {
			return err
		}
	}
	args := append([]string{"replicate", registry.Name, "--data", f.data(0), "--nats", f.Bus()}, f.proof(registry.Name)...)
	return Until(ctx, "the journal is in the log", func() error { return f.coso(ctx, args...) })
}

// together starts the replicas that begin. Each has the data file of the first, which was stopped.
func (f *Fleet) together(ctx context.Context) error {
	var names []string
	for i := range Size {
		names = append(names, Name(i)+"="+f.replica(i)+":8101")
	}
	for i := range Size {
		f.Replicas[i] = &Process{Name: Name(i), args: append(f.registryd(i), "--log", "nats", "--replica", Name(i), "--replicas", strings.Join(names, ","))}
		if i >= f.o.Begin {
			continue
		}
		if i > 0 {
			if err := f.copied(i); err != nil {
				return err
			}
		}
		if err := f.Replicas[i].Start(); err != nil {
			return err
		}
	}
	for i := range f.o.Begin {
		if err := f.Ready(ctx, i); err != nil {
			return err
		}
	}
	return f.signIn(ctx) // the journal has begun another incarnation
}

// copied gives a replica the first one's data file.
func (f *Fleet) copied(i int) (err error) {
	if err := os.MkdirAll(f.data(i), 0o700); err != nil {
		return err
	}
	from, err := os.Open(f.File(0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := os.OpenFile(f.File(i), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// Ready waits until a replica says that it is ready.
func (f *Fleet) Ready(ctx context.Context, i int) error {
	return Until(ctx, Name(i)+" is ready", func() error {
		if err := f.Replicas[i].alive(); err != nil {
			return err
		}
		return answers(ctx, "http://"+f.replica(i)+":8201/readyz")
	})
}

// Gate lets the gateway know the first n replicas, and waits until it answers.
func (f *Fleet) Gate(ctx context.Context, n int) error {
	if err := f.gateway.Stop(); err != nil {
		return err
	}
	f.gateway.args = f.gatewayd(n)
	if err := f.gateway.Start(); err != nil {
		return err
	}
	return Until(ctx, "the gateway answers", func() error {
		if err := f.gateway.alive(); err != nil {
			return err
		}
		return f.Admin.Get(ctx, "/v1/units", nil, nil)
	})
}

// answers asks for a page and answers nil if it is there.
func answers(ctx context.Context, page string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", page, resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}

// Until tries until there is no error; after five minutes, or when a process has ended that should run, it answers the last one, with
// what was waited for.
func Until(ctx context.Context, what string, try func() error) error {
	began := time.Now()
	for {
		err := try()
		if err == nil {
			return nil
		}
		if time.Since(began) > startLimit || errors.Is(err, errEnded) {
			return fmt.Errorf("%s: not within %s: %w", what, time.Since(began).Round(time.Second), err)
		}
		if gone := wait.For(ctx, poll); gone != nil {
			return errors.Join(gone, err)
		}
	}
}

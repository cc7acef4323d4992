package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"time"

	"google.golang.org/grpc"

	"coso/services/platform/checkpoint"
	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
	"coso/services/platform/run"
	"coso/services/platform/run/ops"
	"coso/services/platform/run/settings"
)

// Service are the settings of a service's process.
type Service struct {
	Data        settings.Folder `help:"Data folder; default: coso in the user's data folder." placeholder:"DIR"`
	GRPC        string          `name:"grpc" help:"Address of the service itself." default:"${grpc}"`
	Bus         `embed:""`
	TLS         `embed:""`
	Keys        `embed:""`
	Checkpoints `embed:""`
	Replicas    `embed:""`
	Rates       rpc.Limits `embed:""`
	Common      `embed:""`
}

// Checkpoints are the settings of what signs journals.
type Checkpoints struct {
	File  settings.File `name:"checkpoints" help:"File to which signed checkpoints of each journal here are appended, best where another organisation keeps it; default: checkpoints.txt in the data folder." placeholder:"FILE"`
	Every time.Duration `name:"checkpoint-every" help:"How often a journal is signed if it has changed." default:"1h"`
	Key   settings.File `name:"checkpoint-key" help:"File of the key that signs them, made if it is not there; default: checkpoint.key in the data folder." placeholder:"FILE"`
}

// Options are the settings as a service takes them.
func (c Checkpoints) Options() checkpoint.Options {
	return checkpoint.Options{File: string(c.File), Key: string(c.Key), Every: c.Every}
}

// Check answers what is wrong with the settings.
func (c Checkpoints) Check() error {
	if c.Every < time.Second {
		return fmt.Errorf("--checkpoint-every: %s is no time to wait; one hour is 1h", c.Every)
	}
	return nil
}

// Following are the settings of a service that follows others.
type Following struct {
	AskEvery   time.Duration `help:"How often the followed services are asked where their events stand." default:"3s"`
	MaxCopyAge time.Duration `help:"When a copy of another service's data is too old for writes that rest on it." default:"5m"`
}

// Model is the kong model of a service's process: a struct that embeds Service, and Following if it follows others. One with
// settings of its own to check has a method Wrong() error, which joins everything that is wrong with them.
type Model interface {
	service() *Service
	// Sources are the addresses of the followed services, by their names.
	Sources() map[string]string
}

func (s *Service) service() *Service { return s }

// Sources answers nothing: who follows overrides it.
func (s *Service) Sources() map[string]string { return nil }

// following are the settings of a model that embeds Following; nil for another.
func following(m Model) *Following {
	if f, ok := m.(interface{ following() *Following }); ok {
		return f.following()
	}
	return nil
}

func (f *Following) following() *Following { return f }

// Of makes the program of a service: its name, how it is made, the port at which it answers gRPC unless told otherwise
// (operations are a hundred above), and the build's version.
func Of(name string, made func(run.Options) (*run.Service, error), port int, version string, model Model) Program {
	p := &process{name: name, made: made, model: model, s: model.service()}
	return Program{
		Name: name + "d", Version: version, Flags: model, Common: &p.s.Common,
		About:    "Serves coso's " + name + " by gRPC.",
		Defaults: map[string]string{"grpc": fmt.Sprintf("127.0.0.1:%d", port), "ops": fmt.Sprintf("127.0.0.1:%d", port+100)},
		Complete: p.complete, Check: p.check, Run: p.run,
	}
}

// process is a service's process.
type process struct {
	name  string
	made  func(run.Options) (*run.Service, error)
	model Model
	s     *Service
}

func (p *process) complete() error {
	if p.s.Data == "" {
		dir, err := run.DataFolder()
		if err != nil {
			return err
		}
		p.s.Data = settings.Folder(dir)
	}
	p.s.TLS = p.s.Completed(string(p.s.Data), p.name)
	return nil
}

func (p *process) check() error {
	places, err := natsPlaces(p.s.NATS)
	wrong := []error{named("data", run.Usable(string(p.s.Data))), Address("grpc", p.s.GRPC), err, p.s.CheckAs(p.name)}
	places = append(places, rpc.Place{Setting: "grpc", Addr: p.s.GRPC}, rpc.Place{Setting: "ops", Addr: p.s.Ops})
	sources := p.model.Sources()
	for _, source := range slices.Sorted(maps.Keys(sources)) {
		at, err := ServiceAt(source, sources[source])
		wrong = append(wrong, err)
		places = append(places, at...)
	}
	_, apart := p.s.Replicas.check()
	wrong = append(wrong, apart, p.s.Rates.Check())
	keys, err := p.s.Keys.Check()
	wrong = append(wrong, rpc.Apart(append(places, keys)...), err, p.s.Checkpoints.Check())
	if f := following(p.model); f != nil {
		if f.AskEvery <= 0 {
			wrong = append(wrong, fmt.Errorf("--ask-every: %s is no time to wait", f.AskEvery))
		}
		if f.MaxCopyAge <= f.AskEvery {
			wrong = append(wrong, fmt.Errorf("--max-copy-age: %s is not longer than --ask-every, %s: every copy would be too old", f.MaxCopyAge, f.AskEvery))
		}
	}
	if own, ok := p.model.(interface{ Wrong() error }); ok {
		wrong = append(wrong, own.Wrong())
	}
	return errors.Join(wrong...)
}

func named(setting string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("--%s: %w", setting, err)
}

// run opens everything, runs it and closes it.
func (p *process) run(ctx context.Context, logger *slog.Logger) (err error) {
	var open closers
	defer func() { err = errors.Join(err, open.close()) }()
	dir := string(p.s.Data)
	web, err := open.listen(ctx, "ops", p.s.Ops, rpc.Listen)
	if err != nil {
		return err
	}
	id, err := p.s.OpenAs(p.name, logger)
	if err != nil {
		return err
	}
	lis, err := open.listen(ctx, "grpc", p.s.GRPC, rpc.ListenNetwork)
	if err != nil {
		return err
	}
	metrics, err := ops.Meters()
	if err != nil {
		return err
	}
	tokens, err := p.s.Keys.Open(id, logger)
	if err != nil {
		return err
	}
	bus, js, err := connect(p.s.NATS, p.name, id, logger)
	if err != nil {
		return err
	}
	open.add(func() error { bus.Close(); return nil })
	one, err := p.replica(&open, id, bus, js, logger)
	if err != nil {
		return err
	}
	s, err := p.open(ctx, logger, id, tokens, one)
	if err != nil {
		return err
	}
	conns, peers, err := p.dial(&open, id)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	ready := &ops.Readiness{
		Whole: []ops.Peer{{Name: p.name, Conn: s.ConnOf(p.name), Sound: s.Sound, Signed: s.Signed, Recorded: s.Recorded}}, Reached: peers, Bus: bus.away,
	}
	logger.InfoContext(ctx, "starts", "service", p.name, "grpc", lis.Addr().String(), "ops", web.Addr().String(), "data", dir)
	return run.All(ctx, logger,
		Certificates(id, ready),
		tokens.Part(ready),
		run.Web("operations", logger, ops.Server(logger, ready, metrics), web, nil),
		run.Answer("gRPC", func(ctx context.Context) ([]run.On, error) {
			all, err := run.Sockets(ctx, dir, logger, s)
			return append(all, run.On{Service: s, Listener: lis}), err
		}),
		s.Part(js, conns))
}

// open opens the service's store.
func (p *process) open(ctx context.Context, logger *slog.Logger, id *mtls.Identity, tokens *Tokens, one *run.Replica) (*run.Service, error) {
	dir := string(p.s.Data)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if one == nil { // a replica without its file fetches another one's
		if err := run.Whole(dir, p.name); err != nil {
			return nil, err
		}
	}
	if one != nil {
		if err := one.Begin(ctx, dir, p.name, logger); err != nil {
			return nil, err
		}
	}
	o := run.Options{Dir: dir, Logger: logger, TLS: id, Replica: one, Rates: p.s.Rates, Tokens: tokens.Verifier, Checkpoints: p.s.Checkpoints.Options()}
	if f := following(p.model); f != nil {
		o.AskEvery, o.MaxCopyAge = f.AskEvery, f.MaxCopyAge
	}
	s, err := p.made(o)
	if err != nil {
		return nil, fmt.Errorf("the store of %s: %w", p.name, err)
	}
	if err := run.Settled(dir, p.name); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// dial makes the connections to the followed services.
func (p *process) dial(open *closers, id *mtls.Identity) (map[string]grpc.ClientConnInterface, []ops.Peer, error) {
	conns := map[string]grpc.ClientConnInterface{}
	var peers []ops.Peer
	sources := p.model.Sources()
	for _, source := range slices.Sorted(maps.Keys(sources)) {
		conn, err := rpc.DialService(sources[source], source, id)
		if err != nil {
			return nil, nil, named(source, err)
		}
		open.add(conn.Close)
		conns[source] = conn
		peers = append(peers, ops.Peer{Name: source, Conn: conn})
	}
	return conns, peers, nil
}

// closers are what is closed in the end, last first.
type closers []func() error

func (c *closers) add(f func() error) { *c = append(*c, f) }

func (c *closers) close() error {
	var failed error
	for _, f := range slices.Backward(*c) {
		failed = errors.Join(failed, f())
	}
	return failed
}

// listen opens the listener of a setting, which is closed in the end if nobody has closed it before.
func (c *closers) listen(ctx context.Context, setting, addr string, on func(context.Context, string) (net.Listener, error)) (net.Listener, error) {
	lis, err := on(ctx, addr)
	if err != nil {
		return nil, named(setting, err)
	}
	c.add(func() error {
		if err := lis.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return lis, nil
}

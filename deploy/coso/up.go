package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"

	"coso/deploy/demo"
	"coso/deploy/internal/client"
	"coso/deploy/internal/single"
	"coso/deploy/internal/trial"
	"coso/gateway/front"
	"coso/gateway/identity"
	"coso/services/platform/rpc"
	shell "coso/services/platform/run"
	"coso/services/platform/run/daemon"
	"coso/services/platform/run/settings"
	"coso/services/registry"

	"github.com/alecthomas/kong"
)

// upCommand starts everything.
type upCommand struct {
	settings.Flags `embed:""`

	Data  settings.Folder `help:"Data folder; default: coso in the user's data folder." placeholder:"DIR"`
	Front front.Settings  `embed:""`
	Ops   string          `help:"Address of /livez, /readyz and /metrics; loopback only; port 0: any free one." default:"127.0.0.1:8200"`

	NATS       int  `name:"nats-port" help:"Port on 127.0.0.1 where integrators may listen to the change events; 0: none." default:"0" example:"4222"`
	MaxStreams size `help:"How much the streams of change events may hold, e.g. 20GiB; 0: what they hold at the start and half of what is free then." default:"0"`

	Checkpoints daemon.Checkpoints `embed:""`

	FirstAdministrator string `help:"Who administers an installation in which nobody ever held a grant: principals/ and an account's name." default:"principals/admin"`
	Demo               string `help:"Load this demo once started, and print its report: hanoi-2020." placeholder:"NAME"`
}

// Run checks the settings, shows them if asked to, and otherwise runs until interrupted.
func (u *upCommand) Run(ctx context.Context, s streams, logger *slog.Logger, reader *settings.Reader, parsed *kong.Context) error {
	dir, err := dataFolder(u.Data)
	if err != nil {
		return err
	}
	u.Data = settings.Folder(dir)
	wrong := errors.Join(reader.Check(parsed), u.check())
	if u.CheckConfig {
		return settings.Report(s.out, "coso up", reader.InForce(parsed), wrong)
	}
	if wrong != nil {
		return fmt.Errorf("%w\n`coso up --help` lists all settings", wrong)
	}
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	loaded := make(chan struct{})
	started := false
	var first identity.First
	err = single.Run(run, single.Options{
		Dir: dir, Front: u.Front, Ops: u.Ops, NATSPort: u.NATS, MaxStreams: int64(u.MaxStreams), Checkpoints: u.Checkpoints.Options(), Logger: logger,
		FirstAdministrator: u.FirstAdministrator, First: func(f identity.First) { first = f },
	}, func(base string) {
		started = true
		go func() {
			defer close(loaded)
			if err := u.greet(run, s, base, dir, first); err != nil {
				cancel(err)
			}
		}()
	})
	if started {
		<-loaded
	}
	if cause := context.Cause(run); cause != nil && ctx.Err() == nil {
		return cause
	}
	return err
}

// dataFolder is where the data lies: the folder given, or the user's.
func dataFolder(given settings.Folder) (string, error) {
	if given != "" {
		return string(given), nil
	}
	return shell.DataFolder()
}

// check joins everything that is wrong with the settings.
func (u *upCommand) check() error {
	var wrong []error
	if err := shell.Usable(string(u.Data)); err != nil {
		wrong = append(wrong, fmt.Errorf("--data: %w", err))
	}
	if err := rpc.Loopback(u.Ops); err != nil {
		wrong = append(wrong, fmt.Errorf("--ops: %w", err))
	}
	if u.NATS < 0 || u.NATS > math.MaxUint16 {
		wrong = append(wrong, fmt.Errorf("--nats-port: %d is no port; choose one from 1024 to 65535, e.g. 4222, or 0 for none", u.NATS))
	}
	places := []rpc.Place{{Setting: "http", Addr: u.Front.HTTP}, {Setting: "ops", Addr: u.Ops}, {Setting: "nats-port", Addr: fmt.Sprintf("127.0.0.1:%d", u.NATS)}}
	wrong = append(wrong, u.Front.Check(), rpc.Apart(places...), u.Checkpoints.Check(), registry.CheckAdministrator(u.FirstAdministrator))
	if u.Demo != "" {
		if _, err := demo.Set(u.Demo); err != nil {
			wrong = append(wrong, fmt.Errorf("--demo: %w", err))
		}
	}
	return errors.Join(wrong...)
}

// greet loads the demo, if one is asked for, and says where everything is.
func (u *upCommand) greet(ctx context.Context, s streams, base, dir string, first identity.First) error {
	greeting := first.Greeting()
	if u.Demo != "" {
		if _, err := fmt.Fprintf(s.err, "coso answers at %s; loading %s ...\n", base, u.Demo); err != nil {
			return err
		}
		o := opening{name: u.Demo, base: base, dir: dir, password: cmp.Or(first.OneTimePassword, string(u.Front.AdminPassword)), oneTime: first.OneTimePassword != ""}
		said, err := o.show(ctx, s)
		// A demo that does not load (its data was changed here, or came with another version) is no reason not to serve.
		if err != nil && ctx.Err() == nil {
			if _, err := fmt.Fprintf(s.err, "coso: the demo was not loaded: %v\n", err); err != nil {
				return err
			}
		}
		greeting = said
	}
	_, err := fmt.Fprintf(s.out, "\ncoso answers at %s\n  progress  %s/\n  API page  %s/docs\n  data      %s\n%sStop with Ctrl-C.\n", base, base, base, dir, greeting)
	return err
}

// load loads a data set and shows how it goes on.
func load(ctx context.Context, w io.Writer, c *client.Client, set *trial.Set) error {
	meter := newMeter(w)
	defer meter.end()
	return set.Send(ctx, c, meter.step)
}

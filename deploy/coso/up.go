package main

import (
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
	"coso/services/platform/rpc"
	shell "coso/services/platform/run"
	"coso/services/platform/run/settings"

	"github.com/alecthomas/kong"
)

// upCommand starts everything.
type upCommand struct {
	settings.Flags `embed:""`

	Data string `help:"Data folder; default: coso in the user's data folder." env:"COSO_DATA"`
	HTTP string `help:"Address of the gateway; loopback only." default:"127.0.0.1:8080" env:"COSO_HTTP"`
	NATS int    `name:"nats-port" help:"Port on 127.0.0.1 where integrators may listen to the change events; 0: none." default:"0" env:"COSO_NATS_PORT"`
	Demo string `help:"Load this demo once started, and print its report." placeholder:"hanoi-2020"`
}

// Run checks the settings, shows them if asked to, and otherwise runs until interrupted.
func (u *upCommand) Run(ctx context.Context, s streams, logger *slog.Logger, reader *settings.Reader, parsed *kong.Context) error {
	dir, err := dataFolder(u.Data)
	if err != nil {
		return err
	}
	u.Data = dir
	wrong := u.check(ctx)
	if u.CheckConfig {
		return settings.Report(s.out, "coso up", reader.InForce(parsed), wrong)
	}
	if wrong != nil {
		return wrong
	}
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	loaded := make(chan struct{})
	started := false
	err = single.Run(run, single.Options{Dir: dir, HTTP: u.HTTP, NATSPort: u.NATS, Logger: logger}, func(base string) {
		started = true
		go func() {
			defer close(loaded)
			if err := u.greet(run, s, base, dir); err != nil {
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
func dataFolder(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	return shell.DataFolder()
}

// check joins everything that is wrong with the settings.
func (u *upCommand) check(ctx context.Context) error {
	wrong := []error{shell.Usable(u.Data)}
	if err := rpc.Loopback(ctx, u.HTTP); err != nil {
		wrong = append(wrong, fmt.Errorf("--http: %w", err))
	}
	if u.NATS < 0 || u.NATS > math.MaxUint16 {
		wrong = append(wrong, fmt.Errorf("--nats-port: %d is no port", u.NATS))
	}
	if u.Demo != "" {
		if _, err := demo.Set(u.Demo); err != nil {
			wrong = append(wrong, fmt.Errorf("--demo: %w", err))
		}
	}
	return errors.Join(wrong...)
}

// greet loads the demo, if one is asked for, and says where everything is.
func (u *upCommand) greet(ctx context.Context, s streams, base, dir string) error {
	if u.Demo != "" {
		// A demo that does not load (its data was changed here, or came with another version) is no reason not to serve.
		if err := show(ctx, s, base, u.Demo); err != nil && ctx.Err() == nil {
			if _, err := fmt.Fprintf(s.err, "coso: the demo was not loaded: %v\n", err); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(s.out, "\ncoso answers at %s\n  progress  %s/\n  API page  %s/docs\n  data      %s\nStop with Ctrl-C.\n", base, base, base, dir)
	return err
}

// show loads a demo data set and prints its report.
func show(ctx context.Context, s streams, base, name string) error {
	files, err := demo.Set(name)
	if err != nil {
		return err
	}
	set, err := trial.Read(files)
	if err != nil {
		return err
	}
	c := client.New(base)
	if err := load(ctx, s.err, c, set); err != nil {
		return err
	}
	return set.Show(ctx, c, s.out)
}

// load loads a data set and shows how it goes on.
func load(ctx context.Context, w io.Writer, c *client.Client, set *trial.Set) error {
	meter := newMeter(w)
	defer meter.end()
	return set.Load(ctx, c, meter.step)
}

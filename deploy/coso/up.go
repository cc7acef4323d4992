package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"coso/deploy/demo"
	"coso/deploy/internal/client"
	"coso/deploy/internal/single"
	"coso/deploy/internal/trial"
)

// upCommand starts everything.
type upCommand struct {
	Data string `help:"Data folder; default: coso in the user's data folder." env:"COSO_DATA"`
	HTTP string `help:"Address of the gateway; loopback only." default:"127.0.0.1:8080" env:"COSO_HTTP"`
	NATS int    `name:"nats-port" help:"Port on 127.0.0.1 where integrators may listen to the change events; 0: none." default:"0" env:"COSO_NATS_PORT"`
	Demo string `help:"Load this demo once started, and print its report." placeholder:"hanoi-2020"`
}

// Run runs until interrupted.
func (u upCommand) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	dir, err := u.folder()
	if err != nil {
		return err
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

// folder is where the data lies.
func (u upCommand) folder() (string, error) {
	if u.Data != "" {
		return u.Data, nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "coso"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no data folder: %w; name one with --data", err)
	}
	return filepath.Join(home, ".local", "share", "coso"), nil
}

// greet loads the demo, if one is asked for, and says where everything is.
func (u upCommand) greet(ctx context.Context, s streams, base, dir string) error {
	if u.Demo != "" {
		// A demo that does not load (its data was changed here, or came with another version) is no reason not to serve.
		if err := show(ctx, s, base, u.Demo); err != nil && ctx.Err() == nil {
			if _, err := fmt.Fprintf(s.err, "coso: the demo was not loaded: %v\n", err); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(s.out, "\ncoso answers at %s\n  API page  %s/docs\n  data      %s\nStop with Ctrl-C.\n", base, base, dir)
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

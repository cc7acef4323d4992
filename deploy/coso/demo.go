package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"coso/deploy/demo"
	"coso/deploy/internal/client"
	"coso/deploy/internal/single"
	"coso/deploy/internal/trial"
)

// demoCommand runs a demo from start to end and checks it.
type demoCommand struct {
	Name string `arg:"" help:"Which demo; there is hanoi-2020." default:"hanoi-2020"`
	From string `help:"Take the sheets from this folder instead." type:"existingdir" placeholder:"DIR"`
}

// Run starts coso in a temporary folder on a free port, loads the sheets through the HTTP API, prints the report and
// holds it against the published figures and an independent count. It fails if anything differs.
func (d demoCommand) Run(ctx context.Context, s streams, logger *slog.Logger) (err error) {
	set, err := d.set()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "coso-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	run, stop := context.WithCancel(ctx)
	defer stop()
	result := make(chan error, 1)
	started := false
	err = single.Run(run, single.Options{Dir: dir, HTTP: "127.0.0.1:0", Logger: logger}, func(base string) {
		started = true
		go func() {
			defer stop()
			result <- d.check(run, s, set, client.New(base))
		}()
	})
	if !started {
		return err
	}
	return errors.Join(<-result, err)
}

func (d demoCommand) set() (*trial.Set, error) {
	var files fs.FS
	var err error
	if d.From != "" {
		files = os.DirFS(d.From)
	} else if files, err = demo.Set(d.Name); err != nil {
		return nil, err
	}
	return trial.Read(files)
}

func (d demoCommand) check(ctx context.Context, s streams, set *trial.Set, c *client.Client) error {
	if err := load(ctx, s.err, c, set); err != nil {
		return err
	}
	if err := set.Show(ctx, c, s.out); err != nil {
		return err
	}
	if err := set.Verify(ctx, c); err != nil {
		return fmt.Errorf("the demo's figures are not the published ones:\n%w", err)
	}
	_, err := fmt.Fprintln(s.out, "\nEvery figure read back over HTTP is the published one; the nominations are those that the sheets give.")
	return err
}

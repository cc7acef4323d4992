// Command coso runs coso in one process and is the operator's and the clerk's tool: up, demo, import, progress,
// feed, verify, version.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands is the whole command line.
type commands struct {
	Up       upCommand       `cmd:"" help:"Start everything in this process: four services, gateway, embedded nats-server."`
	Demo     demoCommand     `cmd:"" help:"Run a demo in a temporary folder and hold its figures against the published ones."`
	Import   importCommand   `cmd:"" help:"Send CSV sheets to a running server."`
	Progress progressCommand `cmd:"" help:"Show how far a unit is, with everything below it."`
	Feed     feedCommand     `cmd:"" help:"See and mend the change events between the services of a running coso."`
	Verify   verifyCommand   `cmd:"" help:"Check the journals of a stopped coso: every entry, and the chain between them."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
	Verbose  bool            `help:"Log what goes on, not only what an operator must know." short:"v"`
}

// streams are where a command writes.
type streams struct{ out, err io.Writer }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := execute(ctx, os.Args[1:], streams{out: os.Stdout, err: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, "coso:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// execute runs one command line.
func execute(ctx context.Context, args []string, s streams) error {
	var c commands
	exited := false
	parser, err := kong.New(&c,
		kong.Name("coso"), kong.Description("Committees building organisations in non-state enterprises: who founded, who admitted, who reached the plan."),
		kong.Writers(s.out, s.err), kong.Exit(func(int) { exited = true }), kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(s),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if exited {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w; `coso --help` lists everything", err)
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelInfo
	}
	logger := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))
	err = parsed.Run(logger)
	if errors.Is(err, context.Canceled) {
		return errors.New("stopped")
	}
	return err
}

// Package daemon is what every coso process has around what it does: settings, log, signals, an address for operations.
// What a service's process has beside that is here too, once for all services.
//
// INV-DAEMON-START-ORDER: a process starts whether or not NATS and other processes are there. It lives, reads and commits
// without them, says through /readyz what is missing, and goes on by itself when they come.
// INV-DAEMON-STOP-ENDS: SIGTERM or SIGINT lets what is under way finish and ends the process in bounded time; a second
// signal ends it at once.
// INV-DAEMON-CHECKED: nothing is opened before all settings are checked; every one that is wrong is named.
// INV-DAEMON-PROVED: no process of a service, nor the gateway's, starts without a certificate of its own, and each verifies the
// tokens of those for whom it acts: there is no setting that turns either off.
// INV-DAEMON-KEYS: a service reads the keys of the installation's own tokens from whoever proves by a certificate to be the gateway,
// and from nobody else.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"coso/services/platform/rpc"
	"coso/services/platform/run/settings"
)

// Common are the settings that every process has.
type Common struct {
	settings.Flags `embed:""`

	Version   kong.VersionFlag `help:"Print the version and end."`
	Ops       string           `help:"Address of /livez, /readyz and /metrics; loopback only." default:"${ops}"`
	LogLevel  string           `help:"What is logged: ${enum}." enum:"debug,info,warn,error" default:"info"`
	LogFormat string           `help:"How: ${enum}." enum:"text,json" default:"text"`
}

// Program is a process.
type Program struct {
	// Name is the command's name; About is what it is, in a sentence; Version is the build's.
	Name, About, Version string
	// Flags is the kong model; Common is the part of it that every process has.
	Flags  any
	Common *Common
	// Defaults are the variables in the model's defaults.
	Defaults map[string]string
	// Complete sets what the settings leave open; nil: nothing.
	Complete func() error
	// Check joins everything that is wrong with the settings.
	Check func() error
	// Run works until the context ends, and answers nil then.
	Run func(context.Context, *slog.Logger) error
}

// everywhere is what --help says of every process.
const everywhere = "Processes prove to each other who they are, by certificates that coso certs makes (--tls-cert). Settings come from flags, the environment and a file, in this order."

// Main runs a program with the process's arguments and signals, and answers its exit code: 0 after an orderly end.
func Main(p Program) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// From the first signal on signals mean again what they mean to any process.
	context.AfterFunc(ctx, stop)
	if err := Execute(ctx, p, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintf(os.Stderr, "%s: %s\n", p.Name, line)
		}
		return 1
	}
	return 0
}

// Execute reads the settings, checks them and runs the program, or shows what the arguments ask for. Settings go to out,
// the log to log.
func Execute(ctx context.Context, p Program, args []string, out, log io.Writer) error {
	reader := &settings.Reader{Prefix: "COSO_" + strings.ToUpper(p.Name) + "_"}
	shown := false
	vars := kong.Vars{"version": p.Name + " " + p.Version}
	parser, err := kong.New(p.Flags, append(reader.Options(),
		kong.Name(p.Name), kong.Description(p.About+" "+everywhere), kong.Vars(p.Defaults), vars,
		kong.Writers(out, log), kong.Exit(func(int) { shown = true }))...)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if shown {
		return nil
	}
	if err == nil {
		err = reader.Check(parsed)
	}
	if err != nil {
		return fmt.Errorf("%w\n%s --help lists all settings", err, p.Name)
	}
	if p.Complete != nil {
		if err := p.Complete(); err != nil {
			return err
		}
	}
	wrong := errors.Join(named("ops", rpc.Loopback(p.Common.Ops)), p.Check())
	if p.Common.CheckConfig {
		return settings.Report(out, p.Name, reader.InForce(parsed), wrong)
	}
	if wrong != nil {
		return wrong
	}
	return p.Run(ctx, p.Common.logger(log))
}

func (c *Common) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo // the setting's enum leaves nothing that slog does not know
	}
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

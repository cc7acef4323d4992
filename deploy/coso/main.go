// Command coso runs coso in one process and is the operator's and the clerk's tool: up, demo, sign-in, sign-out, import, approve, export, progress,
// feed, verify, checkpoint, certs, doctor, replicas, version.
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

	"coso/services/platform/run/settings"

	"github.com/alecthomas/kong"
)

// commands is the whole command line.
type commands struct {
	Up         upCommand            `cmd:"" help:"Start everything in this process: four services, gateway, embedded nats-server."`
	Demo       demoCommand          `cmd:"" help:"Run a demo in a temporary folder and hold its figures against the published ones."`
	SignIn     signInCommand        `cmd:"" help:"Sign in to a running server; the session is kept on this machine."`
	SignOut    signOutCommand       `cmd:"" help:"End the session on this machine."`
	Import     importCommand        `cmd:"" help:"Send CSV sheets to a running server."`
	Approve    approveCommand       `cmd:"" help:"Show what others propose to assign, and approve it."`
	Export     exportCommand        `cmd:"" help:"Write what a running server holds as CSV sheets, which import reads again."`
	Progress   progressCommand      `cmd:"" help:"Show how far a unit is, with everything below it."`
	Feed       feedCommand          `cmd:"" help:"See and mend the change events between the services of a running coso."`
	Verify     verifyCommand        `cmd:"" help:"Check the journals of a stopped coso: every entry, and the chain between them."`
	Checkpoint checkpointCommand    `cmd:"" help:"Sign the journals of a running coso, for another organisation to keep."`
	Certs      certsCommand         `cmd:"" help:"Make the certificates with which separate processes prove to each other who they are."`
	Backup     backupCommand        `cmd:"" help:"Take a backup of a running coso: one file per service, checked."`
	Renew      resetPasswordCommand `cmd:"" name:"reset-password" help:"Give somebody a new one-time password, on the machine where coso runs."`
	Appoint    administratorCommand `cmd:"" name:"administrator" help:"Make somebody an administrator of everything, on the machine where coso runs."`
	Restore    restoreCommand       `cmd:"" help:"Put a backup into an empty data folder."`
	Replicate  replicateCommand     `cmd:"" help:"Put the journal of a stopped service on NATS, where its replicas share it, or bring it back."`
	Doctor     doctorCommand        `cmd:"" help:"Say how the services, their replicas and their logs do, and what to do next."`
	Replicas   replicasCommand      `cmd:"" help:"Decide about the replicas of a running service."`
	Completion completionCommand    `cmd:"" help:"Print a script with which a shell completes coso's command lines."`
	Complete   completeCommand      `cmd:"" hidden:"" help:"Answer a shell."`
	Version    versionCommand       `cmd:"" help:"Print the version."`
	Verbose    bool                 `help:"Log what goes on, not only what an operator must know." short:"v"`
}

// streams are where a command writes.
type streams struct{ out, err io.Writer }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := execute(ctx, os.Args[1:], streams{out: os.Stdout, err: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, "coso:", err)
		stop()
		code := 1
		if own, ok := errors.AsType[*exitError](err); ok {
			code = own.code
		}
		os.Exit(code) //nolint:gocritic // stop was called
	}
}

// execute runs one command line.
func execute(ctx context.Context, args []string, s streams) error {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	var c commands
	exited := false
	reader := &settings.Reader{Prefix: "COSO_", Others: []string{"COSO_REGISTRYD_", "COSO_MEMBERSHIPD_", "COSO_PLANNINGD_", "COSO_AWARDD_", "COSO_GATEWAYD_", "COSO_API_TOKEN"}}
	parser, err := kong.New(&c, append(reader.Options(),
		kong.Name("coso"), kong.Description("Committees building organisations in non-state enterprises: who founded, who admitted, who reached the plan."),
		kong.Writers(s.out, s.err), kong.Exit(func(int) { exited = true }), kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(s),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)...)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if exited {
		return nil
	}
	lang := spoken(args)
	if err != nil {
		return errors.New(inLanguage(lang, err.Error()) + fmt.Sprintf(tell(lang, "; xem `%s --help`", "; `%s --help` tells more"), about(err)))
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelInfo
	}
	logger := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))
	err = parsed.Run(logger, reader, parsed)
	if errors.Is(err, context.Canceled) {
		return errors.New(tell(lang, "đã dừng", "stopped"))
	}
	return err
}

// about is the command that a command line was about when it was refused.
func about(err error) string {
	refused, ok := errors.AsType[*kong.ParseError](err)
	if !ok || refused.Context == nil || refused.Context.Selected() == nil {
		return "coso"
	}
	return refused.Context.Selected().FullPath()
}

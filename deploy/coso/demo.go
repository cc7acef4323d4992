package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"coso/deploy/demo"
	"coso/deploy/internal/approval"
	"coso/deploy/internal/client"
	"coso/deploy/internal/sheet"
	"coso/deploy/internal/single"
	"coso/deploy/internal/trial"
	"coso/gateway/front"
	"coso/gateway/identity"
)

// demoCommand runs a demo from start to end and checks it.
type demoCommand struct {
	Name   string     `arg:"" help:"Which demo; there is hanoi-2020." default:"hanoi-2020"`
	From   string     `help:"Take the sheets from this folder instead." type:"existingdir" placeholder:"DIR"`
	Server string     `help:"Load it into the server that runs at this address, as whoever is signed in there, instead of one of its own." placeholder:"URL"`
	Lang   sheet.Lang `help:"Language of refusals: vi or en; the report is in Vietnamese." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// Run starts coso in a temporary folder on a free port, signs in as two people whom it makes, loads the sheets through the HTTP
// API, prints the report and holds it against the published figures and an independent count. It fails if anything differs.
func (d demoCommand) Run(ctx context.Context, s streams, logger *slog.Logger) (err error) {
	set, err := d.set()
	if err != nil {
		return err
	}
	if d.Server != "" {
		return d.there(ctx, s, set)
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
	var first identity.First
	err = single.Run(run, single.Options{
		Dir: dir, Front: front.Settings{HTTP: "127.0.0.1:0"}, Logger: logger, First: func(f identity.First) { first = f },
	}, func(base string) {
		started = true
		go func() {
			defer stop()
			result <- d.here(run, s, set, base, first.OneTimePassword)
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

// here is the whole demo on a coso that is new.
func (d demoCommand) here(ctx context.Context, s streams, set *trial.Set, base, password string) error {
	admin, approver, err := newStaff(ctx, base, password)
	if err == nil {
		err = load(ctx, s.err, admin.Client, set)
	}
	if err == nil {
		_, err = approval.All(ctx, approver.Client)
	}
	if err != nil {
		return told(d.Lang, err)
	}
	return d.check(ctx, s, set, admin.Client)
}

// there loads the demo into a coso that runs. What it proposes has to be approved by somebody else before the figures can be held
// against anything; then it is run again.
func (d demoCommand) there(ctx context.Context, s streams, set *trial.Set) error {
	server := serverFlag{Server: d.Server}
	if err := server.AfterApply(); err != nil {
		return err
	}
	c, err := server.client(d.Lang)
	if err != nil {
		return err
	}
	if err := load(ctx, s.err, c, set); err != nil {
		return told(d.Lang, err)
	}
	waiting, err := approval.List(ctx, c, nil, approval.Undecided)
	if err != nil {
		return told(d.Lang, err)
	}
	if len(waiting) > 0 {
		return fmt.Errorf(tell(d.Lang, "dữ liệu đã vào; %[1]d chỉ tiêu chờ người khác phê duyệt bằng `coso approve --server %[2]s`, rồi chạy lại lệnh này",
			"everything is in; %[1]d targets wait for the approval of somebody else by `coso approve --server %[2]s`; run this again then"), len(waiting), d.Server)
	}
	return d.check(ctx, s, set, c)
}

func (d demoCommand) check(ctx context.Context, s streams, set *trial.Set, c *client.Client) error {
	if err := set.Show(ctx, c, s.out); err != nil {
		return err
	}
	if err := set.Verify(ctx, c); err != nil {
		return fmt.Errorf("the demo's figures are not the published ones:\n%w", err)
	}
	_, err := fmt.Fprintln(s.out, "\nEvery figure read back over HTTP is the published one; the nominations are those that the sheets give.")
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"coso/deploy/internal/sheet"
	"coso/services/award"
	"coso/services/membership"
	"coso/services/planning"
	"coso/services/platform/fault"
	"coso/services/platform/run/daemon"
	"coso/services/platform/run/settings"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
	"coso/services/registry"

	"github.com/nats-io/nats.go/jetstream"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// replicateCommand puts the journal of a stopped service into a log on NATS, which several replicas of the service share, and brings
// it back.
type replicateCommand struct {
	Service        string          `arg:"" help:"Service, which must be stopped: registry, membership, planning or award." enum:"registry,membership,planning,award"`
	Data           settings.Folder `help:"Its data folder; default: coso in the user's data folder." placeholder:"DIR" env:"COSO_DATA"`
	Back           bool            `help:"Bring the journal back into the data folder: of all replicas, this one goes on, alone." xor:"way"`
	Rebuild        bool            `help:"Make the log anew from this replica's journal, because it is lost. Without --accept it only says how much of it this replica has." xor:"way"`
	DeleteLog      bool            `help:"Delete the log on NATS, after --back or before --rebuild." xor:"way"`
	Accept         bool            `help:"With --rebuild and --delete-log: no other replica has more of the journal; what this one lacks is lost."`
	Servers        int             `help:"On how many nats-servers a new log lies: 1, 3 or 5." default:"3" example:"3"`
	Quota          size            `help:"How large a new log may become, e.g. 50GiB; 0: as large as the servers let it." default:"0"`
	AcceptLazySync bool            `help:"Write although the nats-servers have not been seen to sync what they acknowledge."`
	daemon.Bus     `embed:""`
	daemon.TLS     `embed:""`
}

const (
	// natsWait is how long NATS may take to be there, and to be seen to sync.
	natsWait = 20 * time.Second
	// natsAnswer is how long it may take for one answer; what a process may not ask for is not answered.
	natsAnswer = 5 * time.Second
)

// Run does what the flags say and tells what became of it and what to do next.
func (r replicateCommand) Run(ctx context.Context, logger *slog.Logger, s streams) error {
	switch {
	case r.Servers != 1 && r.Servers != 3 && r.Servers != 5:
		return fmt.Errorf("--servers: %d cannot be; a log lies on 1, 3 or 5 nats-servers", r.Servers)
	case r.Accept && !r.Rebuild && !r.DeleteLog:
		return errors.New("--accept goes with --rebuild or --delete-log; leave it out")
	}
	dir, err := dataFolder(r.Data)
	if err != nil {
		return err
	}
	r.Data = settings.Folder(dir)
	switch {
	case r.Rebuild && !r.Accept:
		return r.sayHowFar(ctx, s)
	case r.DeleteLog:
		return r.deleteLog(ctx, logger, s)
	case r.Back:
		return r.back(ctx, logger, s)
	}
	return r.promote(ctx, logger, s)
}

// replication is the stopped service. Its log is found once it is asked for or, with anew, made. end ends what that began.
func (r replicateCommand) replication(logger *slog.Logger, s streams, anew bool) (out store.Replication, end func()) {
	shown := &stages{w: s.err, service: r.Service}
	ended := func() {}
	out = store.Replication{
		Dir: string(r.Data), Service: r.Service, Schema: schemaOf(r.Service), Rebuild: r.Rebuild, Now: time.Now(), Logger: logger,
		Progress: shown.part,
	}
	out.Log = func(ctx context.Context) (store.SharedLog, error) {
		o, disconnect, err := r.connect(ctx, logger)
		if err != nil {
			return nil, err
		}
		ended = disconnect
		return r.find(ctx, o, anew)
	}
	return out, func() {
		shown.end()
		ended()
	}
}

// schemaOf is what the store of a service holds.
func schemaOf(service string) *store.Schema {
	return map[string]func() *store.Schema{
		registry.Name: registry.Schema, membership.Name: membership.Schema, planning.Name: planning.Schema, award.Name: award.Schema,
	}[service]()
}

// connect connects to NATS with the certificate of the service, as its process does.
func (r replicateCommand) connect(ctx context.Context, logger *slog.Logger) (o streamlog.Options, end func(), err error) {
	if _, err := r.Check(); err != nil {
		return o, nil, err
	}
	proof := r.Completed(string(r.Data), r.Service)
	if err := proof.CheckAs(r.Service); err != nil {
		return o, nil, err
	}
	id, err := proof.OpenAs(r.Service, logger)
	if err != nil {
		return o, nil, err
	}
	js, away, end, err := r.Connect(r.Service, id, logger)
	if err != nil {
		return o, nil, err
	}
	err = within(ctx, natsWait, func() error {
		if js.Conn().IsConnected() {
			return nil
		}
		return away()
	})
	if err != nil {
		end()
		return o, nil, err
	}
	return streamlog.Options{JetStream: js, System: js.Conn(), AcceptLazySync: r.AcceptLazySync, Service: r.Service, Logger: logger}, end, nil
}

// find finds the log or, with anew, makes it where there is none, and waits until it takes entries.
func (r replicateCommand) find(ctx context.Context, o streamlog.Options, anew bool) (l *streamlog.Log, err error) {
	open := func() (*streamlog.Log, error) { return streamlog.Open(ctx, o) }
	if anew {
		open = func() (*streamlog.Log, error) {
			return streamlog.Begin(ctx, o, streamlog.Shape{Replicas: r.Servers, MaxBytes: int64(r.Quota)})
		}
	}
	var final error
	err = within(ctx, natsWait, func() error {
		if l, err = open(); err == nil {
			l.Look(ctx)
			err = l.Sound()
		}
		if errors.Is(err, streamlog.ErrAbsent) || fault.KindOf(err) == fault.KindDataLoss || tooFewServers(err) {
			final = err
			return nil
		}
		return err
	})
	if err = errors.Join(final, err); err != nil {
		return nil, explainLog(r.Service, err)
	}
	return l, nil
}

// within tries until it succeeds, or for a time; then it answers why it does not.
func within(ctx context.Context, limit time.Duration, try func() error) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for over := time.After(limit); ; {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-over:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// What nats-server answers to a log on more servers than there are.
const (
	codeNoCluster jetstream.ErrorCode = 10074
	codeTooFew    jetstream.ErrorCode = 10005
)

func tooFewServers(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (api.ErrorCode == codeNoCluster || api.ErrorCode == codeTooFew)
}

// explainLog says what to do about a log that cannot be used.
func explainLog(service string, err error) error {
	name := streamlog.StreamName(service)
	if tooFewServers(err) {
		return fmt.Errorf("there are not as many nats-servers as the log is to lie on; say with --servers 1 that it lies on one: %w", err)
	}
	switch {
	case errors.Is(err, streamlog.ErrAbsent):
		return fmt.Errorf("there is no log %s on this NATS; is --nats the right one? If the log is lost, make it anew with coso replicate %s --rebuild", name, service)
	case fault.ReasonOf(err) == faultpb.Reason_REASON_STREAM_FOREIGN:
		return fmt.Errorf("the log %s on this NATS is not this journal's, and nothing was changed; look whose it is, and if nobody needs it, "+
			"delete it with coso replicate %s --delete-log --accept: %w", name, service, err)
	}
	return err
}

// explain says what to do about a service that cannot be replicated.
func (r replicateCommand) explain(err error) error {
	switch fault.ReasonOf(err) {
	case faultpb.Reason_REASON_JOURNAL_SHARED:
		return fmt.Errorf("the journal of %[1]s in %[2]s is in a log on NATS already; start %[1]sd with --log nats. If that log is lost, make it "+
			"anew with coso replicate %[1]s --rebuild", r.Service, r.Data)
	case faultpb.Reason_REASON_JOURNAL_NOT_SHARED:
		return fmt.Errorf("the journal of %[1]s in %[2]s is in no log on NATS; start %[1]sd without --log nats, or put it there with coso replicate %[1]s", r.Service, r.Data)
	case faultpb.Reason_REASON_DATA_LOCKED:
		return fmt.Errorf("the data of %[1]s in %[2]s are in use; stop %[1]sd and what else uses them, then call this again", r.Service, r.Data)
	case faultpb.Reason_REASON_RESOURCE_NOT_FOUND:
		return fmt.Errorf("there are no data of %s in %s; name the data folder with --data", r.Service, r.Data)
	case faultpb.Reason_REASON_STREAM_FOREIGN:
		return explainLog(r.Service, err)
	case faultpb.Reason_REASON_JOURNAL_UNAVAILABLE:
		return fmt.Errorf("it is not done yet; call this again, and it goes on where it was: %w", err)
	default:
		return err
	}
}

// stages shows work in several parts, one bar after the other.
type stages struct {
	w       io.Writer
	service string
	what    string
	shown   *walk
}

func (g *stages) part(what string, done, all uint64) {
	if g.shown == nil || what != g.what {
		g.end()
		g.what, g.shown = what, newWalk(g.w, g.service+": "+what, sheet.English)
	}
	g.shown.step(done, all)
}

func (g *stages) end() {
	if g.shown != nil {
		g.shown.end()
		g.shown = nil
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"coso/deploy/bench/fleet"
	embedded "coso/deploy/nats"
	"coso/services/platform/run/daemon"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"

	"github.com/nats-io/nats.go/jetstream"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// replicas measures a registry in replicas: what a commit and a command cost, whom reads are spread over, and what a client sees
// when processes are killed.
func replicas(ctx context.Context, w io.Writer, s settings) (err error) {
	dir, err := os.MkdirTemp("", "coso-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f, err := fleet.Open(ctx, fleet.Options{Bin: s.bin, Dir: filepath.Join(dir, "fleet"), Fill: settle})
	defer func() { err = errors.Join(err, f.Close()) }()
	if err != nil {
		return err
	}
	for _, take := range []func(context.Context, io.Writer, settings, *fleet.Fleet, string) error{commits, commands, spread, outages} {
		if err := take(ctx, w, s, f, dir); err != nil {
			return err
		}
	}
	return nil
}

// area is the unit in which all enterprises lie.
const area = "ba-dinh"

// settle makes it.
func settle(ctx context.Context, f *fleet.Fleet) error {
	unit := &registrypb.Unit{DisplayName: "Quận ủy Ba Đình", Level: "DISTRICT_COMMITTEE", ValidFrom: "2000-01-01", Placements: []*registrypb.Placement{
		{Tree: "party", FromDate: "2000-01-01"},
	}}
	return f.Admin.Post(ctx, "/v1/units", url.Values{"unitId": {area}}, unit, nil)
}

// another is a request for an enterprise that there was not yet.
func another() *registrypb.CreateEnterpriseRequest {
	n := numbers.Add(1)
	id := fmt.Sprintf("e%09d", n)
	e := sample(n)
	e.Name, e.TaxCode, e.Unit = "", fmt.Sprintf("099%09d", n), "units/"+area
	return &registrypb.CreateEnterpriseRequest{Enterprise: e, EnterpriseId: id, RequestId: id}
}

// commits holds the logs on which a store can be opened against each other. The nats-server in this process and the three others all
// sync before they acknowledge, on the same disk.
func commits(ctx context.Context, w io.Writer, s settings, f *fleet.Fleet, dir string) (err error) {
	var end []func() error
	defer func() {
		for _, last := range slices.Backward(end) {
			err = errors.Join(err, last())
		}
	}()
	var logs []contender
	writers := 0
	for _, kind := range []struct {
		name string
		open func(context.Context, *fleet.Fleet, string) (store.Options, func(), error)
	}{{"local", ofItsOwn}, {"R1", inProcess}, {"R3", onServers}} {
		o, closeLog, err := kind.open(ctx, f, filepath.Join(dir, kind.name))
		if err != nil {
			return fmt.Errorf("the log %s: %w", kind.name, err)
		}
		end = append(end, func() error { closeLog(); return nil })
		work, closeStore, err := openStore(o)
		if err != nil {
			return err
		}
		end = append(end, closeStore)
		logs = append(logs, contender{kind.name, func(l time.Duration) (figure, error) { return parallel(writers, l, work) }})
	}
	var rows [][]string
	for _, writers = range []int{1, 16, 64} {
		fs, err := compare(s.rounds, s.length, logs...)
		if err != nil {
			return err
		}
		rows = append(rows, slices.Concat([]string{fmt.Sprint(writers)}, fs[0].cells(), fs[1].cells(), fs[2].cells(),
			[]string{ratio(fs[1], fs[0]), ratio(fs[2], fs[0])}))
	}
	return table(w, "store.Update on a log of its own, on a stream of a nats-server in the same process (R1), on one of three nats-servers (R3)",
		[]string{"writers", "local", "p50", "p99", "R1", "p50", "p99", "R3", "p50", "p99", "R1 / local", "R3 / local"}, rows)
}

// ofItsOwn lets the store have its own log.
func ofItsOwn(_ context.Context, _ *fleet.Fleet, dir string) (store.Options, func(), error) {
	return store.Options{Dir: dir, Service: "bench"}, func() {}, nil
}

// inProcess is a log on a nats-server in this process. It syncs always, and has no system account by which that could be seen.
func inProcess(ctx context.Context, _ *fleet.Fleet, dir string) (o store.Options, end func(), err error) {
	bus, err := embedded.Start(embedded.Options{Dir: filepath.Join(dir, "nats")})
	if err != nil {
		return o, nil, err
	}
	conn, err := bus.Connect("bench")
	if err != nil {
		bus.Stop()
		return o, nil, err
	}
	end = func() { conn.Close(); bus.Stop() }
	js, err := jetstream.New(conn)
	if err == nil {
		o, err = onLog(ctx, dir, streamlog.Options{JetStream: js, Service: "bench", AcceptLazySync: true}, 1)
	}
	if err != nil {
		end()
	}
	return o, end, err
}

// onServers is a log on the three servers of a fleet; the name of planning, which is not there, gives it a stream beside the registry's.
func onServers(ctx context.Context, f *fleet.Fleet, dir string) (o store.Options, end func(), err error) {
	const name = "planning"
	id, err := f.Identity(name)
	if err != nil {
		return o, nil, err
	}
	js, _, end, err := daemon.Bus{NATS: f.Bus()}.Connect(name, id, slog.New(slog.DiscardHandler))
	if err != nil {
		return o, nil, err
	}
	if o, err = onLog(ctx, dir, streamlog.Options{JetStream: js, System: js.Conn(), Service: name}, fleet.Size); err != nil {
		end()
	}
	return o, end, err
}

// onLog makes a log on some servers and answers a store on it.
func onLog(ctx context.Context, dir string, of streamlog.Options, servers int) (o store.Options, err error) {
	of.Logger = slog.New(slog.DiscardHandler)
	var log *streamlog.Log
	err = fleet.Until(ctx, "the log takes entries", func() error {
		if log, err = streamlog.Begin(ctx, of, streamlog.Shape{Replicas: servers}); err == nil {
			err = log.Sound()
		}
		return err
	})
	return store.Options{Dir: dir, Service: of.Service, Log: log, Key: bytes.Repeat([]byte{7}, 32)}, err
}

// commands holds commands asked at the replica that writes against those asked at another one, which forwards them.
func commands(ctx context.Context, w io.Writer, s settings, f *fleet.Fleet, _ string) error {
	if err := writes(ctx, f); err != nil {
		return err
	}
	clients := 0
	at := func(beside int) func(time.Duration) (figure, error) {
		return func(l time.Duration) (figure, error) {
			writer, err := f.Writer(ctx)
			if err != nil {
				return figure{}, err
			}
			return parallel(clients, l, asking(ctx, f, (writer+beside)%fleet.Size))
		}
	}
	var rows [][]string
	for _, clients = range []int{1, 16, 64} {
		fs, err := compare(s.rounds, s.length, contender{"at the writer", at(0)}, contender{"at another", at(1)})
		if err != nil {
			return err
		}
		rows = append(rows, slices.Concat([]string{fmt.Sprint(clients)}, fs[0].cells(), fs[1].cells(), []string{ratio(fs[1], fs[0])}))
	}
	return table(w, "Commands by gRPC in three replicas (R3), asked at the one that writes and at another one, which forwards",
		[]string{"clients", "writer", "p50", "p99", "forwarded", "p50", "p99", "forwarded / writer"}, rows)
}

// writes waits until the first replica takes commands.
func writes(ctx context.Context, f *fleet.Fleet) error {
	return fleet.Until(ctx, "a replica takes commands", asking(ctx, f, 0))
}

// asking asks a replica for another enterprise each time.
func asking(ctx context.Context, f *fleet.Fleet, i int) func() error {
	enterprises := registrypb.NewEnterpriseServiceClient(f.Way(i))
	return func() error {
		as, err := f.As(ctx)
		if err == nil {
			_, err = enterprises.CreateEnterprise(as, another())
		}
		return err
	}
}

// warming is how long a gateway that was just started is asked before it is measured.
const warming = 300 * time.Millisecond

// spread holds reads through a gateway before two replicas against those through one before one.
func spread(ctx context.Context, w io.Writer, s settings, f *fleet.Fleet, _ string) error {
	clients := 0
	before := func(n int) func(time.Duration) (figure, error) {
		return func(l time.Duration) (figure, error) {
			if err := f.Gate(ctx, n); err != nil {
				return figure{}, err
			}
			read := getter(f.Base()+"/v1/units/"+area, f.Admin.Session.Proof)
			if _, err := parallel(clients, warming, read); err != nil {
				return figure{}, err
			}
			return parallel(clients, l, read)
		}
	}
	var rows [][]string
	for _, clients = range []int{8, 32} {
		fs, err := compare(s.rounds, s.length, contender{"one replica", before(1)}, contender{"two replicas", before(2)})
		if err != nil {
			return err
		}
		rows = append(rows, slices.Concat([]string{fmt.Sprint(clients)}, fs[0].cells(), fs[1].cells(), []string{ratio(fs[1], fs[0])}))
	}
	if err := f.Gate(ctx, fleet.Size); err != nil {
		return err
	}
	return table(w, "HTTP reads of one unit through gatewayd before one replica and before two, all processes on this machine",
		[]string{"clients", "one", "p50", "p99", "two", "p50", "p99", "two / one"}, rows)
}

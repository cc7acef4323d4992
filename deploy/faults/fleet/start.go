package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"coso/deploy/faults/cage"
	"coso/deploy/faults/client"
	"coso/services/registry"
)

const (
	// startLimit is how long a process may take until it serves.
	startLimit = 60 * time.Second
	// stopLimit is how long a process may take to stop.
	stopLimit = 20 * time.Second
	// poll is how often something is looked at that is waited for.
	poll = 100 * time.Millisecond
	// diskSize and smallSize are how many MiB a disk that can be harmed has: copies leave 64 free where they are made.
	diskSize  = 192
	smallSize = 128

	grpcPort = ":8101"
)

// build makes the machines; nothing runs yet.
func (f *Fleet) build(ctx context.Context) error {
	for i := range Size {
		m := &Machine{dir: filepath.Join(f.o.Dir, fmt.Sprintf("m%d", i+1)), offset: filepath.Join(f.o.Dir, replica(i)+".offset")}
		f.Machines[i] = m
		if err := f.disks(ctx, m); err != nil {
			return err
		}
		if err := f.Offset(i, 0); err != nil {
			return err
		}
		logs := map[string]*os.File{}
		for _, name := range []string{server(i), replica(i)} {
			log, err := os.OpenFile(filepath.Join(f.o.Logs, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err != nil {
				return err
			}
			f.closers = append(f.closers, log.Close)
			logs[name] = log
		}
		m.Server = &cage.Process{
			Name: server(i), Host: server(i), Log: logs[server(i)],
			Args: []string{filepath.Join(f.o.Bin, "nats-server"), "-c", f.conf(i), "--store_dir", m.log()},
		}
		m.Replica = &cage.Process{
			Name: replica(i), Host: replica(i), Log: logs[replica(i)], Env: []string{"TMPDIR=" + m.temp()}, Args: f.replicaArgs(i),
		}
	}
	return nil
}

// disks makes the folders of a machine.
func (f *Fleet) disks(ctx context.Context, m *Machine) (err error) {
	switch f.o.Harmed {
	case Power:
		m.Disk, err = cage.NewDisk(ctx, m.dir, diskSize)
	case Room:
		for at, disk := range map[string]**cage.Disk{m.log(): &m.Log, m.data(): &m.Data, m.temp(): &m.Temp} {
			if *disk, err = cage.NewSmallDisk(ctx, at, smallSize); err != nil {
				return err
			}
		}
	case None:
	}
	return errors.Join(err, os.MkdirAll(m.log(), 0o700), os.MkdirAll(m.data(), 0o700), os.MkdirAll(m.temp(), 0o700))
}

// buses are the addresses of the servers, that of a replica's own machine first.
func (f *Fleet) buses(first int) string {
	var all []string
	for i := range Size {
		all = append(all, "nats://"+f.Net.At(server((first+i)%Size))+":4222")
	}
	return strings.Join(all, ",")
}

func (f *Fleet) replicaArgs(i int) []string {
	var replicas []string
	for j := range Size {
		replicas = append(replicas, replica(j)+"="+f.Net.At(replica(j))+grpcPort)
	}
	args := append(f.base(i), "--log", "nats", "--replica", replica(i), "--replicas", strings.Join(replicas, ","))
	if f.o.Break != "" {
		args = append(args, "--break", f.o.Break, "--broken", f.broken())
	}
	if f.o.Lazy {
		args = append(args, "--accept-lazy-sync")
	}
	return args
}

// base are the program of a replica and the arguments that it has with any log.
func (f *Fleet) base(i int) []string {
	m := f.Machines[i]
	return append([]string{
		filepath.Join(f.o.Bin, One), "--data", m.data(), "--grpc", f.Net.At(replica(i)) + grpcPort, "--ops", "127.0.0.1:8201",
		"--nats", f.buses(i), "--keys", "https://" + cage.Hub + keysPort + keysPath, "--offset", m.offset, "--log-level", "info",
	}, f.proof(registry.Name)...)
}

// begin makes the registry as one with a log of its own, as it is before an operator wants replicas of it.
func (f *Fleet) begin(ctx context.Context) error {
	r := f.Machines[0].Replica
	r.Args = f.base(0)
	if err := r.Start(); err != nil {
		return err
	}
	err := Until(ctx, startLimit, "there is an administrator", func() error { return client.Heard(ctx, f.door.Ways[0], f.door.Signer) })
	if err != nil {
		return err
	}
	err = r.Stop(stopLimit)
	r.Args = f.replicaArgs(0)
	return err
}

// replicate starts the servers and puts the journal into the log.
func (f *Fleet) replicate(ctx context.Context) error {
	for _, m := range f.Machines {
		if err := m.Server.Start(); err != nil {
			return err
		}
	}
	args := append([]string{"replicate", registry.Name, "--data", f.Machines[0].data(), "--nats", f.buses(0)}, f.proof(registry.Name)...)
	if f.o.Lazy {
		args = append(args, "--accept-lazy-sync")
	}
	return Until(ctx, startLimit, "the journal is in the log", func() error { return f.coso(ctx, args...) })
}

// startAll starts the replicas. The second and third have no data: they begin with copies that others send them.
func (f *Fleet) startAll(ctx context.Context) error {
	for _, m := range f.Machines {
		if err := m.Replica.Start(); err != nil {
			return err
		}
	}
	for i := range Size {
		if err := f.serves(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// serves waits until a replica says that it serves.
func (f *Fleet) serves(ctx context.Context, i int) error {
	return Until(ctx, startLimit, replica(i)+" serves", func() error { return f.Serves(ctx, i) })
}

// Serves answers nil if a replica says that it serves.
func (f *Fleet) Serves(ctx context.Context, i int) error {
	if !f.Machines[i].Replica.Runs() {
		return fmt.Errorf("%s has ended", replica(i))
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	said, err := healthpb.NewHealthClient(f.door.Ways[i].Conn).Check(ctx, &healthpb.HealthCheckRequest{Service: "coso.registry.v1.UnitService"}, grpc.WaitForReady(true))
	if err == nil && said.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		err = fmt.Errorf("it is %s", said.GetStatus())
	}
	return err
}

// Heal mends networks, disks and clocks, lets the paused go on and starts what has ended. It may be called at any time.
func (f *Fleet) Heal(ctx context.Context) error {
	failed := f.Net.Heal(ctx)
	for i, m := range f.Machines {
		failed = errors.Join(failed, f.Offset(i, 0))
		for _, d := range []*cage.Disk{m.Log, m.Data, m.Temp} {
			if d != nil {
				failed = errors.Join(failed, d.Clear())
			}
		}
		for _, p := range []*cage.Process{m.Server, m.Replica} {
			if p.Runs() {
				failed = errors.Join(failed, p.Signal(syscall.SIGCONT))
				continue
			}
			f.o.Logger.InfoContext(ctx, "starts again", "process", p.Name)
			failed = errors.Join(failed, p.Start())
		}
	}
	return failed
}

// StopReplicas stops all replicas in order.
func (f *Fleet) StopReplicas() error {
	var failed error
	for _, m := range f.Machines {
		failed = errors.Join(failed, m.Replica.Stop(stopLimit))
	}
	return failed
}

// Until tries until there is no error; after a time it answers the last one, with what was waited for.
func Until(ctx context.Context, limit time.Duration, what string, try func() error) error {
	over := time.Now().Add(limit)
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(over) {
			return fmt.Errorf("%s: not within %s: %w", what, limit, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// PowerCut takes the power of a machine: what its disk had not synced is gone, server and replica are dead. Heal starts them again.
func (f *Fleet) PowerCut(ctx context.Context, machines ...int) error {
	var failed error
	for _, i := range machines { // at one moment, as far as can be
		failed = errors.Join(failed, f.Machines[i].Disk.PowerCut())
	}
	for _, i := range machines {
		m := f.Machines[i]
		failed = errors.Join(failed, m.Server.Kill(), m.Replica.Kill(), m.Disk.Unmount(ctx), m.Disk.Mount(ctx))
	}
	return failed
}

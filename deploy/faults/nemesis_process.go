package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"coso/deploy/faults/cage"
	"coso/deploy/faults/fleet"
)

func killReplicas(ctx context.Context, r *round) error {
	return r.again(ctx, func() error {
		i := r.any(r.fleet.Writer(ctx))
		r.did("kill -9 of replica %d", i+1)
		err := r.fleet.Machines[i].Replica.Kill()
		r.hold(ctx, 0, 3*time.Second)
		return err
	})
}

func killServers(ctx context.Context, r *round) error {
	return r.again(ctx, func() error {
		i := r.any(r.fleet.Leader(ctx))
		r.did("kill -9 of server %d", i+1)
		err := r.fleet.Machines[i].Server.Kill()
		r.hold(ctx, 0, 3*time.Second)
		return err
	})
}

// all are all processes, in an order that is drawn.
func (r *round) all() (all []*cage.Process) {
	for _, m := range r.fleet.Machines {
		all = append(all, m.Server, m.Replica)
	}
	r.dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func killAll(ctx context.Context, r *round) error {
	return r.again(ctx, func() error {
		r.did("kill -9 of all")
		var failed error
		for _, p := range r.all() {
			failed = errors.Join(failed, p.Signal(syscall.SIGKILL))
		}
		for _, p := range r.all() {
			failed = errors.Join(failed, p.Kill())
		}
		for _, p := range r.all() {
			failed = errors.Join(failed, p.Start())
			r.hold(ctx, 0, 500*time.Millisecond)
		}
		r.hold(ctx, 3*time.Second, 8*time.Second)
		return failed
	})
}

func pause(ctx context.Context, r *round) error {
	return r.again(ctx, func() error {
		p := r.all()[0]
		if i := r.fleet.Writer(ctx); i >= 0 && r.dice.IntN(2) == 0 {
			p = r.fleet.Machines[i].Replica
		}
		r.did("pause of %s", p.Name)
		err := p.Signal(syscall.SIGSTOP)
		r.hold(ctx, time.Second, 8*time.Second)
		return err
	})
}

const stopLimit = 20 * time.Second

func rolling(ctx context.Context, r *round) error {
	return r.again(ctx, func() error {
		for _, m := range r.fleet.Machines {
			r.did("restart of %s and %s", m.Server.Name, m.Replica.Name)
			if err := errors.Join(m.Replica.Stop(stopLimit), m.Replica.Start()); err != nil {
				return err
			}
			r.hold(ctx, time.Second, 2*time.Second)
			if err := errors.Join(m.Server.Stop(stopLimit, 1), m.Server.Start()); err != nil { // it ends with 1 after SIGTERM
				return err
			}
			r.hold(ctx, time.Second, 3*time.Second)
		}
		return nil
	})
}

func upgrade(ctx context.Context, r *round) error {
	next := fleet.Two
	return r.again(ctx, func() error {
		for i, m := range r.fleet.Machines {
			r.did("replica %d becomes %s", i+1, next)
			r.fleet.Version(i, next)
			if err := errors.Join(m.Replica.Stop(stopLimit), m.Replica.Start()); err != nil {
				return err
			}
			r.hold(ctx, time.Second, 3*time.Second) // both versions write one journal
		}
		if next == fleet.Two {
			next = fleet.One
		} else {
			next = fleet.Two
		}
		return nil
	})
}

// clocks keeps all clocks within what a store bears, 5 minutes, but for at most one, which is far behind: then the others write.
func clocks(ctx context.Context, r *round) error {
	return r.again(ctx, func() error {
		behind := -1
		if r.dice.IntN(2) == 0 {
			behind = r.any(r.fleet.Writer(ctx))
		}
		for i := range r.fleet.Machines {
			by := time.Duration(r.dice.Int64N(int64(4*time.Minute))) - 2*time.Minute
			if i == behind {
				by = -2 * time.Hour
			}
			r.did("the clock of replica %d is off by %s", i+1, by.Round(time.Second))
			if err := r.fleet.Offset(i, by); err != nil {
				return err
			}
			r.hold(ctx, 500*time.Millisecond, 2*time.Second)
		}
		return nil
	})
}

// pauseWriter pauses the one that writes long enough for others to write, so that it goes on at a place that is taken.
func pauseWriter(ctx context.Context, r *round) error {
	return r.again(ctx, func() error {
		i := max(r.fleet.Writer(ctx), 0)
		r.did("pause of the writer, replica %d", i+1)
		err := r.fleet.Machines[i].Replica.Signal(syscall.SIGSTOP)
		r.hold(ctx, 3*time.Second, 4*time.Second)
		return err
	})
}

// loseEarly takes the log away from the one that writes, and then kills it.
func loseEarly(ctx context.Context, r *round) error {
	return r.again(ctx, func() error {
		i := max(r.fleet.Writer(ctx), 0)
		r.did("replica %d loses the servers and is killed", i+1)
		m := r.fleet.Machines[i]
		err := r.fleet.Net.Part(ctx, []string{m.Replica.Host}, r.servers())
		r.hold(ctx, time.Second, 2*time.Second)
		return errors.Join(err, m.Replica.Kill())
	})
}

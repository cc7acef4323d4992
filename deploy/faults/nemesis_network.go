package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"coso/deploy/faults/fleet"
)

// servers and replicas are the hosts of each sort.
func (r *round) servers() (hosts []string) {
	for _, m := range r.fleet.Machines {
		hosts = append(hosts, m.Server.Host)
	}
	return hosts
}

func (r *round) replicas() (hosts []string) {
	for _, m := range r.fleet.Machines {
		hosts = append(hosts, m.Replica.Host)
	}
	return hosts
}

// without are hosts that are none of some others.
func without(hosts []string, gone ...string) (left []string) {
	for _, h := range hosts {
		in := false
		for _, g := range gone {
			in = in || g == h
		}
		if !in {
			left = append(left, h)
		}
	}
	return left
}

func part(ctx context.Context, r *round) error {
	everyone := append(r.servers(), r.replicas()...)
	return r.again(ctx, func() error {
		i := r.any(r.fleet.Leader(ctx))
		m := r.fleet.Machines[i]
		var err error
		switch r.dice.IntN(4) {
		case 0:
			r.did("server %d apart from all", i+1)
			err = r.fleet.Net.Part(ctx, []string{m.Server.Host}, without(everyone, m.Server.Host))
		case 1:
			i = r.any(r.fleet.Writer(ctx))
			m = r.fleet.Machines[i]
			r.did("replica %d apart from all", i+1)
			err = r.fleet.Net.Part(ctx, []string{m.Replica.Host}, without(everyone, m.Replica.Host))
		case 2:
			r.did("machine %d apart from the others", i+1)
			err = r.fleet.Net.Part(ctx, []string{m.Server.Host, m.Replica.Host}, without(everyone, m.Server.Host, m.Replica.Host))
		default:
			r.did("the links of machine %d are down", i+1)
			err = errors.Join(r.fleet.Net.Unplug(ctx, m.Server.Host), r.fleet.Net.Unplug(ctx, m.Replica.Host))
		}
		r.hold(ctx, 3*time.Second, 12*time.Second)
		return err
	})
}

func partOneWay(ctx context.Context, r *round) error {
	everyone := append(r.servers(), r.replicas()...)
	return r.again(ctx, func() error {
		from := everyone[r.dice.IntN(len(everyone))]
		if i := r.fleet.Leader(ctx); i >= 0 && r.dice.IntN(2) == 0 {
			from = r.fleet.Machines[i].Server.Host
		}
		others := without(everyone, from)
		r.dice.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
		others = others[:1+r.dice.IntN(len(others))]
		inward := r.dice.IntN(2) == 0
		r.did("what %s sends to %v is lost; or the other way: %t", from, others, inward)
		var failed error
		for _, other := range others {
			if inward {
				failed = errors.Join(failed, r.fleet.Net.Cut(ctx, other, from))
			} else {
				failed = errors.Join(failed, r.fleet.Net.Cut(ctx, from, other))
			}
		}
		r.hold(ctx, 3*time.Second, 12*time.Second)
		return failed
	})
}

// mix does up to three kinds of harm at once.
func mix(ctx context.Context, r *round) error {
	everyone := append(r.servers(), r.replicas()...)
	return r.again(ctx, func() error {
		var failed error
		for range 1 + r.dice.IntN(3) {
			p, i := r.all()[0], r.dice.IntN(fleet.Size)
			switch r.dice.IntN(4) {
			case 0:
				r.did("kill -9 of %s", p.Name)
				failed = errors.Join(failed, p.Kill())
			case 1:
				if p.Runs() {
					r.did("pause of %s", p.Name)
					failed = errors.Join(failed, p.Signal(syscall.SIGSTOP))
				}
			case 2:
				from, to := everyone[r.dice.IntN(len(everyone))], everyone[r.dice.IntN(len(everyone))]
				if from != to {
					r.did("what %s sends to %s is lost", from, to)
					failed = errors.Join(failed, r.fleet.Net.Cut(ctx, from, to))
				}
			default:
				r.did("the clock of replica %d is 2 hours behind", i+1)
				failed = errors.Join(failed, r.fleet.Offset(i, -2*time.Hour))
			}
			r.hold(ctx, 0, 2*time.Second)
		}
		r.hold(ctx, time.Second, 8*time.Second)
		return failed
	})
}

// some are one machine, two or all.
func (r *round) some() []int {
	return r.dice.Perm(fleet.Size)[:1+r.dice.IntN(fleet.Size)]
}

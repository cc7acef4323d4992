package main

import (
	"context"
	"errors"
	"time"

	"coso/deploy/faults/fleet"
	"coso/services/platform/wait"
)

// nemesis is one kind of harm.
type nemesis struct {
	name string
	// about is what it does, for the table's reader.
	about string
	// disks, lazy and breaks are what the fleet needs for it.
	disks  fleet.Harm
	lazy   bool
	breaks string
	// most is for how long nothing may be acknowledged meanwhile, since a majority is always left; 0: all may be down at once.
	most time.Duration
	// harm does it, again and again until ctx ends; what it leaves broken is healed afterwards.
	harm func(ctx context.Context, r *round) error
	// after is done when everything is healed; nil: nothing.
	after func(ctx context.Context, r *round) error
	// control: something is broken on purpose, and one of these checks must find it.
	control []string
}

// nemeses are all kinds of harm.
func nemeses() []nemesis {
	return []nemesis{
		{name: "kill-replica", about: "kill -9 of replicas, mostly of the one that writes", most: 5 * time.Second, harm: killReplicas},
		{name: "kill-server", about: "kill -9 of nats-servers, mostly of the one that leads the log", most: 20 * time.Second, harm: killServers},
		{name: "kill-all", about: "kill -9 of all at once, started in any order", harm: killAll},
		{name: "pause", about: "SIGSTOP of any process, for seconds", most: 20 * time.Second, harm: pause},
		{name: "part", about: "partitions: a server, a replica or a machine apart from the rest, or its link down", most: 30 * time.Second, harm: part},
		{name: "part-one-way", about: "partitions one way: what some send to others is lost", most: 30 * time.Second, harm: partOneWay},
		{name: "rolling", about: "rolling restarts in order", most: 15 * time.Second, harm: rolling},
		{name: "upgrade", about: "rolling restarts into another version of the replica, and back", most: 10 * time.Second, harm: upgrade},
		{name: "full-log", about: "the disks of servers are full", disks: fleet.Room, harm: fullLog},
		{name: "full-data", about: "the disks of the replicas' data are full", disks: fleet.Room, most: 10 * time.Second, harm: fullData},
		{name: "full-temp", about: "the disks of temporary files are full, and a replica fetches a copy meanwhile", disks: fleet.Room, most: 10 * time.Second, harm: fullTemp},
		{name: "power", about: "power cuts of one machine, two or all", disks: fleet.Power, harm: powerCuts},
		{name: "flip-log", about: "changed bits in a server's blocks of the log", most: 30 * time.Second, harm: flipLog},
		{name: "flip-data", about: "changed bits in the pages of a replica's data file", most: 10 * time.Second, harm: flipData, after: replaceHurt},
		{name: "clock", about: "jumps of the replicas' clocks, minutes ahead and back, one of them hours back", most: 10 * time.Second, harm: clocks},
		{name: "mix", about: "several of these at once: kills, pauses, partitions one way, clocks", harm: mix},
		{name: "control-lazy", about: "power cuts while the servers sync when they like", disks: fleet.Power, lazy: true, harm: cutAll, control: []string{"acknowledged"}},
		{name: "control-append", about: "compare-and-append switched off", breaks: "append", harm: pauseWriter, control: []string{"acknowledged", "journal"}},
		{name: "control-early", about: "answers before the outcome", breaks: "early", harm: loseEarly, control: []string{"acknowledged"}},
	}
}

// hold waits for a time drawn between two, or until ctx ends.
func (r *round) hold(ctx context.Context, least, most time.Duration) {
	_ = wait.For(ctx, least+time.Duration(r.dice.Int64N(int64(most-least)))) // the end of ctx ends what it waits for
}

// any is any machine; mostly the one that is asked for, if there is one.
func (r *round) any(mostly int) int {
	if mostly >= 0 && r.dice.IntN(4) > 0 {
		return mostly
	}
	return r.dice.IntN(fleet.Size)
}

// recovery is how long writing may take to go on once everything is healed: servers may have to elect a leader twice.
const recovery = 30 * time.Second

// written waits until something is written after an earlier count, or until ctx ends; it notes if nothing is for too long.
func (r *round) written(ctx context.Context, before int) {
	err := fleet.Until(ctx, r.limit(recovery), "writing goes on", func() error {
		if r.work.Acknowledged() == before {
			return errors.New("nothing is written")
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		r.did("%v", err)
		r.wrong = append(r.wrong, "writing: everything is healed: "+err.Error())
	}
}

// again does something until ctx ends. What it leaves broken is healed each time; mostly the next time waits until something has been
// written again, which must not take long.
func (r *round) again(ctx context.Context, harm func() error) error {
	for ctx.Err() == nil {
		if err := harm(); err != nil {
			return err
		}
		if err := r.fleet.Heal(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		if before := r.work.Acknowledged(); r.dice.IntN(4) > 0 {
			r.written(ctx, before)
		}
		r.hold(ctx, time.Second, 3*time.Second)
	}
	return nil
}

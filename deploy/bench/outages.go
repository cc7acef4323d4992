package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"

	"coso/deploy/bench/fleet"
	"coso/services/platform/fault"
	"coso/services/platform/wait"

	registrypb "coso/proto/gen/coso/registry/v1"
)

const (
	// calm is how long a client writes before harm is done, watched how long it is watched from then on, at least.
	calm    = time.Second
	watched = 6 * time.Second
	// rest is what a client waits before it sends a command again.
	rest = 20 * time.Millisecond
	// ask is how long the servers of the log have to say who leads it.
	ask = 200 * time.Millisecond
)

// outage is what one client saw.
type outage struct {
	// longest is the longest time between two answers, commands how many were answered, again how often one was sent again.
	longest         time.Duration
	commands, again int
	// led is how long after the harm another server led the log, where the leader was harmed.
	led time.Duration
}

// harm is what is done to a fleet.
type harm struct {
	name string
	// find answers whom it is done to, and how long after it all is led again; nil, nil: to nobody, and nothing is led.
	find func(context.Context, *fleet.Fleet) (*fleet.Process, func() time.Duration, error)
}

func harms() []harm {
	return []harm{
		{"nothing", func(context.Context, *fleet.Fleet) (*fleet.Process, func() time.Duration, error) {
			return nil, nil, nil
		}},
		{"kill -9 of the replica that writes", func(ctx context.Context, f *fleet.Fleet) (*fleet.Process, func() time.Duration, error) {
			i, err := f.Writer(ctx)
			return f.Replicas[i], nil, err
		}},
		{"kill -9 of the nats-server that leads", func(ctx context.Context, f *fleet.Fleet) (*fleet.Process, func() time.Duration, error) {
			i, err := f.Leader(ctx, time.Second)
			return f.Servers[i], func() time.Duration { return ledAgain(ctx, f, i) }, err
		}},
	}
}

// outages measures the longest time without an answer that a client of the gateway sees, who sends one command after the other, when
// the replica that writes is killed, and when the nats-server is killed that leads the log.
func outages(ctx context.Context, w io.Writer, s settings, f *fleet.Fleet, _ string) error {
	var rows [][]string
	for _, h := range harms() {
		var all []outage
		for range s.rounds {
			if err := f.Heal(ctx); err != nil {
				return err
			}
			hurt, led, err := h.find(ctx, f)
			if err != nil {
				return err
			}
			o, err := watch(ctx, f, hurt, led)
			if err != nil {
				return fmt.Errorf("%s: %w", h.name, err)
			}
			all = append(all, o)
		}
		rows = append(rows, outageRow(h.name, all))
	}
	if err := f.Heal(ctx); err != nil {
		return err
	}
	return table(w, "The longest time without an answer for a client of the gateway that sends one command after the other",
		[]string{"harm", "trials", "median", "worst", "led again", "commands", "sent again"}, rows)
}

func outageRow(name string, all []outage) []string {
	commands, again := 0, 0
	var longest, led []time.Duration
	for _, o := range all {
		commands, again = commands+o.commands, again+o.again
		longest, led = append(longest, o.longest), append(led, o.led)
	}
	slices.Sort(longest)
	slices.Sort(led)
	ms := func(d time.Duration) string { return d.Round(time.Millisecond).String() }
	row := []string{name, fmt.Sprint(len(all)), ms(longest[len(all)/2]), ms(longest[len(all)-1]), "", fmt.Sprint(commands), fmt.Sprint(again)}
	if at := led[len(all)/2]; at > 0 {
		row[4] = ms(at)
	}
	return row
}

// watch lets a client write, kills a process after a while, and answers what the client saw from then on.
func watch(ctx context.Context, f *fleet.Fleet, hurt *fleet.Process, led func() time.Duration) (o outage, err error) {
	killing := time.Now().Add(calm)
	killed := make(chan error, 1)
	time.AfterFunc(calm, func() {
		var err error
		if hurt != nil {
			err = hurt.Kill()
		}
		if led != nil && err == nil {
			o.led = led()
		}
		killed <- err
	})
	for last := time.Now(); last.Before(killing.Add(watched)) && err == nil; {
		var again int
		again, err = persist(ctx, f)
		now := time.Now()
		if now.After(killing) {
			o.longest = max(o.longest, now.Sub(last))
			o.commands, o.again = o.commands+1, o.again+again
		}
		last = now
	}
	err = errors.Join(err, <-killed)
	return o, err
}

// ledAgain waits until another server leads the log, and answers how long that took.
func ledAgain(ctx context.Context, f *fleet.Fleet, was int) time.Duration {
	began := time.Now()
	for ctx.Err() == nil {
		if i, err := f.Leader(ctx, ask); err == nil && i != was {
			break
		}
		_ = wait.For(ctx, ask/4) // the loop sees that ctx has ended
	}
	return time.Since(began)
}

// persist sends a command until it is answered, with the same request id each time, and answers how often it was sent again.
func persist(ctx context.Context, f *fleet.Fleet) (again int, err error) {
	req := another()
	over := time.Now().Add(time.Minute)
	for {
		q := url.Values{"enterpriseId": {req.GetEnterpriseId()}, "requestId": {req.GetRequestId()}}
		err := f.Admin.Post(ctx, "/v1/enterprises", q, req.GetEnterprise(), &registrypb.Enterprise{})
		if err == nil || time.Now().After(over) || !passing(err) {
			return again, err
		}
		again++
		if err := wait.For(ctx, rest); err != nil {
			return again, err
		}
	}
}

// passing says whether an error leaves open what has come of a command, or passes by itself.
func passing(err error) bool {
	kind := fault.KindOf(err)
	return kind == fault.KindUnavailable || kind == fault.KindDeadlineExceeded
}

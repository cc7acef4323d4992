package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"coso/deploy/faults/cage"
	"coso/deploy/faults/check"
	"coso/deploy/faults/client"
	"coso/deploy/faults/fleet"
	replicapb "coso/proto/gen/coso/replica/v1"
	"coso/services/platform/wait"
)

const (
	// clients is how many there are.
	clients = 6
	// warm is how many writes are acknowledged before harm begins, warmLimit how long that may take.
	warm      = 30
	warmLimit = 30 * time.Second
	// calm is for how long the clients go on after everything is healed, finish how long they may take then to learn what has
	// come of their last requests.
	calm   = 2 * time.Second
	finish = 30 * time.Second
	// agreeing is how long all may take until they hold the same. Control runs, which never do, are not waited for so long.
	agreeing     = 60 * time.Second
	controlLimit = 8 * time.Second
	// orderLimit bounds the search for an order, per record.
	orderLimit = 20 * time.Second
)

// result is what came of a round.
type result struct {
	Nemesis      string        `json:"nemesis"`
	Seed         uint64        `json:"seed"`
	Operations   int           `json:"operations"`
	Acknowledged int           `json:"acknowledged"`
	Unknown      int           `json:"unknown"`
	Gap          time.Duration `json:"gap"`
	Took         time.Duration `json:"took"`
	// Wrong is what the checks found. Broken is why the round could not be made.
	Wrong  []string `json:"wrong"`
	Broken string   `json:"broken"`
}

// round is one nemesis with one seed.
type round struct {
	nemesis nemesis
	dice    *rand.Rand
	fleet   *fleet.Fleet
	work    *client.Workload
	logger  *slog.Logger
	began   time.Time
	// hurt is the machine whose file was harmed.
	hurt int
	// wrong is what was found wrong while harm was done.
	wrong []string
}

// did notes what harm was done.
func (r *round) did(format string, args ...any) {
	r.logger.Info("harm", "at", time.Since(r.began).Round(time.Millisecond).String(), "what", fmt.Sprintf(format, args...))
}

// inCage makes one round, in the cage that this process is, and answers what came of it.
func inCage(ctx context.Context, n nemesis, c caged) (out result) {
	out = result{Nemesis: n.name, Seed: c.Seed}
	began := time.Now()
	defer func() { out.Took = time.Since(began) }()
	if err := cage.Enter(); err != nil {
		out.Broken = err.Error()
		return out
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	f, err := fleet.New(ctx, fleet.Options{Bin: c.Bin, Dir: c.Dir, Logs: c.Logs, Break: n.breaks, Lazy: n.lazy, Harmed: n.disks, Logger: logger})
	if err == nil {
		r := &round{nemesis: n, fleet: f, logger: logger, began: time.Now(), dice: rand.New(rand.NewPCG(c.Seed, 1))} //nolint:gosec // drawn from the run's seed
		err = r.run(ctx, c, &out)
	}
	if f != nil {
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		out.Broken = err.Error()
	}
	return out
}

// run lets clients work, does harm, heals, and holds what came of it against what was told.
func (r *round) run(ctx context.Context, c caged, out *result) error {
	work := &client.Workload{
		Ways: r.fleet.Door().Ways, Signer: r.fleet.Door().Signer, Clients: clients, Seed: c.Seed, Began: r.began, Logger: r.logger,
	}
	r.work = work
	working, stop := context.WithCancel(ctx)
	defer stop()
	giveUp, abandon := context.WithCancel(ctx)
	defer abandon()
	done := make(chan struct{})
	go func() { defer close(done); work.Run(working, giveUp) }()
	err := fleet.Until(ctx, warmLimit, "the first writes", func() error {
		if n := work.Acknowledged(); n < warm {
			return fmt.Errorf("%d are acknowledged", n)
		}
		return nil
	})
	if err != nil {
		return errors.Join(err, surprising(work))
	}
	harmed := time.Since(r.began)
	if err := r.fleet.Break(); err != nil {
		return err
	}
	harming, end := context.WithTimeout(ctx, c.Harm)
	err = r.nemesis.harm(harming, r)
	end()
	if err = errors.Join(err, r.fleet.Heal(ctx)); err == nil && r.nemesis.after != nil {
		err = r.nemesis.after(ctx, r)
	}
	if err != nil {
		return err
	}
	r.did("none any more")
	r.written(ctx, work.Acknowledged())
	_ = wait.For(ctx, calm) // if ctx ends, all that follows does
	out.Gap = work.LongestGap(harmed, time.Since(r.began))
	stop()
	late := time.AfterFunc(r.limit(finish), abandon)
	defer late.Stop()
	<-done
	h := check.History{Ops: work.Ops(), Principal: client.Principal, Table: "units"}
	out.Wrong = slices.Concat(r.end(ctx, &h), work.Surprises(), r.wrong, r.nemesis.silent(out.Gap))
	count(h, out)
	return write(filepath.Join(c.Logs, "operations.json"), h.Ops)
}

// silent says that nothing was acknowledged for longer than a nemesis explains that leaves a majority.
func (n nemesis) silent(gap time.Duration) []string {
	if n.most == 0 || gap <= n.most {
		return nil
	}
	return []string{fmt.Sprintf("writing: nothing was acknowledged for %s, at most %s is explained", gap.Round(time.Millisecond), n.most)}
}

func surprising(work *client.Workload) error {
	if all := work.Surprises(); len(all) > 0 {
		return fmt.Errorf("surprises: %q", all)
	}
	return nil
}

// limit is how long something may take, in a round of this nemesis.
func (r *round) limit(most time.Duration) time.Duration {
	if len(r.nemesis.control) > 0 {
		return min(most, controlLimit)
	}
	return most
}

// end looks at what servers and replicas hold and checks it, whatever of it can be had.
func (r *round) end(ctx context.Context, h *check.History) (wrong []string) {
	states, err := r.fleet.Agree(ctx, r.limit(agreeing))
	if err != nil {
		wrong = append(wrong, "replicas: "+err.Error())
	}
	if h.Journal, err = r.fleet.Journal(ctx); err != nil {
		return append(wrong, "the log cannot be read: "+err.Error())
	}
	var events uint64
	for _, e := range h.Journal {
		for _, c := range e.GetCommands() {
			events += uint64(len(c.GetEvents()))
		}
	}
	if h.Feed, err = r.fleet.Feed(ctx, events, r.limit(agreeing)); err != nil {
		wrong = append(wrong, "feed: "+err.Error())
	}
	return append(wrong, r.held(ctx, h, states)...)
}

// held stops the replicas, reads the servers' copies of the log and the replicas' files, and checks everything.
func (r *round) held(ctx context.Context, h *check.History, states []*replicapb.ReplicaState) (wrong []string) {
	if err := r.fleet.StopReplicas(); err != nil {
		wrong = append(wrong, "replicas: "+err.Error())
	}
	for i := range fleet.Size {
		if len(r.nemesis.control) > 0 { // it may have left no log
			break
		}
		held, err := r.fleet.Copy(ctx, i)
		if err != nil {
			wrong = append(wrong, "copies: "+err.Error())
			continue
		}
		h.Copies = append(h.Copies, held)
	}
	for i := range fleet.Size {
		held, err := r.fleet.Held(ctx, i)
		if err != nil {
			wrong = append(wrong, "replicas: "+err.Error())
		}
		if len(states) == fleet.Size {
			held.Digest = states[i].GetNow().GetDigest()
		}
		h.Replicas = append(h.Replicas, held)
	}
	return append(wrong, check.Check(*h, orderLimit)...)
}

func count(h check.History, out *result) {
	out.Operations = len(h.Ops)
	for _, o := range h.Ops {
		switch {
		case o.Outcome == check.Unknown:
			out.Unknown++
		case o.Kind != check.Read && o.Outcome == check.Done:
			out.Acknowledged++
		}
	}
}

func write(path string, what any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

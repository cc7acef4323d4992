package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"

	"coso/deploy/internal/sheet"
	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"

	"github.com/nats-io/nats.go/jetstream"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// promote puts the journal into the log, or with --rebuild into a new one.
func (r replicateCommand) promote(ctx context.Context, logger *slog.Logger, s streams) error {
	replication, end := r.replication(logger, s, true)
	out, err := store.Promote(ctx, replication)
	end()
	if err != nil {
		return r.explain(err)
	}
	others := "Other replicas start with an empty data folder: they fetch a copy from this one.\n"
	if r.Rebuild {
		others = "The other replicas stop with an alarm at the new log: stop them, move their " + r.Service + ".db away, and start them; they fetch\n" +
			"a copy from this one. Keep the old files until you have looked whether one holds more.\n"
	}
	_, err = fmt.Fprintf(s.out, `%[1]s: %[2]d entries are in the log %[3]s, compared one by one.
was %[4]s, is %[5]s; position %[2]d, hash %[6]x
Start %[1]sd with --log nats --replica NAME --replicas NAME=ADDRESS,…; without --log nats it does not start on these data any more.
%[7]sThose who follow %[1]s go on by themselves; positions and pages that clients hold are refused once, and they read anew.
`, r.Service, out.Position, streamlog.StreamName(r.Service), out.From, out.To, out.Hash, others)
	return err
}

// back brings the journal back into the data folder.
func (r replicateCommand) back(ctx context.Context, logger *slog.Logger, s streams) error {
	replication, end := r.replication(logger, s, false)
	out, err := store.BringBack(ctx, replication)
	end()
	if fault.ReasonOf(err) == faultpb.Reason_REASON_INCARNATION_FOREIGN {
		return fmt.Errorf("the log on NATS does not go on with these data; another replica may have been brought back before, then its data folder is the one to start: %w", err)
	}
	if err != nil {
		return r.explain(err)
	}
	_, err = fmt.Fprintf(s.out, `%[1]s: %[2]d entries are in the data folder %[3]s, which has a log of its own again.
was %[4]s, is %[5]s; position %[2]d, hash %[6]x
The log on NATS has ended: no replica writes there any more. Start %[1]sd without --log nats here, and nowhere else: move the data of
the other replicas away. When you have looked, delete the log: coso replicate %[1]s --delete-log
`, r.Service, out.Position, r.Data, out.From, out.To, out.Hash)
	return err
}

// extent is how far the journal in a data folder goes, and what it has at a position of interest.
type extent struct{ last, at store.Link }

// journal walks the stopped service's journal; position is that of interest.
func (r replicateCommand) journal(ctx context.Context, s streams, position uint64) (held extent, err error) {
	shown := newWalk(s.err, r.Service, sheet.English)
	defer shown.end()
	_, err = store.Walk{Dir: string(r.Data), Service: r.Service, Progress: shown.step, Tell: func(l store.Link) {
		held.last = l
		if l.Position == position {
			held.at = l
		}
	}}.Run(ctx)
	if err != nil {
		return held, r.explain(err)
	}
	return held, nil
}

// sayHowFar says how much of the journal this replica has, and changes nothing.
func (r replicateCommand) sayHowFar(ctx context.Context, s streams) error {
	held, err := r.journal(ctx, s, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s: this replica has the journal up to position %d, hash %x, of %s\n", r.Service, held.last.Position, held.last.Hash, held.last.Incarnation)
	return errors.Join(err, fmt.Errorf("nothing was changed. Call this on every replica of %[1]s, stopped, and take the one with the highest position: what it lacks "+
		"that another one has would be lost. There: coso replicate %[1]s --rebuild --accept. Of two at one position with different hashes, ask for help first", r.Service))
}

// deleteLog deletes the log if the data folder holds all of it and has left it, or if that is accepted.
func (r replicateCommand) deleteLog(ctx context.Context, logger *slog.Logger, s streams) error {
	o, end, err := r.connect(ctx, logger)
	if err != nil {
		return err
	}
	defer end()
	name := streamlog.StreamName(r.Service)
	asking, cancel := context.WithTimeout(ctx, natsAnswer)
	defer cancel()
	stream, err := o.JetStream.Stream(asking, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("there is no log %s on this NATS; nothing is to be deleted", name)
	}
	if err != nil {
		return fmt.Errorf("look for the log %s: %w", name, err)
	}
	last := stream.CachedInfo().State.LastSeq
	if !r.Accept {
		held, err := r.journal(ctx, s, last)
		if err != nil {
			return err
		}
		whole, err := r.holds(asking, held, stream)
		if err != nil {
			return err
		}
		if !whole {
			return fmt.Errorf("the log %[1]s is not deleted: the data of %[2]s in %[3]s end at position %[4]d and the log at %[5]d, or they still belong to it. Bring them "+
				"back first with coso replicate %[2]s --back; if the log is damaged and nobody needs it, say so with --accept",
				name, r.Service, r.Data, held.last.Position, last)
		}
	}
	if err := o.JetStream.DeleteStream(asking, name); err != nil {
		return fmt.Errorf("the log %[1]s is not deleted: %[2]w. No process may delete a log: for this once, add \"$JS.API.STREAM.DELETE.%[1]s\" to what %[3]s may publish "+
			"in the nats.conf of every nats-server, have them take it (nats-server --signal reload), call this again, and take it out again", name, err, r.Service)
	}
	_, err = fmt.Fprintf(s.out, "The log %s, which ended at position %d, was deleted.\n", name, last)
	return err
}

// holds says whether a journal has all that a log has, and has left it.
func (r replicateCommand) holds(ctx context.Context, held extent, stream jetstream.Stream) (bool, error) {
	info := stream.CachedInfo()
	last := info.State.LastSeq
	if last == 0 || held.last.Position < last || held.at.Incarnation.String() == info.Config.Metadata["incarnation"] {
		return false, nil
	}
	m, err := stream.GetMsg(ctx, last)
	if err != nil {
		return false, fmt.Errorf("read the end of the log: %w", err)
	}
	return sha256.Sum256(m.Data) == held.at.Hash, nil
}

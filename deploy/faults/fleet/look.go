package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"coso/deploy/faults/check"
	journalpb "coso/proto/gen/coso/journal/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
	"coso/services/platform/feed"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
	"coso/services/registry"
)

const (
	// askLimit bounds one question to the servers, readLimit how long they may take to answer it at all.
	askLimit  = 5 * time.Second
	readLimit = 30 * time.Second
)

// errDiffer says that replicas are not where the log is.
var errDiffer = errors.New("they do not hold the same yet")

// Agree waits until all replicas hold all of the log, for so long at most, and answers what each says that it holds. An error says
// what they do not agree on.
func (f *Fleet) Agree(ctx context.Context, limit time.Duration) (states []*replicapb.ReplicaState, err error) {
	err = Until(ctx, limit, "all replicas hold the same", func() error {
		states, err = f.states(ctx)
		return err
	})
	return states, err
}

func (f *Fleet) states(ctx context.Context) ([]*replicapb.ReplicaState, error) {
	end, err := f.lastIn(ctx, streamlog.StreamName(registry.Name))
	if err != nil {
		return nil, fmt.Errorf("the log: %w", err)
	}
	var all []*replicapb.ReplicaState
	for i := range Size {
		if err := f.Serves(ctx, i); err != nil {
			return nil, fmt.Errorf("%s does not serve: %w", replica(i), err)
		}
		s, err := f.door.State(ctx, i)
		switch {
		case err != nil:
			return nil, err
		case s.GetHalted() != nil:
			return nil, fmt.Errorf("%s has halted: %s (%s)", s.GetReplica(), s.GetHalted().GetTextEn(), s.GetHalted().GetDetail())
		case s.GetSetAside():
			return nil, fmt.Errorf("%s is set aside", s.GetReplica())
		case s.GetNow().GetPosition() != end:
			return nil, fmt.Errorf("%w: %s is at %d of %d", errDiffer, s.GetReplica(), s.GetNow().GetPosition(), end)
		case len(s.GetNow().GetDigest()) == 0:
			return nil, fmt.Errorf("%w: %s still counts its digest", errDiffer, s.GetReplica())
		case !bytes.Equal(s.GetNow().GetEntryHash(), first(all, s).GetNow().GetEntryHash()):
			return nil, fmt.Errorf("%w: %s has another entry %d", errDiffer, s.GetReplica(), end)
		}
		all = append(all, s)
	}
	return all, nil
}

func first(all []*replicapb.ReplicaState, or *replicapb.ReplicaState) *replicapb.ReplicaState {
	if len(all) > 0 {
		return all[0]
	}
	return or
}

// lastIn is the sequence of the last message of a stream.
func (f *Fleet) lastIn(ctx context.Context, name string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	stream, err := f.door.js.Stream(ctx, name)
	if err != nil {
		return 0, err
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// messages brings all messages of a stream up to a sequence.
func (f *Fleet) messages(ctx context.Context, name string, last uint64, take func(*jetstream.RawStreamMsg) error) error {
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	stream, err := f.door.js.Stream(asking, name)
	if err != nil {
		return err
	}
	for seq := uint64(1); seq <= last; seq++ {
		var m *jetstream.RawStreamMsg
		err := Until(ctx, readLimit, "it is answered", func() error { // a leader may have to be elected first
			asking, cancel := context.WithTimeout(ctx, askLimit)
			defer cancel()
			m, err = stream.GetMsg(asking, seq)
			return err
		})
		if err == nil {
			err = take(m)
		}
		if err != nil {
			return fmt.Errorf("message %d of %s: %w", seq, name, err)
		}
	}
	return nil
}

// Journal is what the log holds; nothing if it is gone.
func (f *Fleet) Journal(ctx context.Context) (journal []check.Entry, err error) {
	name := streamlog.StreamName(registry.Name)
	last, err := f.lastIn(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return journal, f.messages(ctx, name, last, func(m *jetstream.RawStreamMsg) error {
		e := &journalpb.Entry{}
		if err := proto.Unmarshal(m.Data, e); err != nil {
			return err
		}
		journal = append(journal, check.Entry{Entry: e, Hash: sha256.Sum256(m.Data)})
		return nil
	})
}

// Feed is what the stream of events holds, once it holds as many as the journal, or after a time.
func (f *Fleet) Feed(ctx context.Context, events uint64, limit time.Duration) (all []check.Message, err error) {
	name, last := feed.StreamName(registry.Name), uint64(0)
	err = Until(ctx, limit, "the stream of events holds all", func() error {
		if last, err = f.lastIn(ctx, name); err == nil && last < events {
			err = fmt.Errorf("it holds %d of %d", last, events)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, f.messages(ctx, name, last, func(m *jetstream.RawStreamMsg) error {
		position, err := strconv.ParseUint(m.Header.Get("coso-position"), 10, 64)
		if err != nil {
			return err
		}
		one := check.Message{Sequence: m.Sequence, ID: m.Header.Get("ce-id"), Type: m.Header.Get("ce-type"), Position: position, Body: sha256.Sum256(m.Data)}
		if n, err := hex.Decode(one.Hash[:], []byte(m.Header.Get("coso-hash"))); err != nil || n != len(one.Hash) {
			return fmt.Errorf("it carries no hash: %q: %w", m.Header.Get("coso-hash"), err)
		}
		all = append(all, one)
		return nil
	})
}

// Held is what the data file of a replica holds, which is stopped: its whole chain is walked and its rows are counted.
func (f *Fleet) Held(ctx context.Context, i int) (check.Replica, error) {
	held := check.Replica{Name: replica(i)}
	found, err := store.Walk{Dir: filepath.Dir(f.Machines[i].File()), Service: registry.Name, Tell: func(l store.Link) {
		held.Hashes = append(held.Hashes, l.Hash)
	}}.Run(ctx)
	if err == nil && !found.Counted {
		err = errors.New("its rows could not be held against a digest")
	}
	if err != nil {
		return held, fmt.Errorf("the file of %s: %w", replica(i), err)
	}
	return held, nil
}

// Writer is which replica wrote last, as far as one of them knows; -1: none knows.
func (f *Fleet) Writer(ctx context.Context) int {
	for i := range Size {
		s, err := f.door.State(ctx, i)
		for j := range Size {
			if err == nil && s.GetWriter() == replica(j) {
				return j
			}
		}
	}
	return -1
}

// Leader is which server leads the log; -1: none is known to.
func (f *Fleet) Leader(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	stream, err := f.door.js.Stream(ctx, streamlog.StreamName(registry.Name))
	if err != nil || stream.CachedInfo().Cluster == nil {
		return -1
	}
	for i := range Size {
		if stream.CachedInfo().Cluster.Leader == server(i) {
			return i
		}
	}
	return -1
}

package server

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/feed"
	"coso/services/platform/store"
	"coso/services/registry/internal/records"
)

// Takers says how far those who follow the registry have come, as of one of its events, as feed.Feed does.
type Takers func(ctx context.Context, wanted uint64, wait time.Duration) []feed.Taker

// GetGrantSpread answers which services go by a grant as it is. It waits outside of any transaction.
func (s *Server) GetGrantSpread(ctx context.Context, req *registrypb.GetGrantSpreadRequest) (*registrypb.GrantSpread, error) {
	var position uint64
	out, err := store.View(ctx, s.store, func(tx *store.ReadTx) (*registrypb.GrantSpread, error) {
		cur, err := records.Grants.GetFor(tx, access.GrantsRead, req.GetName())
		if err != nil {
			return nil, err
		}
		for _, name := range []string{cur.GetName(), cur.GetSubstituteFor()} { // a substitute's ends with the one it rests on
			if name == "" {
				continue
			}
			last, err := records.Grants.History(tx, &registrypb.ListGrantHistoryRequest{Name: name, PageSize: 1})
			if err != nil {
				return nil, err
			}
			for _, r := range last.GetRevisions() {
				position = max(position, uint64(r.GetPosition())) //nolint:gosec // counted from 1
			}
		}
		return &registrypb.GrantSpread{Name: cur.GetName(), Revision: cur.GetRevision()}, nil
	})
	if err != nil {
		return nil, err
	}
	wanted, err := s.store.EventsUpTo(position)
	if err != nil {
		return nil, err
	}
	return spread(out, wanted, s.takers(ctx, wanted, req.GetWait().AsDuration())), nil
}

const (
	// settles is how long an ending waits, at most, for the services that can confirm it; it looks every step.
	settles = 500 * time.Millisecond
	step    = 25 * time.Millisecond
)

// spreadNow answers which services go by what has just become of a grant: by all that the registry holds. It waits for those that
// are coming, for a moment, and for nobody who is away.
func (s *Server) spreadNow(ctx context.Context, g *registrypb.Grant) *registrypb.GrantSpread {
	wanted := s.store.Head().GetEvents()
	var takers []feed.Taker
	for range settles / step {
		takers = s.takers(ctx, wanted, step)
		if !slices.ContainsFunc(takers, func(t feed.Taker) bool { return spreadTo(t) == registrypb.SpreadState_SPREAD_STATE_BEHIND }) {
			break
		}
	}
	return spread(&registrypb.GrantSpread{Name: g.GetName(), Revision: g.GetRevision()}, wanted, takers)
}

// spread completes what is said of a grant by how far the takers have come, as of an event.
func spread(out *registrypb.GrantSpread, wanted uint64, takers []feed.Taker) *registrypb.GrantSpread {
	out.Complete = true
	for _, t := range takers {
		one := &registrypb.GrantTaker{Service: t.Service, State: spreadTo(t), Sequence: t.Sequence, WantedSequence: wanted}
		if !t.Heard.IsZero() {
			one.HeardTime = timestamppb.New(t.Heard)
		}
		if one.GetState() == registrypb.SpreadState_SPREAD_STATE_CONFIRMED {
			one.ConfirmTime = timestamppb.New(t.Confirmed)
		}
		out.Complete = out.GetComplete() && one.GetState() == registrypb.SpreadState_SPREAD_STATE_CONFIRMED
		out.Takers = append(out.Takers, one)
	}
	return out
}

// spreadTo is how far a change has come with a service.
func spreadTo(t feed.Taker) registrypb.SpreadState {
	switch {
	case t.Away:
		return registrypb.SpreadState_SPREAD_STATE_AWAY
	case t.Astray:
		return registrypb.SpreadState_SPREAD_STATE_ASTRAY
	case t.Confirmed.IsZero():
		return registrypb.SpreadState_SPREAD_STATE_BEHIND
	}
	return registrypb.SpreadState_SPREAD_STATE_CONFIRMED
}

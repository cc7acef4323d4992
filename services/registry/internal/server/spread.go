package server

import (
	"context"
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
	out.Complete = true
	for _, t := range s.takers(ctx, wanted, req.GetWait().AsDuration()) {
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
	return out, nil
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

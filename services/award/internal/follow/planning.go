// Package follow is what award does with other services' events: planning's crossings open, flag and reopen
// nominations, as package nomination says. Each event takes effect once, by the cursor of the feed; heard again, it
// changes nothing, by the id kept in the nomination.
package follow

import (
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/award/internal/nomination"
	"coso/services/award/internal/records"
	"coso/services/platform/feed"
	"coso/services/platform/store"
)

// Planning follows what planning announces of exceeded targets.
func Planning() feed.Follower {
	return feed.Follower{Source: "planning", Handlers: []feed.Handler{feed.On(exceeded), feed.On(excessWithdrawn)}}
}

// exceeded opens the nomination of a target, or brings it new evidence.
func exceeded(tx *store.Tx, e *planningpb.TargetExceeded, at feed.Envelope) error {
	cur, known, err := records.Nominations.Find(tx, nomination.Name(e.GetEvidence().GetTarget().GetName()))
	if err != nil {
		return err
	}
	if !known {
		next, event := nomination.Open(e.GetEvidence(), at.ID)
		_, err = records.Nominations.Create(tx, next, event)
		return err
	}
	next, event, news := nomination.Reopen(cur, e.GetEvidence(), at.ID)
	if !news {
		return nil
	}
	_, err = records.Nominations.Put(tx, next, event)
	return err
}

// excessWithdrawn flags the nomination of a target; a target that was never nominated has nothing to flag.
func excessWithdrawn(tx *store.Tx, e *planningpb.TargetExcessWithdrawn, at feed.Envelope) error {
	cur, known, err := records.Nominations.Find(tx, nomination.Name(e.GetEvidence().GetTarget().GetName()))
	if err != nil || !known {
		return err
	}
	next, event, news := nomination.Flag(cur, e.GetEvidence(), at.ID)
	if !news {
		return nil
	}
	_, err = records.Nominations.Put(tx, next, event)
	return err
}

// Package follow is what award does with other services' events: planning's crossings open, flag and reopen
// nominations, and its figures are kept to be shown beside them, as package nomination says. Each event takes effect once, by the cursor of the feed; heard again, it
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
	return feed.Follower{Source: "planning", Handlers: []feed.Handler{
		feed.On(exceeded), feed.On(excessWithdrawn), feed.On(figureChanged), feed.On(targetWithdrawn),
	}}
}

// exceeded opens the nomination of a target, or brings it new evidence.
func exceeded(tx *store.Tx, e *planningpb.TargetExceeded, at feed.Envelope) error {
	if err := keep(tx, e.GetEvidence().GetTarget().GetName(), e.GetEvidence().GetFigure(), at); err != nil {
		return err
	}
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
	if err := left(tx, e.GetEvidence(), at); err != nil {
		return err
	}
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

// figureChanged keeps the figure of a target.
func figureChanged(tx *store.Tx, e *planningpb.TargetFigureChanged, at feed.Envelope) error {
	return keep(tx, e.GetTarget(), e.GetFigure(), at)
}

// targetWithdrawn forgets the figure of a target. What it opened was flagged by the excess that went with it.
func targetWithdrawn(tx *store.Tx, e *planningpb.TargetWithdrawn, _ feed.Envelope) error {
	return records.Figures.Delete(tx, e.GetTarget().GetName())
}

// left keeps the figure that an excess has left behind; of a withdrawn target there is none.
func left(tx *store.Tx, e *planningpb.Evidence, at feed.Envelope) error {
	t := e.GetTarget()
	if t.GetState() == planningpb.TargetState_TARGET_STATE_WITHDRAWN {
		return records.Figures.Delete(tx, t.GetName())
	}
	return keep(tx, t.GetName(), e.GetFigure(), at)
}

// keep keeps a figure, unless what is known is as new.
func keep(tx *store.Tx, target string, f *planningpb.Figure, at feed.Envelope) error {
	cur, _, err := records.Figures.Find(tx, target)
	if err != nil {
		return err
	}
	next, news := nomination.Keep(cur, f, target, at.ID, at.Time)
	if !news {
		return nil
	}
	return records.Figures.Put(tx, next)
}

// Package nomination holds the rules of nominations: a unit that exceeds a target is proposed for a reward. The rules
// are pure; what planning announced is handed to them, with the id of the event, `<incarnation>/<number>` in planning's stream.
//
//	                TargetExceeded            TargetExcessWithdrawn
//	none            Open: OPEN                –
//	OPEN            Reopen: OPEN              Flag: EXCESS_WITHDRAWN
//	EXCESS_WITHDRAWN Reopen: OPEN             –
//
// INV-NOMINATION-ONE-PER-TARGET: a nomination has the id of its target, so a target has one nomination, for ever.
// INV-NOMINATION-EVIDENCE-KEPT: the evidence is that of the newest crossing; a withdrawal stands beside it and takes
// nothing away.
// INV-NOMINATION-NEWER-ONLY: an event that is not newer than the evidence changes nothing, so hearing events again
// changes nothing.
// INV-NOMINATION-FIGURE: the current figure beside the evidence is the newest that was announced of the target; it takes
// nothing away from the evidence, and shows none once the target is withdrawn.
// INV-NOMINATION-UNKNOWN-FIELDS: what a newer version wrote survives every rule.
package nomination

import (
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	awardpb "coso/proto/gen/coso/award/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
)

// Name answers the name of the nomination of a target: `targets/x` is nominated as `nominations/x`.
func Name(target string) string {
	return "nominations/" + strings.TrimPrefix(target, "targets/")
}

// Open answers a new nomination for the unit, indicator and period of an exceeded target.
func Open(e *planningpb.Evidence, id string) (*awardpb.Nomination, *awardpb.NominationOpened) {
	t := e.GetTarget()
	return &awardpb.Nomination{
		Name:          Name(t.GetName()),
		Target:        t.GetName(),
		Unit:          t.GetUnit(),
		Indicator:     t.GetIndicator(),
		Period:        t.GetPeriod(),
		State:         awardpb.NominationState_NOMINATION_STATE_OPEN,
		Evidence:      proto.CloneOf(e),
		EvidenceEvent: id,
	}, &awardpb.NominationOpened{}
}

// Flag answers the nomination with its excess withdrawn and what is true instead. news is false when the event says
// nothing new: the nomination is flagged, or its evidence is newer.
func Flag(cur *awardpb.Nomination, e *planningpb.Evidence, id string) (next *awardpb.Nomination, event *awardpb.NominationFlagged, news bool) {
	if !newer(cur, id) || cur.GetState() == awardpb.NominationState_NOMINATION_STATE_EXCESS_WITHDRAWN {
		return nil, nil, false
	}
	next = proto.CloneOf(cur)
	next.State = awardpb.NominationState_NOMINATION_STATE_EXCESS_WITHDRAWN
	next.Withdrawal = proto.CloneOf(e)
	return next, &awardpb.NominationFlagged{}, true
}

// Reopen answers the nomination with new evidence: the excess returned, or was found again under a new version of the
// target. news is false when the evidence at hand is as new.
func Reopen(cur *awardpb.Nomination, e *planningpb.Evidence, id string) (next *awardpb.Nomination, event *awardpb.NominationReopened, news bool) {
	if !newer(cur, id) {
		return nil, nil, false
	}
	next = proto.CloneOf(cur)
	next.State = awardpb.NominationState_NOMINATION_STATE_OPEN
	next.Evidence = proto.CloneOf(e)
	next.EvidenceEvent = id
	next.Withdrawal = nil
	return next, &awardpb.NominationReopened{}, true
}

// Keep answers what is known of a target's figure after an event with this id and moment brought one; cur is what was known,
// nil: nothing. news is false when what is known is as new.
func Keep(cur *awardpb.CurrentFigure, f *planningpb.Figure, target, id string, at time.Time) (next *awardpb.CurrentFigure, news bool) {
	if cur != nil && !after(cur.GetFigureEvent(), id) {
		return nil, false
	}
	return &awardpb.CurrentFigure{Target: target, Figure: proto.CloneOf(f), FigureTime: timestamppb.New(at), FigureEvent: id}, true
}

// Beside answers the nomination as it is shown: with what is known of its target's figure, nil: nothing.
func Beside(n *awardpb.Nomination, f *awardpb.CurrentFigure) *awardpb.Nomination {
	shown := proto.CloneOf(n)
	shown.CurrentFigure, shown.CurrentFigureTime = f.GetFigure(), f.GetFigureTime()
	return shown
}

// newer says whether an event came after the one that brought the evidence.
func newer(cur *awardpb.Nomination, id string) bool { return after(cur.GetEvidenceEvent(), id) }

// after says whether an event came after a known one. Numbers compare within one incarnation of planning's journal;
// another incarnation is another story, told after the one that is known.
func after(event, id string) bool {
	known, last := split(event)
	incarnation, number := split(id)
	return incarnation != known || number > last
}

// split takes an event's id apart. What is no number counts as the first: it is older than any.
func split(id string) (incarnation string, number uint64) {
	incarnation, n, _ := strings.Cut(id, "/")
	number, err := strconv.ParseUint(n, 10, 64)
	if err != nil {
		return incarnation, 0
	}
	return incarnation, number
}

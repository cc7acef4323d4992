// Package crossing judges whether a unit's result has reached or exceeded its target, and what of it must be announced.
//
// INV-CROSSING-TRUE: after every judgement what was announced and not withdrawn is what is true: reached at ≥ the
// assigned value, exceeded at >.
// INV-CROSSING-ONCE: of one version of a target a crossing is announced once until it is withdrawn, and withdrawn once
// until it is announced again. A new version that still holds is announced again: its evidence is another.
// INV-CROSSING-ORDER: who listens never hears of an excess without the reach: Reached comes before Exceeded,
// ExcessWithdrawn before ReachWithdrawn, and withdrawals before announcements.
// INV-CROSSING-FIGURE: once a target has been exceeded, the figure announced last is its figure, until it is withdrawn. An
// excess that comes or goes brings the figure along; any other change of it is announced by itself.
// A withdrawn target is neither reached nor exceeded.
package crossing

import (
	"slices"

	"google.golang.org/protobuf/proto"

	planningpb "coso/proto/gen/coso/planning/v1"
)

// Step is one thing to announce about a target.
type Step uint8

// The steps, in the order in which one judgement announces them.
const (
	ExcessWithdrawn Step = iota + 1
	ReachWithdrawn
	Reached
	Exceeded
)

// Judge holds a result against a target with an assigned value, and says what to announce after what was announced last
// (nil or empty: nothing). A target without an assigned value, or withdrawn, is neither reached nor exceeded. Judging
// again changes nothing.
func Judge(last *planningpb.Crossing, t *planningpb.Target, actual int64) (*planningpb.Crossing, []Step) {
	assigned := t.AssignedValue != nil && t.GetState() != planningpb.TargetState_TARGET_STATE_WITHDRAWN
	next := &planningpb.Crossing{
		Target: t.GetName(), TargetVersion: t.GetVersion(),
		Reached:  assigned && actual >= t.GetAssignedValue(),
		Exceeded: assigned && actual > t.GetAssignedValue(),
	}
	anew := last.GetTargetVersion() != t.GetVersion()
	var steps []Step
	if last.GetExceeded() && !next.GetExceeded() {
		steps = append(steps, ExcessWithdrawn)
	}
	if last.GetReached() && !next.GetReached() {
		steps = append(steps, ReachWithdrawn)
	}
	if next.GetReached() && (anew || !last.GetReached()) {
		steps = append(steps, Reached)
	}
	if next.GetExceeded() && (anew || !last.GetExceeded()) {
		steps = append(steps, Exceeded)
	}
	return next, steps
}

// Follow adds the figure of t to next, what Judge said with these steps, and says whether the figure must be announced by
// itself. Following again changes nothing.
func Follow(last, next *planningpb.Crossing, t *planningpb.Target, figure *planningpb.Figure, steps []Step) (announce bool) {
	followed := last.GetFigure() != nil || last.GetExceeded()
	if t.GetState() == planningpb.TargetState_TARGET_STATE_WITHDRAWN || !followed && !next.GetExceeded() {
		return false
	}
	next.Figure = figure
	brought := slices.Contains(steps, Exceeded) || slices.Contains(steps, ExcessWithdrawn)
	return !brought && !proto.Equal(last.GetFigure(), figure)
}

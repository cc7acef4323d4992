package follow_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	awardpb "coso/proto/gen/coso/award/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/feed/feedtest"
)

func figureChanged(target string, actual int64) *planningpb.TargetFigureChanged {
	return &planningpb.TargetFigureChanged{Target: "targets/" + target, Figure: evidence(target, 1, actual).GetFigure()}
}

// shows demands the figure of today beside an evidence; 0: none.
func (c *council) shows(target string, evidence, current int64) {
	c.t.Helper()
	n, err := c.GetNomination(c.t.Context(), &awardpb.GetNominationRequest{Name: "nominations/" + target})
	if err != nil {
		c.t.Fatal(err)
	}
	if n.GetEvidence().GetFigure().GetActualValue() != evidence || n.GetCurrentFigure().GetActualValue() != current {
		c.t.Errorf("%s shows %v beside %v, want %d beside %d", target, n.GetCurrentFigure(), n.GetEvidence().GetFigure(), current, evidence)
	}
	if (current != 0) != n.GetCurrentFigureTime().IsValid() {
		c.t.Errorf("%s shows %v as of %v", target, n.GetCurrentFigure(), n.GetCurrentFigureTime())
	}
	for _, listed := range c.nominations() {
		if listed.GetName() == n.GetName() && !cmp.Equal(listed, n, protocmp.Transform()) {
			c.t.Errorf("listed as %v, got as %v", listed, n)
		}
	}
}

// INV-NOMINATION-FIGURE: the evidence stays what it was, the figure of today stands beside it, and is no change of the
// nomination.
func TestTheCurrentFigureStandsBesideTheEvidence(t *testing.T) {
	srv := feedtest.NATS(t)
	p, c := newPlanning(t, srv.JetStream()), newCouncil(t, srv)
	c.hears(p.says(exceeded("t", 1, 7)))
	c.shows("t", 7, 7)
	c.hears(p.says(figureChanged("t", 9), figureChanged("never", 3)))
	c.shows("t", 7, 9)
	c.hears(p.says(excessWithdrawn("t")))
	c.shows("t", 7, 6)
	c.hears(p.says(figureChanged("t", 4)))
	c.shows("t", 7, 4)
	c.hears(p.says(exceeded("t", 1, 8)))
	c.shows("t", 8, 8)
	n := c.nominations()
	if len(n) != 1 || n[0].GetRevision() != 3 {
		t.Errorf("nominations %v, want one in its third revision", n)
	}
}

func TestAWithdrawnTargetHasNoCurrentFigure(t *testing.T) {
	srv := feedtest.NATS(t)
	p, c := newPlanning(t, srv.JetStream()), newCouncil(t, srv)
	withdrawn := evidence("open", 1, 7).GetTarget()
	withdrawn.State = planningpb.TargetState_TARGET_STATE_WITHDRAWN
	excess := excessWithdrawn("open")
	excess.Evidence.Target = withdrawn
	flagged := &planningpb.Target{Name: "targets/flagged", State: planningpb.TargetState_TARGET_STATE_WITHDRAWN}
	c.hears(p.says(exceeded("open", 1, 7), exceeded("flagged", 1, 8), excessWithdrawn("flagged")))
	c.hears(p.says(&planningpb.TargetWithdrawn{Target: withdrawn}, excess, &planningpb.TargetWithdrawn{Target: flagged}))
	c.shows("open", 7, 0)
	c.shows("flagged", 8, 0)
	for _, n := range c.nominations() {
		if n.GetState() != awardpb.NominationState_NOMINATION_STATE_EXCESS_WITHDRAWN {
			t.Errorf("%s is %s", n.GetName(), n.GetState())
		}
	}
}

package nomination_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	awardpb "coso/proto/gen/coso/award/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/award/internal/nomination"
)

// INV-NOMINATION-FIGURE: only what came later takes the place of what is known; another incarnation is told later.
func TestKeepTakesTheNewerFigure(t *testing.T) {
	at := time.Date(2020, 12, 1, 8, 0, 0, 0, time.UTC)
	seven := &planningpb.Figure{ActualValue: 7, Target: "targets/t"}
	known, news := nomination.Keep(nil, seven, "targets/t", "inc-a/9", at)
	want := &awardpb.CurrentFigure{Target: "targets/t", Figure: seven, FigureTime: known.GetFigureTime(), FigureEvent: "inc-a/9"}
	if !news || !proto.Equal(known, want) || !known.GetFigureTime().AsTime().Equal(at) {
		t.Fatalf("kept %v, %v", known, news)
	}
	for id, want := range map[string]bool{"inc-a/8": false, "inc-a/9": false, "inc-a/10": true, "inc-b/1": true} {
		if _, news := nomination.Keep(known, &planningpb.Figure{ActualValue: 8}, "targets/t", id, at); news != want {
			t.Errorf("after event 9, %s is news: %v", id, news)
		}
	}
}

func TestBesideLeavesTheRecordAlone(t *testing.T) {
	n := &awardpb.Nomination{Name: "nominations/t", Evidence: &planningpb.Evidence{Figure: &planningpb.Figure{ActualValue: 7}}}
	kept := proto.CloneOf(n)
	f, _ := nomination.Keep(nil, &planningpb.Figure{ActualValue: 9}, "targets/t", "inc-a/9", time.Unix(1, 0))
	shown := nomination.Beside(n, f)
	if shown.GetCurrentFigure().GetActualValue() != 9 || shown.GetEvidence().GetFigure().GetActualValue() != 7 || !proto.Equal(n, kept) {
		t.Errorf("shown %v of %v", shown, n)
	}
	if plain := nomination.Beside(n, nil); plain.GetCurrentFigure() != nil || plain.GetCurrentFigureTime() != nil {
		t.Errorf("nothing known, shown %v", plain)
	}
}

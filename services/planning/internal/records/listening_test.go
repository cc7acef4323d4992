package records

import (
	"context"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/store"
)

// notice is what a listener holds to be true of one crossing of one target.
type notice struct {
	holds   bool
	version int64
}

// listen reads the new events as award does, and refuses to be told what it knows.
func (w *world) listen(rt *rapid.T, s *store.Store) {
	events, err := s.Events(context.Background(), w.next, 1000)
	if err != nil {
		rt.Fatal(err)
	}
	for _, e := range events {
		w.next = e.Number + 1
		switch e.Type {
		case "coso.planning.v1.TargetReached":
			w.hear(rt, w.reached, e, event(rt, e, &planningpb.TargetReached{}).GetEvidence(), true)
		case "coso.planning.v1.TargetReachWithdrawn":
			w.hear(rt, w.reached, e, event(rt, e, &planningpb.TargetReachWithdrawn{}).GetEvidence(), false)
		case "coso.planning.v1.TargetExceeded":
			ev := event(rt, e, &planningpb.TargetExceeded{}).GetEvidence()
			w.hear(rt, w.exceeded, e, ev, true)
			w.figures[e.Subject] = ev.GetFigure()
		case "coso.planning.v1.TargetExcessWithdrawn":
			ev := event(rt, e, &planningpb.TargetExcessWithdrawn{}).GetEvidence()
			w.hear(rt, w.exceeded, e, ev, false)
			w.figures[e.Subject] = ev.GetFigure()
		case "coso.planning.v1.TargetFigureChanged":
			w.hearFigure(rt, event(rt, e, &planningpb.TargetFigureChanged{}))
		}
	}
}

func (w *world) hear(rt *rapid.T, book map[string]notice, e store.Event, ev *planningpb.Evidence, holds bool) {
	t, f := ev.GetTarget(), ev.GetFigure()
	known := book[t.GetName()]
	if known.holds == holds && (!holds || known.version == t.GetVersion()) {
		rt.Fatalf("%s was told twice: %v", e.Type, ev)
	}
	book[t.GetName()] = notice{holds, t.GetVersion()}
	if e.Subject != t.GetName() || f.GetTarget() != t.GetName() || f.GetAssignedValue() != t.GetAssignedValue() ||
		ev.GetUnitDisplayName() == "" || ev.GetIndicator().GetName() != t.GetIndicator() || ev.GetPeriod().GetName() != t.GetPeriod() {
		rt.Fatalf("%s about %s is not complete: %v", e.Type, e.Subject, ev)
	}
}

// hearFigure refuses a figure of a target that was never exceeded, and one that is known.
func (w *world) hearFigure(rt *rapid.T, e *planningpb.TargetFigureChanged) {
	if known := w.figures[e.GetTarget()]; known == nil || proto.Equal(known, e.GetFigure()) {
		rt.Fatalf("told %v, known was %v", e, known)
	}
	w.figures[e.GetTarget()] = e.GetFigure()
}

package records

import (
	"context"
	"testing"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/progress"
	"coso/services/platform/civil"
	"coso/services/platform/store"
)

// INV-ATLAS-STAMP: what was read when the time was over is not kept: the next one who asks gets the whole.
func TestHalfAnAnswerIsNotKept(t *testing.T) {
	s, closed := open(t, t.TempDir(), Schema)
	defer closed()
	p := foundPlan(t, s, 3)
	a := NewAtlas()
	ask := func(tx *store.ReadTx, asOf string) (*progress.Question, error) {
		found, err := Periods.Get(tx, p)
		if err != nil {
			found = &planningpb.Period{Name: p, StartDate: "2020-01-01", EndDate: "2020-12-31", CutOffDate: "2020-11-30"}
		}
		return a.Question(tx, unitName(0), found, "party", civil.MustParse(asOf))
	}
	read(t, s, func(tx *store.ReadTx) error { // the board is made while there is time
		_, err := ask(tx, "2020-03-01")
		return err
	})
	ctx, cancel := context.WithCancel(caller())
	_, err := store.View(ctx, s, func(tx *store.ReadTx) (*progress.Question, error) {
		cancel()
		return ask(tx, "2020-11-30")
	})
	if err == nil {
		t.Fatal("answered when the time was over")
	}
	read(t, s, func(tx *store.ReadTx) error {
		q, err := ask(tx, "2020-11-30")
		if err == nil && q.Results[0] != 2 {
			t.Errorf("%d, want 2", q.Results[0])
		}
		return err
	})
}

package records

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/store"
)

// A province's plan has more targets than one command may judge: when the cut-off moves, all are judged in the end, each
// crossing is announced once, and no command is too large.
func TestALargePeriodIsJudgedBitByBit(t *testing.T) {
	const units = 3*judgedTogether + 7
	s, closed := openWith(t, t.TempDir(), Schema, time.Now) // timers need a clock that goes on
	defer closed()
	ctx, stop := context.WithCancel(t.Context())
	var loop sync.WaitGroup
	loop.Go(func() { s.FireTimers(ctx) })
	defer loop.Wait()
	defer stop()
	p := foundPlan(t, s, units)

	for _, cutOff := range []string{"2020-05-31", "2020-11-30"} {
		command(t, s, func(tx *store.Tx) error {
			cur, err := Periods.Get(tx, p)
			if err != nil {
				return err
			}
			cur.CutOffDate = cutOff
			if cur, err = Periods.Put(tx, cur, &planningpb.PeriodUpdated{}); err != nil {
				return err
			}
			return theAtlas.JudgePeriod(tx, cur)
		})
		want := units
		if cutOff == "2020-05-31" {
			want = 0
		}
		waitForCrossings(t, s, want)
	}
	told := map[string]int{}
	events, err := s.Events(t.Context(), 1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		told[e.Type]++
	}
	for typ, want := range map[string]int{
		"coso.planning.v1.TargetExceeded": 2 * units, "coso.planning.v1.TargetExcessWithdrawn": units,
		"coso.planning.v1.TargetReached": 2 * units, "coso.planning.v1.TargetReachWithdrawn": units,
	} {
		if told[typ] != want {
			t.Errorf("%d times %s, want %d", told[typ], typ, want)
		}
	}
}

// foundPlan makes units that each exceed a target of their own by what they founded in June.
func foundPlan(t *testing.T, s *store.Store, units int) (period string) {
	t.Helper()
	command(t, s, func(tx *store.Tx) error {
		if _, err := Indicators.Create(tx, &planningpb.Indicator{
			Name: "indicators/cells", DisplayName: "Chi bộ", Measure: founded, Kinds: []string{"CELL"},
			Comparator: planningpb.Comparator_COMPARATOR_AT_LEAST, ResultVerb: "thành lập được", CountedNoun: "chi bộ",
		}, &planningpb.IndicatorCreated{}); err != nil {
			return err
		}
		p, err := Periods.Create(tx, &planningpb.Period{
			Name: "periods/2020", DisplayName: "năm 2020", Kind: planningpb.PeriodKind_PERIOD_KIND_CALENDAR_YEAR,
			StartDate: "2020-01-01", EndDate: "2020-12-31", CutOffDate: "2020-11-30",
		}, &planningpb.PeriodCreated{})
		period = p.GetName()
		return err
	})
	for i := range units {
		command(t, s, func(tx *store.Tx) error {
			u := &registrypb.Unit{Name: unitName(i), DisplayName: fmt.Sprintf("Đảng ủy xã %d", i), ValidFrom: "2019-01-01", Revision: 1}
			notes := theAtlas.NewTouched()
			if err := notes.ReplaceUnit(tx, u); err != nil {
				return err
			}
			if _, err := Targets.Create(tx, &planningpb.Target{
				Name: fmt.Sprintf("targets/%d", i), Unit: u.GetName(), Indicator: "indicators/cells", Period: period,
				Version: 1, AssignedValue: new(int64(1)),
			}, &planningpb.TargetRegistered{}); err != nil {
				return err
			}
			err := notes.ReplaceFacts(tx, &planningpb.FactSet{
				Source: fmt.Sprintf("organisations/%d", i), SourceRevision: 1,
				Facts: []*planningpb.Fact{{Measure: founded, Kind: "CELL", Unit: u.GetName(), LegalDate: "2020-06-15", Amount: 2}},
			})
			if err != nil {
				return err
			}
			return notes.Judge(tx)
		})
	}
	return period
}

// waitForCrossings waits until so many targets are held to be exceeded.
func waitForCrossings(t *testing.T, s *store.Store, want int) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		changed := s.Changed()
		held := 0
		read(t, s, func(tx *store.ReadTx) error {
			for c, err := range Crossings.All(tx) {
				if err != nil {
					return err
				}
				if c.GetExceeded() {
					held++
				}
			}
			return nil
		})
		if held == want {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%d targets are exceeded, want %d", held, want)
		}
	}
}

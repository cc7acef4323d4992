package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning"
	"coso/services/planning/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/run"
	"coso/services/platform/store"
)

// thePeriod ends within a month, so that whole months and days are counted.
const thePeriod = "periods/2020"

// catalogue is the indicators of a city's plan: measure and kinds.
var catalogue = []struct { //nolint:gochecknoglobals // what every office counts
	id      string
	measure planningpb.Measure
	kinds   string
}{
	{"party-members", planningpb.Measure_MEASURE_MEMBERS_ADMITTED, "PARTY_MEMBER"},
	{"party-organisations", planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED, "BASE_PARTY_ORGANISATION BASE_CELL CELL SECTIONAL_PARTY_ORGANISATION"},
	{"party-owners", planningpb.Measure_MEASURE_OWNERS_ADMITTED, "PARTY_MEMBER"},
	{"trade-union-members", planningpb.Measure_MEASURE_MEMBERS_ADMITTED, "TRADE_UNION_MEMBER"},
	{"trade-unions", planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED, "BASE_TRADE_UNION OCCUPATIONAL_UNION"},
	{"youth-members", planningpb.Measure_MEASURE_MEMBERS_ADMITTED, "YOUTH_UNION_MEMBER YOUTH_FEDERATION_MEMBER"},
	{"youth-organisations", planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED, "YOUTH_BRANCH BASE_YOUTH_UNION YOUTH_FEDERATION YOUTH_CLUB TEAM"},
}

// office is planning with a plan for every unit, and what was counted of it.
type office struct {
	*run.Service
	planningpb.ProgressServiceClient

	name         string
	units, facts int
	// added counts the sources that were added after loading.
	added   int
	loading time.Duration
	random  *rand.Rand
	atlas   *records.Atlas
	// parents are the places of the units above; of the first it means nothing.
	parents []int
	// results are what every unit reached itself in the plan's window, by indicator.
	results [][]int64
	today   time.Time
}

// newOffice makes units, facts and targets. Every unit has 4 targets; one target in 25 is missed, as in Hà Nội in 2020.
func newOffice(ctx context.Context, dir string, units, facts int) (*office, error) {
	o := &office{
		name: fmt.Sprintf("%d units", units), units: units, facts: facts,
		random: rand.New(rand.NewPCG(2020, uint64(facts))), //nolint:gosec // the same figures in every run
		atlas:  records.NewAtlas(),
		today:  time.Date(2021, 1, 15, 3, 0, 0, 0, time.UTC),
	}
	var err error
	o.Service, err = planning.New(run.Options{
		Dir:    filepath.Join(dir, fmt.Sprintf("%d-%d", units, facts)),
		Clock:  func() time.Time { return o.today },
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	o.ProgressServiceClient = planningpb.NewProgressServiceClient(o.ConnOf("award"))
	start := time.Now()
	for _, step := range []func(context.Context) error{o.found, o.count, o.plan} {
		if err := step(access.With(ctx, access.Service(planning.Name))); err != nil {
			return nil, err
		}
	}
	o.loading = time.Since(start)
	return o, nil
}

func (o *office) columns() []string { return []string{fmt.Sprint(o.units), fmt.Sprint(o.facts)} }

// each does something for 0 to n-1, so many in one command.
func (o *office) each(ctx context.Context, n, together int, do func(*store.Tx, int) error) error {
	for from := 0; from < n; from += together {
		_, err := store.Update(ctx, o.Store(), nil, func(tx *store.Tx) (*emptypb.Empty, error) {
			for i := from; i < min(from+together, n); i++ {
				if err := do(tx, i); err != nil {
					return nil, err
				}
			}
			return &emptypb.Empty{}, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func unitName(i int) string { return fmt.Sprintf("units/u%04d", i) }

// found makes indicators, the period and the units: two levels of up to 30 units, three beyond, with 34 in the second.
func (o *office) found(ctx context.Context) error {
	err := o.each(ctx, len(catalogue), len(catalogue), func(tx *store.Tx, i int) error {
		c := catalogue[i]
		_, err := records.Indicators.Create(tx, &planningpb.Indicator{
			Name: "indicators/" + c.id, DisplayName: "Chỉ tiêu " + c.id, Measure: c.measure, Kinds: strings.Fields(c.kinds),
			Comparator: planningpb.Comparator_COMPARATOR_AT_LEAST, ResultVerb: "thành lập được", CountedNoun: "tổ chức",
		}, &planningpb.IndicatorCreated{})
		return err
	})
	if err != nil {
		return err
	}
	err = o.each(ctx, 1, 1, func(tx *store.Tx, _ int) error {
		_, err := records.Periods.Create(tx, &planningpb.Period{
			Name: thePeriod, DisplayName: "năm 2020", Kind: planningpb.PeriodKind_PERIOD_KIND_CALENDAR_YEAR,
			StartDate: "2020-01-01", EndDate: "2020-12-31", CutOffDate: "2020-11-17",
		}, &planningpb.PeriodCreated{})
		return err
	})
	if err != nil {
		return err
	}
	o.parents, o.results = make([]int, o.units), make([][]int64, o.units)
	return o.each(ctx, o.units, 500, func(tx *store.Tx, i int) error {
		o.results[i] = make([]int64, len(catalogue))
		if o.units > 30 && i > 34 {
			o.parents[i] = 1 + i%34
		}
		place := &registrypb.Placement{Tree: "party", FromDate: "2008-08-01"}
		if i > 0 {
			place.Parent = unitName(o.parents[i])
		}
		return records.Units.Put(tx, &registrypb.Unit{
			Name: unitName(i), DisplayName: fmt.Sprintf("Đảng ủy phường Minh Họa %d", (i*7919)%o.units), ValidFrom: "2008-08-01",
			Revision: 1, Placements: []*registrypb.Placement{place},
		})
	})
}

// first and last are the days on which facts fall: the plan year and the one before.
var first, last = civil.MustParse("2019-01-01"), civil.MustParse("2020-12-31") //nolint:gochecknoglobals // constants

// sources is how many contribute the facts, whatever their number: a question reads none, and so they are soon loaded.
const sources = 10_000

// count takes the facts over. Those of a source are of one unit, on days of two years.
func (o *office) count(ctx context.Context) error {
	return o.each(ctx, sources, max(1, 1000*sources/o.facts), func(tx *store.Tx, source int) error {
		set := &planningpb.FactSet{Source: fmt.Sprintf("organisations/%d", source), SourceRevision: 1}
		u := 1 + o.random.IntN(o.units-1)
		for range o.facts / sources {
			set.Facts = append(set.Facts, o.fact(u, o.day()))
		}
		return records.Facts.Put(tx, set)
	})
}

func (o *office) day() string {
	return first.AddDays(o.random.IntN(int(last.Days()-first.Days()) + 1)).String()
}

// fact is one of a unit, noted in the results.
func (o *office) fact(u int, day string) *planningpb.Fact {
	k := o.random.IntN(len(catalogue))
	kinds := strings.Fields(catalogue[k].kinds)
	amount := 1 + o.random.Int64N(9)
	if day >= "2020-01-01" && day <= "2020-11-17" {
		o.results[u][k] += amount
	}
	return &planningpb.Fact{
		Measure: catalogue[k].measure, Kind: kinds[o.random.IntN(len(kinds))], Unit: unitName(u), LegalDate: day, Amount: amount,
	}
}

// plan gives every unit 4 targets by what it reached with all below it, and judges them.
func (o *office) plan(ctx context.Context) error {
	for i := o.units - 1; i > 0; i-- {
		for k, n := range o.results[i] {
			o.results[o.parents[i]][k] += n
		}
	}
	return o.each(ctx, 4*o.units, 60, func(tx *store.Tx, n int) error {
		i, k := n/4, n%4
		assigned := max(o.results[i][k]-1, 0)
		if n%25 == 24 {
			assigned += 2
		}
		t, err := records.Targets.Create(tx, &planningpb.Target{
			Name: fmt.Sprintf("targets/t%d", n), Unit: unitName(i), Indicator: "indicators/" + catalogue[k].id, Period: thePeriod,
			RegisteredValue: &assigned, AssignedValue: &assigned, AssignedDecision: "345-QĐ/TU", Version: 2,
		}, &planningpb.TargetRegistered{})
		if err != nil {
			return err
		}
		return o.atlas.Judge(tx, t)
	})
}

// ask asks for the progress of the highest unit over the whole plan and sees that it is what was counted.
func ask(ctx context.Context, o *office) error {
	p, err := o.GetProgress(ctx, &planningpb.GetProgressRequest{Unit: unitName(0), Period: thePeriod})
	if err != nil {
		return err
	}
	for k, line := range p.GetIndicators() {
		if got, want := line.GetFigure().GetActualValue(), o.results[0][k]; got != want {
			return fmt.Errorf("%s: %d, counted %d", line.GetIndicator(), got, want)
		}
	}
	return nil
}

// another takes one more fact over, of the year before the plan's.
func another(ctx context.Context, o *office) error {
	o.added++
	return o.each(access.With(ctx, access.Service(planning.Name)), 1, 1, func(tx *store.Tx, _ int) error {
		return records.Facts.Put(tx, &planningpb.FactSet{
			Source: fmt.Sprintf("organisations/another-%d", o.added), SourceRevision: 1,
			Facts: []*planningpb.Fact{o.fact(o.units-1, "2019-06-30")},
		})
	})
}

// askEarly asks for it in the plan's first month, when most units are below plan and listed.
func askEarly(ctx context.Context, o *office) error {
	_, err := o.GetProgress(ctx, &planningpb.GetProgressRequest{Unit: unitName(0), Period: thePeriod, AsOf: "2020-01-17"})
	return err
}

// take takes some new intakes over in one command and judges what they touch.
func (o *office) take(ctx context.Context, many int) error {
	return o.each(access.With(ctx, access.Service(planning.Name)), 1, 1, func(tx *store.Tx, _ int) error {
		notes := o.atlas.NewTouched()
		for range many {
			o.added++
			day, u := o.day(), unitName(1+o.random.IntN(o.units-1))
			fact := func(m planningpb.Measure, n int64) *planningpb.Fact {
				return &planningpb.Fact{Measure: m, Kind: "PARTY_MEMBER", Unit: u, LegalDate: day, Amount: n}
			}
			err := notes.ReplaceFacts(tx, &planningpb.FactSet{
				Source: fmt.Sprintf("intakes/%d", o.added), SourceRevision: 1,
				Facts: []*planningpb.Fact{fact(planningpb.Measure_MEASURE_MEMBERS_ADMITTED, 12), fact(planningpb.Measure_MEASURE_OWNERS_ADMITTED, 1)},
			})
			if err != nil {
				return err
			}
		}
		return notes.Judge(tx)
	})
}

package server_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/records"
	"coso/services/platform/store"
)

// counted is what the pages of a figure hold, and how many there were.
func (o *office) counted(t failing, ask *planningpb.ListCountedFactsRequest) (facts []*planningpb.CountedFact, pages int) {
	t.Helper()
	for pages < 10_000 {
		page, err := o.ListCountedFacts(o.Context(), ask)
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		pages++
		facts = append(facts, page.GetCountedFacts()...)
		if ask.PageToken = page.GetNextPageToken(); ask.GetPageToken() == "" {
			return facts, pages
		}
		if len(page.GetCountedFacts()) != int(ask.GetPageSize()) {
			t.Fatalf("a page that is not the last holds %d of %d", len(page.GetCountedFacts()), ask.GetPageSize())
		}
	}
	t.Fatalf("the pages do not end")
	return nil, 0
}

// failing is what a test and a property have in common.
type failing interface {
	Helper()
	Fatalf(format string, args ...any)
}

func ofYear(unit, asOf string, size int32) *planningpb.ListCountedFactsRequest {
	return &planningpb.ListCountedFactsRequest{
		Unit: "units/" + unit, Period: "periods/2020", Indicator: "indicators/party", AsOf: asOf, PageSize: size,
	}
}

func TestCountedFacts(t *testing.T) {
	o := hanoi(t)
	for range 3 {
		o.founded("units/tay-ho", "2020-06-30", 1)
	}
	o.founded("units/ha-noi", "2020-06-30", 2)
	o.founded("units/tay-ho", "2020-02-03", 7)(4)  // corrected
	o.founded("units/ung-hoa", "2020-03-01", 9)(0) // withdrawn
	o.founded("units/ung-hoa", "2020-12-01", 50)   // behind the cut-off
	o.founded("units/ung-hoa", "2019-12-31", 50)   // before the period
	o.founded("units/khong-co", "2020-06-01", 5)   // of a unit that is not known
	want := []*planningpb.CountedFact{
		countedFact(5, "tay-ho", "Quận ủy Tây Hồ", "2020-02-03", 4),
		countedFact(1, "tay-ho", "Quận ủy Tây Hồ", "2020-06-30", 1),
		countedFact(2, "tay-ho", "Quận ủy Tây Hồ", "2020-06-30", 1),
		countedFact(3, "tay-ho", "Quận ủy Tây Hồ", "2020-06-30", 1),
		countedFact(4, "ha-noi", "Thành ủy Hà Nội", "2020-06-30", 2),
	}
	for size, wantPages := range map[int32]int{1: 5, 2: 3, 4: 2, 5: 1, 500: 1} {
		got, pages := o.counted(t, ofYear("ha-noi", "", size))
		if diff := gocmp.Diff(want, got, protocmp.Transform()); diff != "" || pages != wantPages {
			t.Errorf("in %d pages of %d, want %d (-want +got):\n%s", pages, size, wantPages, diff)
		}
	}
	if got, _ := o.counted(t, ofYear("tay-ho", "2020-06-29", 10)); len(got) != 1 {
		t.Errorf("one unit as of a day: %v", got)
	}
	if got, _ := o.counted(t, ofYear("ung-hoa", "", 10)); len(got) != 0 {
		t.Errorf("nothing was counted, but %v", got)
	}
}

func countedFact(number int, unit, displayName, day string, amount int64) *planningpb.CountedFact {
	return &planningpb.CountedFact{
		Source: fmt.Sprintf("organisations/%d", number), Unit: "units/" + unit, UnitDisplayName: displayName, LegalDate: day,
		Measure: planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED, Kind: "BASE_CELL", Amount: amount,
	}
}

func TestCountedFactsRefused(t *testing.T) {
	o := hanoi(t)
	o.founded("units/tay-ho", "2020-06-30", 1)
	o.founded("units/tay-ho", "2020-07-30", 1)
	must(o.CreateIndicator(t.Context(), askIndicator("wrong")))(t)
	must(o.WithdrawIndicator(t.Context(), &planningpb.WithdrawIndicatorRequest{Name: "indicators/wrong", Reason: "nhập nhầm"}))(t)
	must(o.CreatePeriod(t.Context(), askPeriod("2019", "2019-01-01", "2019-11-30", "2019-12-31")))(t)
	must(o.WithdrawPeriod(t.Context(), &planningpb.WithdrawPeriodRequest{Name: "periods/2019", Reason: "nhập nhầm"}))(t)
	first := must(o.ListCountedFacts(t.Context(), ofYear("ha-noi", "", 1)))(t)
	for _, c := range []struct {
		change func(*planningpb.ListCountedFactsRequest)
		code   codes.Code
		reason faultpb.Reason
		field  string
	}{
		{func(r *planningpb.ListCountedFactsRequest) { r.Unit = "units/x" }, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "unit"},
		{func(r *planningpb.ListCountedFactsRequest) { r.Period = "periods/x" }, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "period"},
		{func(r *planningpb.ListCountedFactsRequest) { r.Indicator = "indicators/x" }, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "indicator"},
		{func(r *planningpb.ListCountedFactsRequest) { r.Indicator = "indicators/wrong" }, codes.FailedPrecondition, faultpb.Reason_REASON_INDICATOR_WITHDRAWN, "indicator"},
		{func(r *planningpb.ListCountedFactsRequest) { r.Period = "periods/2019" }, codes.FailedPrecondition, faultpb.Reason_REASON_PERIOD_WITHDRAWN, "period"},
		{func(r *planningpb.ListCountedFactsRequest) { r.AsOf = "2020-12-16" }, codes.InvalidArgument, faultpb.Reason_REASON_DATE_IN_FUTURE, "asOf"},
		{func(r *planningpb.ListCountedFactsRequest) { r.AsOf = "2019-12-31" }, codes.FailedPrecondition, faultpb.Reason_REASON_PERIOD_NOT_BEGUN, "asOf"},
		{func(r *planningpb.ListCountedFactsRequest) { r.Tree = "nowhere" }, codes.InvalidArgument, faultpb.Reason_REASON_ENUM_UNKNOWN, "tree"},
		{func(r *planningpb.ListCountedFactsRequest) {
			r.Unit, r.PageToken = "units/tay-ho", first.GetNextPageToken()
		}, codes.InvalidArgument, faultpb.Reason_REASON_PAGE_TOKEN_INVALID, "pageToken"},
		{func(r *planningpb.ListCountedFactsRequest) {
			r.AsOf, r.PageToken = "2020-12-01", first.GetNextPageToken()
		}, codes.InvalidArgument, faultpb.Reason_REASON_PAGE_TOKEN_INVALID, "pageToken"},
		{func(r *planningpb.ListCountedFactsRequest) { r.PageToken = "AYJ2c2VudCBiYWNrIGFzIGl0IGlz" }, codes.InvalidArgument, faultpb.Reason_REASON_PAGE_TOKEN_INVALID, "pageToken"},
	} {
		ask := ofYear("ha-noi", "", 1)
		c.change(ask)
		_, err := o.ListCountedFacts(t.Context(), ask)
		wantRefused(t, err, c.code, c.reason, c.field)
	}
}

// INV-LEDGER-FIGURE: over random trees that change, facts that are corrected and withdrawn, periods, days and page sizes,
// the pages of a figure hold the facts that a recount finds, in order, and add up to what GetProgress answers.
func TestCountedFactsAddUpToTheFigure(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := open(t)
		for i, kinds := range [][]string{{"BASE_CELL", "BASE_PARTY_ORGANISATION"}, {"BASE_CELL"}} {
			ask := askIndicator(fmt.Sprintf("i%d", i))
			ask.Indicator.Kinds = kinds
			must(o.CreateIndicator(t.Context(), ask))(t)
		}
		must(o.CreatePeriod(t.Context(), askPeriod("years", "2019-11-15", "2020-06-30", "2020-12-31")))(t)
		must(o.CreatePeriod(t.Context(), askPeriod("2020", "2020-01-01", "2020-11-30", "2020-12-31")))(t)
		o.hears(drawTree(rt)...)
		known := map[string]*planningpb.FactSet{}
		for range rapid.IntRange(1, 3).Draw(rt, "commands") {
			o.replaces(rt, known)
		}
		for range 6 {
			o.compareFacts(rt, known)
		}
	})
}

// The days on which things happen, few, so that they meet.
var someDays = []string{"2019-11-14", "2019-11-15", "2019-12-31", "2020-01-01", "2020-02-03", "2020-02-29", "2020-06-30", "2020-07-01", "2020-11-30", "2020-12-01"}

// drawTree is a city and what hangs below it, with units that move, begin late and close.
func drawTree(t *rapid.T) []*registrypb.Unit {
	units := []*registrypb.Unit{unit("u0", "Thành ủy", "")}
	for i := range rapid.IntRange(1, 12).Draw(t, "units") {
		u := unit(fmt.Sprintf("u%d", i+1), fmt.Sprintf("Đảng ủy %d", i+1), fmt.Sprintf("units/u%d", rapid.IntRange(0, i).Draw(t, "above")))
		if rapid.Bool().Draw(t, "moves") {
			u.Placements = append(u.Placements, placement(fmt.Sprintf("units/u%d", rapid.IntRange(0, i).Draw(t, "then")), rapid.SampledFrom(someDays).Draw(t, "on")))
		}
		if rapid.IntRange(0, 3).Draw(t, "closes") == 0 {
			u.ClosedOn = rapid.SampledFrom(someDays).Draw(t, "closed")
		}
		units = append(units, u)
	}
	return units
}

// replaces takes over some sources' facts in one command, and notes what must be known after it.
func (o *office) replaces(t *rapid.T, known map[string]*planningpb.FactSet) {
	o.follows(func(tx *store.Tx, notes *records.Touched) error {
		for range rapid.IntRange(1, 30).Draw(t, "sets") {
			source := fmt.Sprintf("organisations/%d", rapid.IntRange(0, 40).Draw(t, "source"))
			set := &planningpb.FactSet{Source: source, SourceRevision: known[source].GetSourceRevision() + 1}
			for range rapid.IntRange(0, 3).Draw(t, "facts") {
				set.Facts = append(set.Facts, &planningpb.Fact{
					Measure: rapid.SampledFrom([]planningpb.Measure{
						planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED, planningpb.Measure_MEASURE_MEMBERS_ADMITTED,
					}).Draw(t, "measure"),
					Kind:      rapid.SampledFrom([]string{"BASE_CELL", "BASE_PARTY_ORGANISATION", "GRASSROOTS"}).Draw(t, "kind"),
					Unit:      fmt.Sprintf("units/u%d", rapid.IntRange(0, 13).Draw(t, "unit")),
					LegalDate: rapid.SampledFrom(someDays).Draw(t, "day"), Amount: rapid.Int64Range(1, 300).Draw(t, "amount"),
				})
			}
			known[source] = set
			if err := notes.ReplaceFacts(tx, set); err != nil {
				return err
			}
		}
		return nil
	})
}

// compareFacts asks for a figure and its facts, and holds them against each other and a recount.
func (o *office) compareFacts(t *rapid.T, known map[string]*planningpb.FactSet) {
	o.Helper()
	ask := &planningpb.ListCountedFactsRequest{
		Unit:      fmt.Sprintf("units/u%d", rapid.IntRange(0, 3).Draw(t, "root")),
		Period:    rapid.SampledFrom([]string{"periods/years", "periods/2020"}).Draw(t, "period"),
		Indicator: rapid.SampledFrom([]string{"indicators/i0", "indicators/i1"}).Draw(t, "indicator"),
		AsOf:      rapid.SampledFrom(someDays).Draw(t, "as of"),
		PageSize:  rapid.Int32Range(1, 9).Draw(t, "size"),
	}
	progress, err := o.GetProgress(o.Context(), &planningpb.GetProgressRequest{Unit: ask.GetUnit(), Period: ask.GetPeriod(), AsOf: ask.GetAsOf()})
	if err != nil {
		if _, too := o.ListCountedFacts(o.Context(), ask); too == nil || too.Error() != err.Error() {
			t.Fatalf("the figure is refused with %v, its facts with %v", err, too)
		}
		return
	}
	got, _ := o.counted(t, ask)
	sum, below := int64(0), map[string]bool{}
	for _, f := range got {
		sum += f.GetAmount()
		below[f.GetUnit()] = true
	}
	line := progress.GetIndicators()[slices.Index([]string{"indicators/i0", "indicators/i1"}, ask.GetIndicator())]
	if want := line.GetFigure().GetActualValue(); sum != want {
		t.Fatalf("%v: the facts add up to %d, the figure is %d", ask, sum, want)
	}
	// Which units are below is the figure's business; of each that is, everything in the window is listed, in order.
	in, err := o.GetIndicator(o.Context(), &planningpb.GetIndicatorRequest{Name: ask.GetIndicator()})
	if err != nil {
		t.Fatal(err)
	}
	want := recount(known, in, progress.GetCountedFrom(), progress.GetCountedTo(), below)
	var lines []string
	for _, f := range got {
		lines = append(lines, fmt.Sprint(f.GetLegalDate(), " ", f.GetSource(), " ", f.GetUnit(), " ", f.GetKind(), " ", f.GetAmount()))
	}
	if diff := gocmp.Diff(want, lines); diff != "" {
		t.Fatalf("%v (-recounted +listed):\n%s", ask, diff)
	}
}

func recount(known map[string]*planningpb.FactSet, in *planningpb.Indicator, first, last string, below map[string]bool) (out []string) {
	type line struct {
		source string
		fact   *planningpb.Fact
	}
	var all []line
	for source, set := range known {
		for _, f := range set.GetFacts() {
			if f.GetMeasure() == in.GetMeasure() && slices.Contains(in.GetKinds(), f.GetKind()) && below[f.GetUnit()] && first <= f.GetLegalDate() && f.GetLegalDate() <= last {
				all = append(all, line{source, f})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b line) int {
		return cmp.Or(strings.Compare(a.fact.GetLegalDate(), b.fact.GetLegalDate()), strings.Compare(a.source, b.source))
	})
	for _, l := range all {
		out = append(out, fmt.Sprint(l.fact.GetLegalDate(), " ", l.source, " ", l.fact.GetUnit(), " ", l.fact.GetKind(), " ", l.fact.GetAmount()))
	}
	return out
}

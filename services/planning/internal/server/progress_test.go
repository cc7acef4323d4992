package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func placement(parent, from string) *registrypb.Placement {
	return &registrypb.Placement{Tree: "party", Parent: parent, FromDate: from}
}

func TestProgress(t *testing.T) {
	o := hanoi(t)
	o.founded("units/ha-noi", "2020-01-01", 97)
	o.founded("units/tay-ho", "2020-11-30", 2)
	o.founded("units/ung-hoa", "2020-06-01", 1)
	o.founded("units/ung-hoa", "2020-12-01", 50) // behind the cut-off
	o.founded("units/khong-co", "2020-06-01", 5) // of a unit that is not known
	o.assign("ha-noi", 70)
	o.assign("tay-ho", 6)
	o.assign("ung-hoa", 1)
	got := must(o.GetProgress(t.Context(), &planningpb.GetProgressRequest{Unit: "units/ha-noi", Period: "periods/2020", AsOf: "2020-11-30"}))(t)
	figure := func(id string, actual, assigned int64, percent string, standing planningpb.Standing) *planningpb.Figure {
		return &planningpb.Figure{
			ActualValue: actual, AssignedValue: new(assigned), RegisteredValue: new(assigned), PercentOfTarget: percent,
			Standing: standing, Target: "targets/" + id,
		}
	}
	want := &planningpb.Progress{
		Unit: "units/ha-noi", UnitDisplayName: "Thành ủy Hà Nội", Period: "periods/2020",
		AsOf: "2020-11-30", CountedFrom: "2020-01-01", CountedTo: "2020-11-30",
		Indicators: []*planningpb.IndicatorProgress{{
			Indicator: "indicators/party", DisplayName: "Tổ chức đảng thành lập mới",
			Figure:   figure("ha-noi", 100, 70, "142.86", planningpb.Standing_STANDING_EXCEEDED),
			Sentence: "thành lập được 100/70 tổ chức đảng, đạt 142,86% kế hoạch năm 2020",
			BelowPlan: []*planningpb.UnitFigure{{
				Unit: "units/tay-ho", DisplayName: "Quận ủy Tây Hồ",
				Figure: figure("tay-ho", 2, 6, "33.33", planningpb.Standing_STANDING_MISSED),
			}},
			PlannedUnitCount: 2,
		}},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

func TestProgressAsOf(t *testing.T) {
	o := hanoi(t)
	o.founded("units/tay-ho", "2020-01-01", 1)
	o.founded("units/tay-ho", "2020-06-30", 10)
	o.founded("units/tay-ho", "2020-11-30", 100)
	o.founded("units/tay-ho", "2020-12-01", 1000)
	for asOf, want := range map[string]struct {
		actual    int64
		countedTo string
	}{
		"2020-01-01": {1, "2020-01-01"},
		"2020-06-29": {1, "2020-06-29"},
		"2020-06-30": {11, "2020-06-30"},
		"2020-11-30": {111, "2020-11-30"},
		"2020-12-15": {111, "2020-11-30"},
		"":           {111, "2020-11-30"}, // today is 15 December
	} {
		p := must(o.GetProgress(t.Context(), &planningpb.GetProgressRequest{Unit: "units/ha-noi", Period: "periods/2020", AsOf: asOf}))(t)
		if got := p.GetIndicators()[0].GetFigure().GetActualValue(); got != want.actual || p.GetCountedTo() != want.countedTo {
			t.Errorf("as of %q: %d counted to %s, want %v", asOf, got, p.GetCountedTo(), want)
		}
	}
}

// The tree of the day asked for decides whose result a unit is; a closed unit stays where it was on its last day, so that
// closing it takes nothing away.
func TestProgressOnTheTreeOfTheDay(t *testing.T) {
	o := hanoi(t)
	o.founded("units/tay-ho", "2020-01-15", 1)
	o.founded("units/ung-hoa", "2020-01-15", 10)
	o.founded("units/phuong", "2020-01-15", 100)
	o.hears(
		&registrypb.Unit{Name: "units/phuong", DisplayName: "Đảng ủy phường", ValidFrom: "2020-03-01", Revision: 1, Placements: []*registrypb.Placement{
			placement("units/tay-ho", "2020-03-01"), placement("units/ung-hoa", "2020-09-01"),
			{Tree: "administrative", Parent: "units/ha-noi", FromDate: "2020-03-01"},
		}},
		&registrypb.Unit{
			Name: "units/ung-hoa", DisplayName: "Huyện ủy Ứng Hòa", ValidFrom: "2008-08-01", ClosedOn: "2020-11-15", Revision: 2,
			Placements: []*registrypb.Placement{placement("units/ha-noi", "2008-08-01")},
		},
	)
	for _, c := range []struct {
		unit, asOf, tree string
		want             int64
	}{
		{"units/ha-noi", "2020-02-29", "", 11},
		{"units/ha-noi", "2020-03-01", "", 111},
		{"units/tay-ho", "2020-03-01", "party", 101},
		{"units/tay-ho", "2020-09-01", "party", 1},
		{"units/ung-hoa", "2020-09-01", "party", 110},
		{"units/ha-noi", "2020-12-01", "party", 111},
		{"units/ha-noi", "2020-03-01", "administrative", 100},
		{"units/ung-hoa", "2020-03-01", "administrative", 10}, // has no place in that tree
	} {
		p := must(o.GetProgress(t.Context(), &planningpb.GetProgressRequest{Unit: c.unit, Period: "periods/2020", AsOf: c.asOf, Tree: c.tree}))(t)
		if got := p.GetIndicators()[0].GetFigure().GetActualValue(); got != c.want {
			t.Errorf("%s as of %s in tree %q: %d, want %d", c.unit, c.asOf, c.tree, got, c.want)
		}
	}
}

// An indicator counts what was announced before it was made.
func TestLaterIndicatorCountsEarlierFacts(t *testing.T) {
	o := hanoi(t)
	o.founded("units/tay-ho", "2020-05-19", 3)
	later := askIndicator("all-of-them")
	later.Indicator.Kinds = []string{"TEAM", "BASE_CELL"}
	must(o.CreateIndicator(t.Context(), later))(t)
	if line := o.progress("units/ha-noi", ""); line.GetIndicator() != "indicators/all-of-them" || line.GetFigure().GetActualValue() != 3 {
		t.Errorf("%v", line)
	}
}

// Before its first day nothing is counted in a period, which must not look like a result of zero. Without a day, a period to come
// shows its plan.
func TestProgressBeforeThePeriod(t *testing.T) {
	o := hanoi(t)
	must(o.CreatePeriod(t.Context(), askPeriod("2021", "2021-01-01", "2021-11-30", "2021-12-31")))(t)
	for _, c := range []struct{ period, asOf, says string }{
		{"periods/2020", "2019-12-31", "The reporting period 2020 begins on 2020-01-01, so nothing is counted in it as of 2019-12-31; choose 2020-01-01 or a later day."},
		{"periods/2021", "2020-12-15", "The reporting period 2021 begins on 2021-01-01, so nothing is counted in it as of 2020-12-15; choose 2021-01-01 or a later day."},
	} {
		_, err := o.GetProgress(t.Context(), &planningpb.GetProgressRequest{Unit: "units/ha-noi", Period: c.period, AsOf: c.asOf})
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_PERIOD_NOT_BEGUN, "asOf")
		if got := status.Convert(err).Message(); got != c.says {
			t.Errorf("%q, want %q", got, c.says)
		}
	}
	p := must(o.GetProgress(t.Context(), &planningpb.GetProgressRequest{Unit: "units/ha-noi", Period: "periods/2021"}))(t)
	if len(p.GetIndicators()) != 1 || p.GetIndicators()[0].GetFigure().GetActualValue() != 0 {
		t.Errorf("a period to come: %v", p)
	}
	must(o.CreatePeriod(t.Context(), askPeriod("2007", "2007-01-01", "2007-11-30", "2007-12-31")))(t)
	_, err := o.GetProgress(t.Context(), &planningpb.GetProgressRequest{Unit: "units/tay-ho", Period: "periods/2007"})
	wantRefused(t, err, codes.NotFound, faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "unit") // it begins in 2008
}

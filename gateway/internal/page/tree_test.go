package page

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/fault"
)

func TestBars(t *testing.T) {
	figure := func(percent string) *planningpb.Figure {
		return &planningpb.Figure{ActualValue: 1, AssignedValue: new(int64(3)), PercentOfTarget: percent}
	}
	for _, c := range []struct {
		percents []string
		want     scale
	}{
		{nil, 120}, {[]string{"", "33.33"}, 120}, {[]string{"120.01"}, 140}, {[]string{"142.86", "185.53"}, 200}, {[]string{"900.00"}, 200},
	} {
		var figures []*planningpb.Figure
		for _, p := range c.percents {
			figures = append(figures, figure(p))
		}
		if got := scaleOf(figures...); got != c.want {
			t.Errorf("%v: %d, want %d", c.percents, got, c.want)
		}
	}
	for percent, want := range map[string]bar{
		"0.00": {Width: 0, Plan: 500}, "100.00": {Width: 500, Plan: 500}, "200.00": {Width: 1000, Plan: 500}, "200.01": {Width: 1000, Plan: 500, Over: true},
	} {
		if got := scale(200).view(figure(percent), "").Bar; *got != want {
			t.Errorf("%s: %+v, want %+v", percent, *got, want)
		}
	}
	if v := scale(200).view(figure(""), ""); v.Bar != nil || v.Missing != 2 {
		t.Errorf("without a percentage: %+v", v)
	}
}

func TestLinks(t *testing.T) {
	q := &question{path: factsPath, given: map[string]string{
		unitKey: "tay-ho", asOfKey: "2020-06-30", indicatorKey: "a&b", tokenKey: "y",
	}}
	for got, want := range map[string]string{
		q.link(overviewPath):                          "/?unit=tay-ho&asOf=2020-06-30&indicator=a%26b",
		q.link(factsPath, unitKey, "", tokenKey, "z"): "/facts?asOf=2020-06-30&indicator=a%26b&token=z",
		q.link(unitsPath):                             "/units?unit=tay-ho&asOf=2020-06-30",
		q.Home():                                      "/?asOf=2020-06-30",
		q.Switch(english):                             "/facts?unit=tay-ho&asOf=2020-06-30&indicator=a%26b&token=y&lang=en",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Work side by side ends with the first failure, and a panic is one.
func TestEach(t *testing.T) {
	var sum atomic.Int64
	if err := each(t.Context(), 100, func(_ context.Context, i int) error { sum.Add(int64(i)); return nil }); err != nil || sum.Load() != 4950 {
		t.Errorf("%d, %v", sum.Load(), err)
	}
	broken := errors.New("broken")
	if err := each(t.Context(), 100, func(_ context.Context, i int) error {
		if i == 7 {
			return broken
		}
		return nil
	}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	err := each(t.Context(), 3, func(context.Context, int) error { panic("no") })
	if e := fault.From(err); e.Kind != fault.KindInternal || !strings.Contains(e.Error(), "panic: no") {
		t.Errorf("%v", err)
	}
	if err := each(t.Context(), 0, nil); err != nil {
		t.Errorf("nothing to do: %v", err)
	}
}

package period_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/period"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
)

func of(start, cutOff, end string) *planningpb.Period {
	return &planningpb.Period{DisplayName: "năm 2020", StartDate: start, CutOffDate: cutOff, EndDate: end}
}

// INV-PERIOD-ORDER
func TestDatesAreInOrder(t *testing.T) {
	const order, invalid = faultpb.Reason_REASON_PERIOD_ORDER, faultpb.Reason_REASON_DATE_INVALID
	for _, c := range []struct {
		start, cutOff, end string
		reason             faultpb.Reason
		field              string
	}{
		{"2020-01-01", "2020-11-30", "2020-12-31", 0, ""},
		{"2020-01-01", "2020-12-31", "2020-12-31", 0, ""},
		{"2020-05-01", "2020-05-01", "2020-05-01", 0, ""},
		{"2020-01-01", "2021-01-01", "2020-12-31", order, "cutOffDate"},
		{"2020-01-01", "2019-12-31", "2020-12-31", order, "cutOffDate"},
		{"2020-12-31", "2020-11-30", "2020-01-01", order, "cutOffDate"},
		{"2020-02-30", "2020-11-30", "2020-12-31", invalid, "startDate"},
		{"2020-01-01", "2020-11-31", "2020-12-31", invalid, "cutOffDate"},
		{"2020-01-01", "2020-11-30", "2020-13-01", invalid, "endDate"},
	} {
		p := of(c.start, c.cutOff, c.end)
		_, _, err := period.Create(p, "periods/2020")
		cur := of("2019-01-01", "2019-11-30", "2019-12-31")
		_, _, err2 := period.Update(cur, p)
		for _, err := range []error{err, err2} {
			if c.reason == 0 && err == nil {
				continue
			}
			f := fault.From(err)
			if f == nil || f.Reason != c.reason || f.Field != c.field || f.Kind != fault.KindInvalidArgument {
				t.Errorf("%s … %s … %s: %v, want %s at %q", c.start, c.cutOff, c.end, err, c.reason, c.field)
			}
		}
	}
}

// INV-PERIOD-WINDOW
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := func(label string) civil.Date {
			return civil.FromDays(rapid.Int32Range(18000, 18100).Draw(t, label))
		}
		start, cutOff, asOf, some := day("start"), day("cut-off"), day("as of"), day("any day")
		p := of(start.String(), cutOff.String(), "2999-12-31")
		first, last, err := period.Window(p, asOf)
		if err != nil {
			t.Fatal(err)
		}
		counted := !some.Before(first) && !some.After(last)
		want := !some.Before(start) && !some.After(cutOff) && !some.After(asOf)
		if counted != want {
			t.Fatalf("%s counted as of %s: %v, the period runs from %s to %s", some, asOf, counted, start, cutOff)
		}
	})
}

func TestWindowOfDamagedPeriod(t *testing.T) {
	for _, p := range []*planningpb.Period{of("", "2020-11-30", ""), of("2020-01-01", "x", "")} {
		if _, _, err := period.Window(p, civil.MustParse("2020-11-30")); fault.KindOf(err) != fault.KindInternal || err == nil {
			t.Errorf("%v: %v", p, err)
		}
	}
	if _, err := period.CutOff(of("2020-01-01", "x", "")); err == nil {
		t.Error("a cut-off that is none")
	}
}

func TestSameWindow(t *testing.T) {
	a, b := of("2020-01-01", "2020-11-30", "2020-12-31"), of("2020-01-01", "2020-11-30", "2021-12-31")
	b.DisplayName = "kỳ dài"
	if !period.SameWindow(a, b) || period.SameWindow(a, of("2020-01-01", "2020-11-29", "2020-12-31")) ||
		period.SameWindow(a, of("2020-01-02", "2020-11-30", "2020-12-31")) {
		t.Error("only start and cut-off make the window")
	}
}

func TestUpdateOfNothingIsNoChange(t *testing.T) {
	cur := of("2020-01-01", "2020-11-30", "2020-12-31")
	if got, event, err := period.Update(cur, proto.CloneOf(cur)); got != cur || event != nil || err != nil {
		t.Errorf("%v %v %v", got, event, err)
	}
}

// INV-PERIOD-UNKNOWN-FIELDS
func TestUnknownFieldsSurvive(t *testing.T) {
	newer := protowire.AppendVarint(protowire.AppendTag(nil, 900, protowire.VarintType), 7)
	asked := of("2020-01-01", "2020-11-30", "2020-12-31")
	asked.ProtoReflect().SetUnknown(newer)
	created, _, err := period.Create(asked, "periods/2020")
	if err != nil {
		t.Fatal(err)
	}
	merged := proto.CloneOf(created)
	merged.CutOffDate = "2020-12-31"
	updated, _, err := period.Update(created, merged)
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []*planningpb.Period{created, updated} {
		if string(got.ProtoReflect().GetUnknown()) != string(newer) {
			t.Errorf("lost in %v", got)
		}
	}
}

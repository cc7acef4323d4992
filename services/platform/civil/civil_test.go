package civil_test

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
)

// Every day begins where the day before ends, also on the days on which Viet Nam set its clocks.
func TestStart(t *testing.T) {
	if got, want := civil.Start(civil.MustParse("2020-11-30")), time.Date(2020, 11, 29, 17, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("2020-11-30 begins at %s, want %s", got, want)
	}
	for d := civil.MustParse("1900-01-01"); d.Year() < 2100; d = d.AddDays(1) {
		at := civil.Start(d)
		if civil.Today(at) != d || civil.Today(at.Add(-time.Nanosecond)) != d.AddDays(-1) {
			t.Errorf("%s begins at %s, when it is %s, and before it %s", d, at, civil.Today(at), civil.Today(at.Add(-time.Nanosecond)))
		}
	}
}

func TestMoment(t *testing.T) {
	for moment, want := range map[string]string{
		"2020-11-30T16:59:59.999999999Z": "2020-11-30T23:59:59+07:00",
		"2020-11-30T17:00:00Z":           "2020-12-01T00:00:00+07:00",
		"2020-11-30T12:00:00-05:00":      "2020-12-01T00:00:00+07:00",
	} {
		at, err := time.Parse(time.RFC3339Nano, moment)
		if err != nil {
			t.Fatal(err)
		}
		if got := civil.Moment(at); got != want {
			t.Errorf("%s is written %s, want %s", moment, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		in string
		ok bool
	}{
		{"2020-11-30", true},
		{"1900-01-01", true},
		{"2999-12-31", true},
		{"2020-02-29", true},  // leap year
		{"2000-02-29", true},  // every 400 years
		{"1900-02-29", false}, // not every 100
		{"2021-02-29", false},
		{"2020-02-30", false},
		{"2020-04-31", false},
		{"2020-00-10", false},
		{"2020-13-10", false},
		{"2020-10-00", false},
		{"2020-10-32", false},
		{"1899-12-31", false},
		{"3000-01-01", false},
		{"0000-00-00", false},
		{"", false},
		{"2020-1-30", false},
		{"20-11-30", false},
		{"30/11/2020", false},
		{"2020/11/30", false},
		{"20201130", false},
		{"+020-11-30", false},
		{"2020-+1-30", false},
		{"2020-11--1", false},
		{" 2020-11-30", false},
		{"2020-11-30 ", false},
		{"2020-11-30T00:00:00Z", false},
		{"٢٠٢٠-11-30", false}, // Arabic digits
		{"2020‐11‐30", false}, // typographic hyphens
	} {
		d, err := civil.Parse(tc.in)
		if (err == nil) != tc.ok {
			t.Errorf("Parse(%q) = %v, %v; want ok %v", tc.in, d, err, tc.ok)
		}
		if tc.ok && d.String() != tc.in {
			t.Errorf("Parse(%q) prints as %q", tc.in, d)
		}
		if !tc.ok && !d.IsZero() {
			t.Errorf("Parse(%q) is refused and yet %v", tc.in, d)
		}
	}
}

func TestField(t *testing.T) {
	d, err := civil.Field("organisation.foundedOn", "2020-11-30")
	if err != nil || d != civil.MustParse("2020-11-30") {
		t.Fatalf("Field = %v, %v", d, err)
	}
	_, err = civil.Field("organisation.foundedOn", "2020-02-30")
	e := fault.From(err)
	if e.Kind != fault.KindInvalidArgument || e.Reason != faultpb.Reason_REASON_DATE_INVALID || e.Field != "organisation.foundedOn" {
		t.Errorf("Field refuses with %v %v in %q", e.Kind, e.Reason, e.Field)
	}
	if !strings.Contains(e.Msg, "2020-02-30") || !strings.Contains(e.MsgVi, "2020-02-30") {
		t.Errorf("the texts do not name the value: %q, %q", e.Msg, e.MsgVi)
	}
}

func TestMustParsePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("MustParse accepted what is no day")
		}
	}()
	civil.MustParse("2020-02-30")
}

func TestToday(t *testing.T) {
	for _, tc := range []struct {
		moment string
		want   string
	}{
		{"2020-11-30T16:59:59.999999999Z", "2020-11-30"}, // 23:59 in Viet Nam
		{"2020-11-30T17:00:00Z", "2020-12-01"},           // midnight in Viet Nam
		{"2020-12-01T00:00:00+07:00", "2020-12-01"},
		{"2020-11-30T23:59:59-11:00", "2020-12-01"},
		{"2020-12-31T17:00:00Z", "2021-01-01"},
		{"2020-02-28T17:00:00Z", "2020-02-29"},
		{"1970-01-01T00:00:00Z", "1970-01-01"},
	} {
		at, err := time.Parse(time.RFC3339Nano, tc.moment)
		if err != nil {
			t.Fatal(err)
		}
		if got := civil.Today(at).String(); got != tc.want {
			t.Errorf("at %s it is %s in Viet Nam, want %s", tc.moment, got, tc.want)
		}
	}
}

func TestDisplayVN(t *testing.T) {
	if got := civil.MustParse("2020-11-30").DisplayVN(); got != "30/11/2020" {
		t.Errorf("DisplayVN = %q", got)
	}
	if got := civil.MustParse("2020-01-02").DisplayVN(); got != "02/01/2020" {
		t.Errorf("DisplayVN = %q", got)
	}
}

func TestZero(t *testing.T) {
	var zero civil.Date
	if !zero.IsZero() || zero.String() != "" || zero.DisplayVN() != "" {
		t.Errorf("zero Date: %v %q %q", zero.IsZero(), zero.String(), zero.DisplayVN())
	}
	if !zero.AddDays(1).IsZero() || !zero.AddMonths(1).IsZero() {
		t.Error("no date plus something is a date")
	}
	if first := civil.MustParse("1900-01-01"); !zero.Before(first) || !first.After(zero) || zero.Compare(civil.Date{}) != 0 {
		t.Error("no date does not come before every date")
	}
}

func TestParts(t *testing.T) {
	d := civil.MustParse("2020-11-30")
	if d.Year() != 2020 || d.Month() != time.November || d.Day() != 30 {
		t.Errorf("parts of %v: %d %v %d", d, d.Year(), d.Month(), d.Day())
	}
}

func TestAddMonths(t *testing.T) {
	for _, tc := range []struct {
		from   string
		months int
		want   string
	}{
		{"2020-01-31", 0, "2020-01-31"},
		{"2020-01-31", 1, "2020-02-29"},
		{"2021-01-31", 1, "2021-02-28"},
		{"2020-01-31", 2, "2020-03-31"},
		{"2020-01-31", 3, "2020-04-30"},
		{"2020-11-30", 3, "2021-02-28"},
		{"2020-12-15", 1, "2021-01-15"},
		{"2020-02-29", 12, "2021-02-28"},
		{"2020-02-29", 48, "2024-02-29"},
		{"2020-03-31", -1, "2020-02-29"},
		{"2020-01-15", -1, "2019-12-15"},
		{"2020-01-15", -25, "2017-12-15"},
		{"2025-01-15", 60, "2030-01-15"},
	} {
		if got := civil.MustParse(tc.from).AddMonths(tc.months).String(); got != tc.want {
			t.Errorf("%s plus %d months is %s, want %s", tc.from, tc.months, got, tc.want)
		}
	}
}

func TestDays(t *testing.T) {
	for _, tc := range []struct {
		date string
		want int32
	}{
		{"1970-01-01", 0},
		{"1970-01-02", 1},
		{"1969-12-31", -1},
		{"2000-01-01", 10957},
		{"1900-01-01", -25567},
		{"2999-12-31", 376199},
	} {
		d := civil.MustParse(tc.date)
		if got := d.Days(); got != tc.want {
			t.Errorf("%s is day %d, want %d", tc.date, got, tc.want)
		}
		if back := civil.FromDays(tc.want); back != d {
			t.Errorf("day %d is %v, want %s", tc.want, back, tc.date)
		}
	}
}

// INV-DATE-ROUND-TRIP, INV-DATE-ORDER, over every day a legal date may be, one after another.
func TestEveryDay(t *testing.T) {
	last := civil.MustParse("2999-12-31")
	moment := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	before := civil.Date{}
	count := 0
	for d := civil.MustParse("1900-01-01"); !d.After(last); d = d.AddDays(1) {
		s := moment.Format(time.DateOnly)
		if d.String() != s {
			t.Fatalf("%v, but the time package says %s", d, s)
		}
		if back, err := civil.Parse(s); err != nil || back != d {
			t.Fatalf("%s comes back as %v, %v", s, back, err)
		}
		if civil.FromDays(d.Days()) != d {
			t.Fatalf("%v does not survive Days", d)
		}
		if !before.Before(d) || !d.After(before) || before.String() >= d.String() {
			t.Fatalf("%v does not come after %v", d, before)
		}
		before, moment = d, moment.AddDate(0, 0, 1)
		count++
	}
	if want := 401767; count != want {
		t.Errorf("%d days, want %d", count, want)
	}
}

func anyDate(t *rapid.T, label string) civil.Date {
	first, last := civil.MustParse("1900-01-01").Days(), civil.MustParse("2999-12-31").Days()
	return civil.FromDays(rapid.Int32Range(first, last).Draw(t, label))
}

// INV-DATE-ORDER.
func TestOrderProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDate(t, "a"), anyDate(t, "b")
		want := cmp.Compare(a.Days(), b.Days())
		if a.Compare(b) != want || b.Compare(a) != -want || strings.Compare(a.String(), b.String()) != want {
			t.Fatalf("%v and %v: %d, %d, want %d", a, b, a.Compare(b), b.Compare(a), want)
		}
		if a.Before(b) != (want < 0) || a.After(b) != (want > 0) || (a == b) != (want == 0) {
			t.Fatalf("%v and %v: before %v, after %v", a, b, a.Before(b), a.After(b))
		}
	})
}

func TestArithmeticProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDate(t, "d")
		days := rapid.IntRange(-100_000, 100_000).Draw(t, "days")
		if got := d.AddDays(days); got.Days() != d.Days()+int32(days) || got.AddDays(-days) != d {
			t.Fatalf("%v plus %d days is %v", d, days, got)
		}
		months := rapid.IntRange(-1200, 1200).Draw(t, "months")
		got := d.AddMonths(months)
		index := func(d civil.Date) int { return d.Year()*12 + int(d.Month()) }
		if index(got) != index(d)+months {
			t.Fatalf("%v plus %d months is %v, in another month", d, months, got)
		}
		lastOfMonth := got.AddDays(1).Month() != got.Month()
		if got.Day() != d.Day() && (got.Day() > d.Day() || !lastOfMonth) {
			t.Fatalf("%v plus %d months is %v, not clamped to the month's end", d, months, got)
		}
	})
}

func TestTodayProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Since 13 June 1975 Viet Nam has kept UTC+7 all year.
		at := time.Unix(rapid.Int64Range(200_000_000, 4_000_000_000).Draw(t, "unix"), 0)
		want := at.UTC().Add(7 * time.Hour).Format(time.DateOnly)
		if got := civil.Today(at).String(); got != want {
			t.Fatalf("at %v it is %s, want %s", at, got, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"2020-11-30", "2020-02-30", "1900-02-29", "", "30/11/2020", "2020-1-1", "-020-11-30"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := civil.Parse(s)
		moment, timeErr := time.Parse(time.DateOnly, s)
		want := timeErr == nil && len(s) == 10 && moment.Year() >= 1900 && moment.Year() <= 2999
		if (err == nil) != want {
			t.Fatalf("Parse(%q) = %v, %v; the time package says %v, %v", s, d, err, moment, timeErr)
		}
		if err == nil && (d.String() != s || civil.FromDays(d.Days()) != d) {
			t.Fatalf("%q does not survive: %v, %d", s, d, d.Days())
		}
	})
}

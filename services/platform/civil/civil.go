// Package civil knows legal dates: days of the Gregorian calendar without hour or zone, as a decision or a register
// carries them. It is the only place that turns a moment into a day, and does so in Asia/Ho_Chi_Minh. It knows nothing
// of working days or holidays.
//
// INV-DATE-ROUND-TRIP: every day of 1900-01-01 to 2999-12-31 survives String and Parse, and Days and FromDays.
// INV-DATE-ORDER: dates compare as their strings and as their day numbers do.
package civil

import (
	"cmp"
	"fmt"
	"time"
	_ "time/tzdata" // the zone is known on machines without a zone database

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
)

// The years a legal date may have.
const (
	minYear = 1900
	maxYear = 2999
)

const secondsPerDay = 24 * 60 * 60

// Date is a day of the calendar. It is a comparable value and may be a map key. The zero Date is no day: it stands for
// "no date", comes before every day and prints as "". All other values made by this package are real days; arithmetic
// may leave the years 1900-2999, which Parse does not accept.
type Date struct {
	year  int
	month time.Month
	day   int
}

// of returns the given day, or an error if the calendar has no such day or its year is outside 1900-2999.
func of(year int, month time.Month, day int) (Date, error) {
	t := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if year < minYear || year > maxYear || t.Year() != year || t.Month() != month || t.Day() != day {
		return Date{}, fmt.Errorf("%04d-%02d-%02d is not a day of the years %d-%d", year, int(month), day, minYear, maxYear)
	}
	return fromTime(t), nil
}

// Parse reads a day written strictly as YYYY-MM-DD, years 1900-2999. The error is plain; use Field for what a caller
// sent.
func Parse(s string) (Date, error) {
	if len(s) != len("2006-01-02") || s[4] != '-' || s[7] != '-' {
		return Date{}, fmt.Errorf("%q is not written YYYY-MM-DD", s)
	}
	year, okYear := digits(s[:4])
	month, okMonth := digits(s[5:7])
	day, okDay := digits(s[8:])
	if !okYear || !okMonth || !okDay {
		return Date{}, fmt.Errorf("%q is not written YYYY-MM-DD", s)
	}
	return of(year, time.Month(month), day)
}

func digits(s string) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// Field reads the day in a request's field. Errors: InvalidArgument DATE_INVALID naming the field and the text.
func Field(field, s string) (Date, error) {
	d, err := Parse(s)
	if err != nil {
		return Date{}, fault.InvalidArgument(faultpb.Reason_REASON_DATE_INVALID, field, "value", s).With(err)
	}
	return d, nil
}

// MustParse is Parse for dates written in the program itself; it panics if s is no day.
func MustParse(s string) Date {
	d, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return d
}

// zone is Asia/Ho_Chi_Minh. It cannot be missing: the zone database is part of the program.
var zone = func() *time.Location {
	loc, err := time.LoadLocation("Asia/Ho_Chi_Minh")
	if err != nil {
		panic(err)
	}
	return loc
}()

// Today returns the day it is at the moment at in Asia/Ho_Chi_Minh, whatever the zone of at or of the machine.
func Today(at time.Time) Date {
	return fromTime(at.In(zone))
}

// Moment writes a moment for people and for what is kept on paper, to the second, as it is in Asia/Ho_Chi_Minh:
// `2026-11-22T15:50:00+07:00` (RFC 3339).
func Moment(at time.Time) string {
	return at.In(zone).Format(time.RFC3339)
}

// Start returns the first moment of the day in Asia/Ho_Chi_Minh: when a date becomes due. Of the zero Date it is
// meaningless.
func Start(d Date) time.Time {
	at := time.Date(d.year, d.month, d.day, 0, 0, 0, 0, zone).UTC()
	for _, shift := range []time.Duration{-time.Hour, time.Hour} { // midnight struck twice, or never, when clocks were set
		if first := at.Add(shift); Today(first) == d && Today(first.Add(-time.Nanosecond)) != d {
			return first
		}
	}
	return at
}

func fromTime(t time.Time) Date {
	year, month, day := t.Date()
	return Date{year: year, month: month, day: day}
}

// midnight places the day in UTC, where every day has the same length; it is no moment in Viet Nam.
func (d Date) midnight() time.Time {
	return time.Date(d.year, d.month, d.day, 0, 0, 0, 0, time.UTC)
}

// IsZero reports whether d is no day.
func (d Date) IsZero() bool { return d == Date{} }

// Year returns the year.
func (d Date) Year() int { return d.year }

// Month returns the month.
func (d Date) Month() time.Month { return d.month }

// Day returns the day of the month.
func (d Date) Day() int { return d.day }

// String returns YYYY-MM-DD, the form of the API and of keys; "" for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.midnight().Format(time.DateOnly)
}

// DisplayVN returns DD/MM/YYYY, as Vietnamese offices write it; "" for the zero Date.
func (d Date) DisplayVN() string {
	if d.IsZero() {
		return ""
	}
	return d.midnight().Format("02/01/2006")
}

// Compare returns -1, 0 or +1 as d is before, the same as or after other. The zero Date is before every day.
func (d Date) Compare(other Date) int {
	return cmp.Or(cmp.Compare(d.year, other.year), cmp.Compare(d.month, other.month), cmp.Compare(d.day, other.day))
}

// Before reports whether d is an earlier day than other.
func (d Date) Before(other Date) bool { return d.Compare(other) < 0 }

// After reports whether d is a later day than other.
func (d Date) After(other Date) bool { return d.Compare(other) > 0 }

// AddDays returns the day n days later (earlier if n is negative). The zero Date stays zero.
func (d Date) AddDays(n int) Date {
	if d.IsZero() {
		return d
	}
	return fromTime(d.midnight().AddDate(0, 0, n))
}

// AddMonths returns the same day n months later (earlier if n is negative), or the last day of that month when it has
// no such day: 2020-01-31 plus one month is 2020-02-29. The zero Date stays zero.
func (d Date) AddMonths(n int) Date {
	if d.IsZero() {
		return d
	}
	first := time.Date(d.year, d.month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1)
	return fromTime(first.AddDate(0, 0, min(d.day, last.Day())-1))
}

// Days returns the number of days since 1970-01-01, negative before it; for keys and counters. Of the zero Date it is
// meaningless.
func (d Date) Days() int32 {
	return int32(d.midnight().Unix() / secondsPerDay) //nolint:gosec // 32 bits hold the days of five million years
}

// FromDays is the reverse of Days.
func FromDays(days int32) Date {
	return fromTime(time.Unix(int64(days)*secondsPerDay, 0).UTC())
}

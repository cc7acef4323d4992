package grant_test

import (
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/registry/internal/grant"
)

const (
	name = "grants/g1"
	lan  = "principals/lan"
	minh = "principals/minh"
	none = faultpb.Reason_REASON_UNSPECIFIED
)

// at is a moment of 2020 in Hà Nội.
func at(moment string) *timestamppb.Timestamp {
	t, err := time.Parse("2006-01-02 15:04 -0700", moment+" +0700")
	if err != nil {
		panic(err)
	}
	return timestamppb.New(t)
}

var now = at("2020-11-30 15:00").AsTime()

func asked(change ...func(*registrypb.Grant)) *registrypb.Grant {
	g := &registrypb.Grant{Principal: lan, Role: accesspb.Role_ROLE_CLERK, Unit: "units/tay-ho", Reason: "phân công", Document: "1-QĐ/QU"}
	for _, f := range change {
		f(g)
	}
	return g
}

// lasting sets from when to when; "": not set.
func lasting(from, until string) func(*registrypb.Grant) {
	return func(g *registrypb.Grant) {
		if g.StartTime = nil; from != "" {
			g.StartTime = at(from)
		}
		if g.EndTime = nil; until != "" {
			g.EndTime = at(until)
		}
	}
}

// administrator is one of the whole installation.
func administrator(id string, change ...func(*registrypb.Grant)) *registrypb.Grant {
	g := asked(append([]func(*registrypb.Grant){lasting("2020-01-01 08:00", "")}, change...)...)
	g.Name, g.Role, g.Unit = "grants/"+id, accesspb.Role_ROLE_ADMINISTRATOR, ""
	return g
}

// recorded is a grant that began on 1 January 2020.
func recorded(change ...func(*registrypb.Grant)) *registrypb.Grant {
	g := asked(append([]func(*registrypb.Grant){lasting("2020-01-01 08:00", "")}, change...)...)
	g.Name = name
	return g
}

// wantRefused complains unless err is this refusal, said in both languages; none: unless there is no error.
func wantRefused(t testing.TB, err error, reason faultpb.Reason, field string) {
	t.Helper()
	if reason == none {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	e := fault.From(err)
	if e == nil || e.Reason != reason || e.Field != field {
		t.Fatalf("refused with %+v, want %v of %q", err, reason, field)
	}
	if e.Msg == "" || e.MsgVi == "" || e.Msg == e.MsgVi || strings.Contains(e.Msg+e.MsgVi, "(not given)") || strings.Contains(e.MsgVi, "(không có)") {
		t.Errorf("texts: %q, %q", e.Msg, e.MsgVi)
	}
}

func TestGive(t *testing.T) {
	open, closes := &registrypb.Unit{Name: "units/tay-ho"}, &registrypb.Unit{Name: "units/tay-ho", ClosedOn: "2020-12-01"}
	everywhere := func(g *registrypb.Grant) { g.Unit = "" }
	for _, tc := range []struct {
		name        string
		asked       *registrypb.Grant
		unit        *registrypb.Unit
		from, until string
		refused     faultpb.Reason
		field       string
	}{
		{"from now on", asked(), open, "2020-11-30 15:00", "", none, ""},
		{"from then to then", asked(lasting("2020-12-01 00:00", "2020-12-02 00:00")), open, "2020-12-01 00:00", "2020-12-02 00:00", none, ""},
		{"for a while", asked(lasting("", "2020-11-30 15:01")), open, "2020-11-30 15:00", "2020-11-30 15:01", none, ""},
		{"since long ago", asked(lasting("2000-01-01 00:00", "")), open, "2000-01-01 00:00", "", none, ""},
		{"everywhere", asked(everywhere), nil, "2020-11-30 15:00", "", none, ""},
		{"until its start", asked(lasting("2020-12-01 00:00", "2020-12-01 00:00")), open, "", "", faultpb.Reason_REASON_GRANT_SPAN, "endTime"},
		{"until before its start", asked(lasting("2020-12-02 00:00", "2020-12-01 00:00")), open, "", "", faultpb.Reason_REASON_GRANT_SPAN, "endTime"},
		{"that has ended", asked(lasting("2020-01-01 00:00", "2020-11-30 15:00")), open, "", "", faultpb.Reason_REASON_GRANT_SPAN, "endTime"},
		{"in no known unit", asked(), nil, "", "", faultpb.Reason_REASON_UNIT_UNKNOWN, "unit"},
		{"before the unit closes", asked(), closes, "2020-11-30 15:00", "", none, ""},
		{"when the unit has closed, by the day in Việt Nam", asked(lasting("2020-12-01 00:00", "")), closes, "", "", faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "unit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.asked.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 900, protowire.VarintType), 7))
			got, event, err := grant.Give(tc.asked, name, tc.unit, now)
			wantRefused(t, err, tc.refused, tc.field)
			if tc.refused != none {
				return
			}
			want := proto.CloneOf(tc.asked)
			lasting(tc.from, tc.until)(want)
			want.Name = name
			if event == nil || !proto.Equal(got, want) {
				t.Errorf("%v, %v; want %v", got, event, want)
			}
		})
	}
}

func TestDelegate(t *testing.T) {
	for _, tc := range []struct {
		name        string
		cur         *registrypb.Grant
		to          string
		from, until string
		begins      string
		refused     faultpb.Reason
		field       string

		substitutes, substitutions int
	}{
		{"from now on", recorded(), minh, "", "2020-12-31 17:00", "2020-11-30 15:00", none, "", 0, 0},
		{"as long as the grant itself", recorded(lasting("2020-01-01 08:00", "2020-12-31 17:00")), minh, "", "2020-12-31 17:00", "2020-11-30 15:00", none, "", 0, 0},
		{"from when the grant begins", recorded(lasting("2020-12-10 08:00", "")), minh, "", "2020-12-31 17:00", "2020-12-10 08:00", none, "", 0, 0},
		{"a year, leap day included", recorded(), minh, "2020-12-01 00:00", "2021-12-02 00:00", "2020-12-01 00:00", none, "", 0, 0},
		{"a minute more", recorded(), minh, "2020-12-01 00:00", "2021-12-02 00:01", "", faultpb.Reason_REASON_SUBSTITUTION_TOO_LONG, "endTime", 0, 0},
		{"to oneself", recorded(), lan, "", "2020-12-31 17:00", "", faultpb.Reason_REASON_GRANT_TO_ONESELF, "principal", 0, 0},
		{"longer than the grant", recorded(lasting("2020-01-01 08:00", "2020-12-31 17:00")), minh, "", "2020-12-31 17:01", "", faultpb.Reason_REASON_GRANT_ENDS_BEFORE, "endTime", 0, 0},
		{"until it begins", recorded(), minh, "2020-12-01 00:00", "2020-12-01 00:00", "", faultpb.Reason_REASON_GRANT_SPAN, "endTime", 0, 0},
		{"until before the grant begins", recorded(lasting("2020-12-10 08:00", "")), minh, "", "2020-12-09 08:00", "", faultpb.Reason_REASON_GRANT_SPAN, "endTime", 0, 0},
		{"until now", recorded(), minh, "2020-11-01 00:00", "2020-11-30 15:00", "", faultpb.Reason_REASON_GRANT_SPAN, "endTime", 0, 0},
		{"of one that has ended", recorded(lasting("2020-01-01 08:00", "2020-11-30 15:00")), minh, "", "2020-12-31 17:00", "", faultpb.Reason_REASON_GRANT_ENDED, "name", 0, 0},
		{"of a substitute's", recorded(func(g *registrypb.Grant) { g.SubstituteFor = "grants/g0" }), minh, "", "2020-12-31 17:00", "", faultpb.Reason_REASON_GRANT_OF_SUBSTITUTE, "name", 0, 0},
		{"of a grant with four substitutes, to one who stands in by nineteen", recorded(), minh, "", "2020-12-31 17:00", "2020-11-30 15:00", none, "", 4, 19},
		{"of a grant with five", recorded(), minh, "", "2020-12-31 17:00", "", faultpb.Reason_REASON_TOO_MANY_SUBSTITUTES, "name", 5, 0},
		{"to one who stands in by twenty", recorded(), minh, "", "2020-12-31 17:00", "", faultpb.Reason_REASON_TOO_MANY_SUBSTITUTIONS, "principal", 0, 20},
	} {
		t.Run(tc.name, func(t *testing.T) {
			span := asked(lasting(tc.from, tc.until))
			cmd := &registrypb.DelegateGrantRequest{
				Name: name, Principal: tc.to, StartTime: span.GetStartTime(), EndTime: span.GetEndTime(), Reason: "đi học", Document: "2-QĐ/QU",
			}
			has := grant.Substitutes{Of: of(make([]*registrypb.Grant, tc.substitutes)...), By: of(make([]*registrypb.Grant, tc.substitutions)...)}
			got, event, err := grant.Delegate(tc.cur, cmd, "grants/g2", has, now)
			wantRefused(t, err, tc.refused, tc.field)
			if tc.refused != none {
				return
			}
			want := &registrypb.Grant{
				Name: "grants/g2", Principal: minh, Role: tc.cur.GetRole(), Unit: tc.cur.GetUnit(), StartTime: at(tc.begins), EndTime: at(tc.until),
				Reason: "đi học", Document: "2-QĐ/QU", SubstituteFor: name, OnBehalfOf: lan,
			}
			if event == nil || !proto.Equal(got, want) {
				t.Errorf("%v, %v; want %v", got, event, want)
			}
		})
	}
}

// Moments in refusals are written as offices here read them.
func TestRefusalsNameMomentsOfVietNam(t *testing.T) {
	cur := recorded(lasting("2020-01-01 08:00", "2020-12-31 17:00"))
	delegate := func(cur *registrypb.Grant, until string, now time.Time) error {
		cmd := &registrypb.DelegateGrantRequest{Name: name, Principal: minh, EndTime: at(until), Reason: "đi học"}
		_, _, err := grant.Delegate(cur, cmd, "grants/g2", grant.Substitutes{Of: of(), By: of()}, now)
		return err
	}
	for _, tc := range []struct {
		err  error
		want map[string]string
	}{
		{delegate(cur, "2020-11-30 15:00", now), map[string]string{"value": "2020-11-30T15:00:00+07:00", "from": "2020-11-30T15:00:00+07:00"}},
		{delegate(cur, "2021-01-31 17:00", now), map[string]string{"value": "2021-01-31T17:00:00+07:00", "current": "2020-12-31T17:00:00+07:00"}},
		{delegate(recorded(), "2022-01-31 17:00", now), map[string]string{"value": "2022-01-31T17:00:00+07:00"}},
		{delegate(cur, "2021-01-31 17:00", at("2021-01-01 00:00").AsTime()), map[string]string{"current": "2020-12-31T17:00:00+07:00"}},
	} {
		f := fault.From(tc.err)
		for param, want := range tc.want {
			if got := f.Params[param]; got != want {
				t.Errorf("%v: %s is %s, want %s", f.Reason, param, got, want)
			}
		}
	}
}

// A substitute's grant is shown with the end of the one it rests on, where that comes first.
func TestResting(t *testing.T) {
	for _, tc := range []struct{ name, from, until, ended, wantFrom, want, reason string }{
		{"on one without end", "2020-01-01 08:00", "2020-12-31 17:00", "", "2020-01-01 08:00", "2020-12-31 17:00", ""},
		{"on one that ends with it", "2020-01-01 08:00", "2020-12-31 17:00", "2020-12-31 17:00", "2020-01-01 08:00", "2020-12-31 17:00", ""},
		{"on one that ended before", "2020-01-01 08:00", "2020-12-31 17:00", "2020-11-30 15:00", "2020-01-01 08:00", "2020-11-30 15:00", "thôi việc"},
		{"on one that ended before it began", "2020-12-01 08:00", "2020-12-31 17:00", "2020-11-30 15:00", "2020-11-30 15:00", "2020-11-30 15:00", "thôi việc"},
		{"on one that ended after it", "2020-01-01 08:00", "2020-11-01 17:00", "2020-11-30 15:00", "2020-01-01 08:00", "2020-11-01 17:00", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := recorded(lasting(tc.from, tc.until))
			before := proto.CloneOf(g)
			got := grant.Resting(g, recorded(lasting("2020-01-01 08:00", tc.ended), func(g *registrypb.Grant) { g.EndReason = "thôi việc" }))
			want := recorded(lasting(tc.wantFrom, tc.want), func(g *registrypb.Grant) { g.EndReason = tc.reason })
			if !proto.Equal(got, want) || !proto.Equal(g, before) {
				t.Errorf("%v, want %v; of %v", got, want, g)
			}
		})
	}
}

// of are grants to be walked.
func of(all ...*registrypb.Grant) iter.Seq2[*registrypb.Grant, error] {
	return func(yield func(*registrypb.Grant, error) bool) {
		for _, g := range all {
			if !yield(g, nil) {
				return
			}
		}
	}
}

func TestEnd(t *testing.T) {
	first := administrator("first")
	substitute := func(g *registrypb.Grant) { g.SubstituteFor = "grants/first" }
	for _, tc := range []struct {
		name    string
		cur     *registrypb.Grant
		others  []*registrypb.Grant
		refused faultpb.Reason
	}{
		{"an ordinary one", recorded(), nil, none},
		{"one that would end by itself", recorded(lasting("2020-01-01 08:00", "2020-11-30 15:01")), nil, none},
		{"one to come", recorded(lasting("2020-12-01 00:00", "")), nil, none},
		{"one that has ended", recorded(lasting("2020-01-01 08:00", "2020-11-30 15:00")), nil, faultpb.Reason_REASON_GRANT_ENDED},
		{"the last administrator", first, nil, faultpb.Reason_REASON_LAST_ADMINISTRATOR},
		{"one of two administrators", first, []*registrypb.Grant{administrator("second")}, none},
		{"beside one whose grant ends", first, []*registrypb.Grant{administrator("second", lasting("2020-01-01 08:00", "2030-01-01 08:00"))}, faultpb.Reason_REASON_LAST_ADMINISTRATOR},
		{"beside one to come", first, []*registrypb.Grant{administrator("second", lasting("2020-12-01 08:00", ""))}, faultpb.Reason_REASON_LAST_ADMINISTRATOR},
		{"beside a substitute", first, []*registrypb.Grant{administrator("second", substitute)}, faultpb.Reason_REASON_LAST_ADMINISTRATOR},
		{"beside an auditor of the whole", first, []*registrypb.Grant{administrator("second", func(g *registrypb.Grant) { g.Role = accesspb.Role_ROLE_AUDITOR })}, none},
		{"an administrator of a unit", recorded(func(g *registrypb.Grant) { g.Role = accesspb.Role_ROLE_ADMINISTRATOR }), nil, none},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, event, err := grant.End(tc.cur, "thôi việc", of(append(tc.others, tc.cur)...), now)
			wantRefused(t, err, tc.refused, map[bool]string{true: "name"}[tc.refused != none])
			if tc.refused != none {
				return
			}
			want := proto.CloneOf(tc.cur)
			want.EndTime, want.EndReason = timestamppb.New(now), "thôi việc"
			if want.GetStartTime().AsTime().After(now) {
				want.StartTime = want.GetEndTime()
			}
			if event == nil || !proto.Equal(got, want) {
				t.Errorf("%v, %v; want %v", got, event, want)
			}
		})
	}
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	broken := errors.New("the page is torn")
	torn := func(yield func(*registrypb.Grant, error) bool) { yield(nil, broken) }
	cmd := &registrypb.DelegateGrantRequest{Name: name, Principal: minh, EndTime: at("2020-12-31 17:00"), Reason: "đi học"}
	for _, has := range []grant.Substitutes{{Of: torn, By: of()}, {Of: of(), By: torn}} {
		if _, _, err := grant.Delegate(recorded(), cmd, "grants/g2", has, now); !errors.Is(err, broken) {
			t.Errorf("refused with %v", err)
		}
	}
	_, _, err := grant.End(administrator("first"), "x", torn, now)
	if !errors.Is(err, broken) {
		t.Errorf("refused with %v", err)
	}
}

// INV-GRANT-ENDS: whatever is asked, a substitute's grant begins no earlier and ends no later than the one it stands in for,
// and within a year.
func TestASubstituteStandsInNoLonger(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		hours := func(label string) *timestamppb.Timestamp {
			n := rapid.IntRange(-10000, 20000).Draw(rt, label)
			return timestamppb.New(now.Add(time.Duration(n) * time.Hour))
		}
		cur := recorded()
		cur.StartTime = hours("start")
		if rapid.Bool().Draw(rt, "ends") {
			cur.EndTime = hours("end")
		}
		cmd := &registrypb.DelegateGrantRequest{Name: name, Principal: minh, EndTime: hours("until"), Reason: "đi học"}
		if rapid.Bool().Draw(rt, "begins") {
			cmd.StartTime = hours("from")
		}
		next, _, err := grant.Delegate(cur, cmd, "grants/g2", grant.Substitutes{Of: of(), By: of()}, now)
		if err != nil {
			return
		}
		from, until := next.GetStartTime().AsTime(), next.GetEndTime().AsTime()
		switch {
		case from.Before(cur.GetStartTime().AsTime()), cur.GetEndTime() != nil && until.After(cur.GetEndTime().AsTime()):
			rt.Fatalf("%v stands in for %v", next, cur)
		case !until.After(from) || until.Sub(from) > 366*24*time.Hour || !until.After(now):
			rt.Fatalf("it lasts from %s to %s", from, until)
		}
	})
}

// INV-GRANT-ADMINISTRATOR: in whatever order grants of administrators are ended, somebody keeps one that does not end.
func TestSomebodyAlwaysAdministers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := []*registrypb.Grant{administrator("first")}
		for range rapid.IntRange(0, 5).Draw(rt, "more") {
			until := rapid.SampledFrom([]string{"", "", "2020-12-01 00:00", "2020-11-01 00:00"}).Draw(rt, "until")
			from := rapid.SampledFrom([]string{"2020-01-01 08:00", "2021-01-01 08:00"}).Draw(rt, "from")
			all = append(all, administrator("g"+string(rune('a'+len(all))), lasting(from, until)))
		}
		for len(all) > 0 && rapid.Bool().Draw(rt, "end one") {
			i := rapid.IntRange(0, len(all)-1).Draw(rt, "which")
			next, _, err := grant.End(all[i], "thôi việc", of(all...), now)
			if err != nil {
				continue
			}
			all[i] = next
			if _, _, err := grant.End(next, "again", of(all...), now); fault.ReasonOf(err) != faultpb.Reason_REASON_GRANT_ENDED {
				rt.Fatalf("ended twice: %v", err)
			}
		}
		for _, g := range all {
			if g.GetEndTime() == nil && !g.GetStartTime().AsTime().After(now) {
				return
			}
		}
		rt.Fatalf("nobody administers: %v", all)
	})
}

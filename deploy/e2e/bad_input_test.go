package e2e

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const goodIntake = `{"unit":"units/tay-ho","kind":"INTAKE_KIND_PARTY_MEMBER","admittedOn":"2020-05-05","memberCount":"5","ownerCount":"1"}`

// borough is a town with one record of every noun but nominations, and a ward below the district.
func borough(t *testing.T, start func(testing.TB, string) *server) *server {
	t.Helper()
	s := town(t, start)
	var seen []string
	for _, c := range [][2]string{
		{"/v1/units?unitId=phu-thuong", `{"displayName":"Đảng ủy phường Phú Thượng","level":"WARD_COMMITTEE","validFrom":"2010-01-01","placements":[{"tree":"party","parent":"units/tay-ho","fromDate":"2010-01-01"}]}`},
		{"/v1/intakes?intakeId=dot-1", goodIntake},
		{"/v1/indicators?indicatorId=cells", `{"displayName":"Chi bộ","measure":"MEASURE_ORGANISATIONS_FOUNDED","kinds":["BASE_CELL"],"comparator":"COMPARATOR_AT_LEAST","resultVerb":"thành lập được","countedNoun":"chi bộ"}`},
		{"/v1/periods?periodId=2020", `{"displayName":"năm 2020","kind":"PERIOD_KIND_CALENDAR_YEAR","startDate":"2020-01-01","endDate":"2020-12-31","cutOffDate":"2020-11-30"}`},
		{"/v1/targets?targetId=tay-ho", `{"unit":"units/tay-ho","indicator":"indicators/cells","period":"periods/2020"}`},
	} {
		var header []string
		if len(seen) > 0 {
			header = []string{"Coso-Position", strings.Join(seen, ",")}
		}
		a := s.call(t, "POST", c[0], c[1], header...)
		if a.code != 200 {
			t.Fatalf("POST %s: %s", c[0], a.raw)
		}
		seen = append(slices.DeleteFunc(seen, func(p string) bool { return strings.Split(p, ":")[0] == strings.Split(a.pos, ":")[0] }), a.pos)
	}
	if a := s.assign(t, "tay-ho", `{"assignedValue":"5","assignedDecision":"1-QĐ/TU"}`); a.code != 200 {
		t.Fatal(a.raw)
	}
	return s
}

// in runs coso on a folder of the test's choice.
func in(dir string, start func(testing.TB, string) *server) func(testing.TB, string) *server {
	return func(t testing.TB, _ string) *server {
		t.Helper()
		return start(t, dir)
	}
}

// world is all that a client can read: every record of every noun, and where each service's journal stands.
func (s *server) world(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{
		"/v1/units?anyDay=true&", "/v1/enterprises?", "/v1/organisations?", "/v1/organisations?state=ORGANISATION_STATE_WITHDRAWN&", "/v1/intakes?",
		"/v1/indicators?", "/v1/periods?", "/v1/targets?", "/v1/nominations?",
	} {
		a := s.call(t, "GET", path+"pageSize=500", "")
		if a.code != 200 || a.body["nextPageToken"] != nil && a.body["nextPageToken"] != "" {
			t.Fatalf("GET %s: %d %s", path, a.code, a.raw)
		}
		var plain bytes.Buffer // each program puts its own spaces into JSON
		if err := json.Compact(&plain, []byte(a.raw)); err != nil {
			t.Fatal(err)
		}
		all.WriteString(path + " " + a.pos + " " + plain.String() + "\n")
	}
	return all.String()
}

// unchanged holds what a client can read against what it read before.
func (s *server) unchanged(t testing.TB, before string) {
	t.Helper()
	if after := s.world(t); after != before {
		t.Fatalf("something changed:\n%s", cmp.Diff(strings.Split(before, "\n"), strings.Split(after, "\n")))
	}
}

// mustRefuse holds an answer to a code, a reason and a text in each language.
func mustRefuse(t testing.TB, a answer, code int, reason string) {
	t.Helper()
	got, vi, en := reasonAndTexts(a)
	if a.code != code || got != reason {
		t.Errorf("%d %s, want %d %s\n%.600s", a.code, got, code, reason, a.raw)
	}
	if vi == "" || en == "" || vi == en {
		t.Errorf("texts %q and %q", vi, en)
	}
}

// bad is a request that must be refused.
type bad struct {
	name, method, path, body string
	code                     int
	reason                   string
}

// What is wrong in itself is refused by name in both languages, wherever it is met, and changes nothing.
func TestBadInput(t *testing.T) {
	everyWay(t, func(t *testing.T, start func(testing.TB, string) *server) {
		t.Helper()
		s := borough(t, start)
		before := s.world(t)
		for _, c := range slices.Concat(badTrees(), badCounts(), badBytes(), badValues(), badTokens(t, s), badPaths()) {
			t.Run(c.name, func(t *testing.T) {
				mustRefuse(t, s.call(t, c.method, c.path, c.body), c.code, c.reason)
				s.unchanged(t, before)
			})
		}
		t.Run("headers", func(t *testing.T) { badHeaders(t, s, before) })
		t.Run("frames", func(t *testing.T) { badFrames(t, s, before) })
	})
}

func badTrees() []bad {
	self := `{"displayName":"Vòng","level":"WARD_COMMITTEE","validFrom":"2010-01-01","placements":[{"tree":"party","parent":"units/vong","fromDate":"2010-01-01"}]}`
	return []bad{
		{"a circle of two", "POST", "/v1/units/tay-ho:reparent", `{"parent":"units/phu-thuong","fromDate":"2021-01-01"}`, 400, "UNIT_CYCLE"},
		{"a circle of three", "POST", "/v1/units/ha-noi:reparent", `{"parent":"units/phu-thuong","fromDate":"2021-01-01"}`, 400, "UNIT_CYCLE"},
		{"a unit below itself", "POST", "/v1/units/tay-ho:reparent", `{"parent":"units/tay-ho","fromDate":"2021-01-01"}`, 400, "UNIT_CYCLE"},
		{"a new unit below itself", "POST", "/v1/units?unitId=vong", self, 400, "UNIT_CYCLE"},
		{"organisation before its unit", "POST", "/v1/organisations", replace(goodOrganisation, "2020-05-05", "2008-07-31"), 400, "UNIT_NOT_IN_FORCE"},
		{"organisation before its ward", "POST", "/v1/organisations", replace(replace(goodOrganisation, "2020-05-05", "2009-12-31"), "units/tay-ho", "units/phu-thuong"), 400, "UNIT_NOT_IN_FORCE"},
		{"intake before its unit", "POST", "/v1/intakes", replace(goodIntake, "2020-05-05", "2008-07-31"), 400, "UNIT_NOT_IN_FORCE"},
		{
			"one of a batch before its unit", "POST", "/v1/organisations:batchCreate",
			`{"requests":[{"organisation":` + goodOrganisation + `},{"organisation":` + replace(goodOrganisation, "2020-05-05", "2008-07-31") + `}]}`, 400, "UNIT_NOT_IN_FORCE",
		},
		{"a unit closed before it was", "POST", "/v1/units/phu-thuong:close", `{"closedOn":"2009-12-31"}`, 400, "CLOSED_BEFORE_VALID"},
	}
}

func badCounts() []bad {
	counted := func(count string) string { return replace(goodIntake, `"memberCount":"5"`, `"memberCount":`+count) }
	cases := []bad{
		{"negative number of owners", "POST", "/v1/intakes", replace(goodIntake, `"1"`, "-1"), 400, "FIELD_RANGE"},
		{"negative target", "POST", "/v1/targets/tay-ho:assign", `{"assignedValue":-1,"assignedDecision":"2-QĐ/TU"}`, 400, "FIELD_RANGE"},
		{"negative page", "GET", "/v1/units?pageSize=-1", "", 400, "FIELD_RANGE"},
		{"more owners than members", "POST", "/v1/intakes", replace(goodIntake, `"1"`, "6"), 400, "OWNERS_ABOVE_TOTAL"},
		{"more owners than members by a correction", "PATCH", "/v1/intakes/dot-1?updateMask=ownerCount", `{"ownerCount":6}`, 400, "OWNERS_ABOVE_TOTAL"},
		{"fewer members than owners by a correction", "PATCH", "/v1/intakes/dot-1?updateMask=memberCount,ownerCount", `{"memberCount":2,"ownerCount":3}`, 400, "OWNERS_ABOVE_TOTAL"},
		{
			"one of a batch with more owners than members", "POST", "/v1/intakes:batchCreate",
			`{"requests":[{"intake":` + goodIntake + `},{"intake":` + replace(goodIntake, `"1"`, "6") + `}]}`, 400, "OWNERS_ABOVE_TOTAL",
		},
	}
	for count, reason := range map[string]string{
		"-1": "FIELD_RANGE", `"-5"`: "FIELD_RANGE", "0": "FIELD_RANGE", "10000001": "FIELD_RANGE", `"9223372036854775807"`: "FIELD_RANGE", `"-9223372036854775808"`: "FIELD_RANGE",
		"9223372036854775807": "FIELD_RANGE", "1e7000": "BODY_INVALID",
		`"9223372036854775808"`: "BODY_INVALID", `"-9223372036854775809"`: "BODY_INVALID", "9223372036854775808": "BODY_INVALID", `"` + strings.Repeat("9", 5000) + `"`: "BODY_INVALID",
		"NaN": "BODY_SYNTAX", `"NaN"`: "BODY_INVALID", "Infinity": "BODY_SYNTAX", `"Infinity"`: "BODY_INVALID", "-Infinity": "BODY_SYNTAX", `"-Infinity"`: "BODY_INVALID",
		"1e999": "BODY_INVALID", "-1e999": "BODY_INVALID", `"1e999"`: "BODY_INVALID", "1e-999": "BODY_INVALID", "1e2147483648": "BODY_INVALID",
		"1.5": "BODY_INVALID", `"0x10"`: "BODY_INVALID", `" 5"`: "BODY_INVALID", `"5 "`: "BODY_INVALID", `""`: "BODY_INVALID", `"٥"`: "BODY_INVALID", "05": "BODY_SYNTAX", "+5": "BODY_SYNTAX",
		"true": "BODY_INVALID", "[5]": "BODY_INVALID", `{"value":5}`: "BODY_INVALID",
	} {
		cases = append(cases, bad{"count " + count[:min(len(count), 30)], "POST", "/v1/intakes", counted(count), 400, reason})
	}
	return cases
}

func badBytes() []bad {
	named := func(name string) string { return replace(goodEnterprise, "Công ty Thử Nghiệm", name) }
	deep := func(open, inside, end string) string {
		return strings.Repeat(open, 10_000) + inside + strings.Repeat(end, 10_000)
	}
	cases := []bad{
		{"1 MiB and a byte", "POST", "/v1/enterprises", named(strings.Repeat("a", 1<<20+1-len(named("")))), 413, "TOO_LARGE"},
		{"1 MiB of one name", "POST", "/v1/enterprises", named(strings.Repeat("a", 1<<20-len(named("")))), 400, "FIELD_LENGTH"},
		{"1 MiB and a byte of spaces", "POST", "/v1/enterprises", goodEnterprise + strings.Repeat(" ", 1<<20+1-len(goodEnterprise)), 413, "TOO_LARGE"},
		{"half a record in UTF-16", "POST", "/v1/enterprises", "\xff\xfe{\x00}\x00", 400, "BODY_SYNTAX"},
		{"broken UTF-8 in a key", "POST", "/v1/enterprises", replace(goodEnterprise, "displayName", "displayName\xff"), 400, "BODY_FIELD_UNKNOWN"},
		{"broken UTF-8 in a query", "GET", "/v1/units?query=%ff%fe", "", 400, "QUERY_PARAMETER_INVALID"},
		{"NUL in a query", "GET", "/v1/units?query=a%00b", "", 400, "TEXT_INVALID"},
		{"NUL in a name of a query", "GET", "/v1/units?query%00=a", "", 400, "QUERY_PARAMETER_UNKNOWN"},
		{"NUL in an id", "POST", "/v1/enterprises?enterpriseId=a%00b", named("Công ty Khác"), 400, "TEXT_INVALID"},
		{"NUL, escaped", "POST", "/v1/enterprises", named(`a\u0000b`), 400, "TEXT_INVALID"},
		{"NUL behind the record", "POST", "/v1/enterprises", goodEnterprise + "\x00", 400, "BODY_SYNTAX"},
		{"10,000 lists deep", "POST", "/v1/enterprises", deep("[", "", "]"), 400, "BODY_INVALID"},
		{"10,000 objects deep", "POST", "/v1/enterprises", deep(`{"a":`, "1", "}"), 400, "BODY_FIELD_UNKNOWN"},
		{"10,000 objects deep in a field", "POST", "/v1/enterprises", replace(goodEnterprise, `"Công ty Thử Nghiệm"`, deep(`{"displayName":`, "1", "}")), 400, "BODY_SYNTAX"},
		{"10,000 lists deep, not closed", "POST", "/v1/enterprises", strings.Repeat("[", 10_000), 400, "BODY_SYNTAX"},
		{"NUL as it is", "POST", "/v1/enterprises", named("Công ty \x00 Khác"), 400, "BODY_SYNTAX"},
		{"10,000 lists deep where a list belongs", "POST", "/v1/units", `{"placements":` + deep("[", "", "]") + "}", 400, "BODY_SYNTAX"},
	}
	for name, broken := range map[string]string{
		"a byte that begins nothing": "\xff", "a cut letter": "\xe1\xbb", "an overlong slash": "\xc0\xaf", "half a surrogate": "\xed\xa0\x80",
		"half a surrogate, escaped": `\ud800`, "beyond Unicode": "\xf4\x90\x80\x80", "an overlong NUL": "\xc0\x80",
	} {
		cases = append(cases, bad{name, "POST", "/v1/enterprises", named("Công ty " + broken + " Khác"), 400, "BODY_INVALID"})
	}
	return cases
}

func badValues() []bad {
	kind := func(k string) string { return replace(goodOrganisation, `"ORGANISATION_KIND_BASE_CELL"`, k) }
	cases := []bad{
		{"an unknown kind by name", "POST", "/v1/organisations", kind(`"ORGANISATION_KIND_CLUB_OF_CLUBS"`), 400, "ENUM_UNKNOWN"},
		{"an unknown kind by number", "POST", "/v1/organisations", kind("7777"), 400, "ENUM_UNKNOWN"},
		{"a negative kind", "POST", "/v1/organisations", kind("-1"), 400, "ENUM_UNKNOWN"},
		{"a kind beyond 32 bits", "POST", "/v1/organisations", kind("4294967297"), 400, "BODY_INVALID"},
		{"a kind in small letters", "POST", "/v1/organisations", kind(`"organisation_kind_base_cell"`), 400, "ENUM_UNKNOWN"},
		{"no kind", "POST", "/v1/organisations", kind(`"ORGANISATION_KIND_UNSPECIFIED"`), 400, "FIELD_REQUIRED"},
		{"an unknown kind in a query", "GET", "/v1/organisations?kinds=KHONG_CO", "", 400, "QUERY_PARAMETER_INVALID"},
		{"an unknown kind in a query by number", "GET", "/v1/organisations?kinds=7777", "", 400, "QUERY_PARAMETER_INVALID"},
		{"an unknown state in a query", "GET", "/v1/nominations?state=99", "", 400, "QUERY_PARAMETER_INVALID"},
		{"as of no day", "GET", "/v1/units?asOf=2021-02-29", "", 400, "DATE_INVALID"},
		{"progress as of no day", "GET", "/v1/units/tay-ho/progress?period=periods/2020&asOf=2021-02-29", "", 400, "DATE_INVALID"},
		{"a unit closed on no day", "POST", "/v1/units/phu-thuong:close", `{"closedOn":"2021-02-29"}`, 400, "DATE_INVALID"},
		{"a unit moved on no day", "POST", "/v1/units/phu-thuong:reparent", `{"parent":"units/ha-noi","fromDate":"2021-02-29"}`, 400, "DATE_INVALID"},
		{"an organisation dissolved on no day", "POST", "/v1/organisations/thu-nghiem:dissolve", `{"dissolvedOn":"2021-02-29","dissolutionDecision":"2-QĐ/TU"}`, 400, "DATE_INVALID"},
		{"an intake on no day", "POST", "/v1/intakes", replace(goodIntake, "2020-05-05", "2021-02-29"), 400, "DATE_INVALID"},
		{"a period to no day", "POST", "/v1/periods?periodId=2021", `{"displayName":"năm 2021","kind":"PERIOD_KIND_CALENDAR_YEAR","startDate":"2021-01-01","endDate":"2021-12-31","cutOffDate":"2021-02-29"}`, 400, "DATE_INVALID"},
	}
	for _, date := range []string{
		"2021-02-29", "1900-02-29", "2021-13-01", "2021-00-10", "2021-04-31", "0000-01-01",
		"2021-2-9", "29/02/2020", "2020-05-05T00:00:00Z", "２０２０-05-05", "2020-05-05 ", "12020-05-05",
	} {
		cases = append(cases, bad{"founded on " + date, "POST", "/v1/organisations", replace(goodOrganisation, "2020-05-05", date), 400, "DATE_INVALID"})
	}
	return cases
}

// badTokens are page tokens that were made for something else, or by nobody.
func badTokens(t *testing.T, s *server) []bad {
	t.Helper()
	token := func(path string) string {
		got, _ := s.call(t, "GET", path, "").body["nextPageToken"].(string)
		if got == "" {
			t.Fatalf("%s has no second page", path)
		}
		return got
	}
	units, history := token("/v1/units?pageSize=1"), token("/v1/targets/tay-ho:history?pageSize=1")
	if a := s.call(t, "GET", "/v1/units?pageSize=2&pageToken="+units, ""); a.code != 200 {
		t.Errorf("another size of page is no other query: %s", a.raw)
	}
	flipped := []byte(units)
	flipped[len(flipped)/2] ^= 1
	var cases []bad
	for name, path := range map[string]string{
		"of another list":              "/v1/organisations?pageToken=" + units,
		"of another service's list":    "/v1/intakes?pageToken=" + units,
		"of another filter":            "/v1/units?parent=units/ha-noi&pageToken=" + units,
		"of another day":               "/v1/units?asOf=2020-01-01&pageToken=" + units,
		"of another search":            "/v1/units?query=ha&pageToken=" + units,
		"of a history":                 "/v1/targets?pageToken=" + history,
		"of a list for a history":      "/v1/units/tay-ho:history?pageToken=" + units,
		"of another record's history":  "/v1/periods/2020:history?pageToken=" + history,
		"with a flipped bit":           "/v1/units?pageToken=" + string(flipped),
		"cut short":                    "/v1/units?pageToken=" + units[:len(units)-4],
		"with something behind":        "/v1/units?pageToken=" + units + "AAAA",
		"that is no token":             "/v1/units?pageToken=xin-chao",
		"that is a name of a resource": "/v1/units?pageToken=units/tay-ho",
	} {
		cases = append(cases, bad{"page token " + name, "GET", path, "", 400, "PAGE_TOKEN_INVALID"})
	}
	return append(cases, bad{"page token too long", "GET", "/v1/units?pageToken=" + strings.Repeat("A", 1025), "", 400, "FIELD_LENGTH"})
}

// badPaths are ways to name one thing and mean another. Each is tried with the method that would change something.
func badPaths() []bad {
	var cases []bad
	for _, path := range []string{
		"/v1/units/../organisations/thu-nghiem:withdraw", "/v1/organisations/thu-nghiem/../thu-nghiem:withdraw", "/v1/./organisations/thu-nghiem:withdraw",
		"//v1/organisations/thu-nghiem:withdraw", "/v1//organisations/thu-nghiem:withdraw", "/v1/organisations/%2e%2e/organisations/thu-nghiem:withdraw",
		"/v1/organisations%2fthu-nghiem:withdraw", "/v1/organisations%2Fthu-nghiem:withdraw", "/v1/organisations%252fthu-nghiem:withdraw",
		"/v1/organisations/thu-nghiem%3Awithdraw", "/v1/organisations/thu-nghiem:withdraw%00", "/v1/organisations/thu-nghiem%00:withdraw", "/v1/organisations/%00",
		"/v1/organisations/thu-nghiem:withdraw%0d%0aX-A:b", "/v1/organisations/thu-nghiem%5c:withdraw", "/v1/organisations/th%75-nghiem:withdraw",
		"/v1/organisations/thu-nghiem;x=y:withdraw", "/healthz/../v1/organisations/thu-nghiem:withdraw",
	} {
		cases = append(cases, bad{"path " + path, "POST", path, `{"reason":"nhập nhầm"}`, 400, "PATH_INVALID"})
	}
	for _, path := range []string{
		"/v1/organisations/thu-nghiem:withdraw/", "/v1/organisations/thu-nghiem:withdraw:withdraw", "/v1/organisations/organisations/thu-nghiem:withdraw", "/V1/organisations/thu-nghiem:withdraw",
		"/coso.registry.v1.OrganisationService/WithdrawOrganisation",
	} {
		cases = append(cases, bad{"path " + path, "POST", path, `{"reason":"nhập nhầm"}`, 404, "METHOD_UNKNOWN"})
	}
	return append(cases,
		bad{"another name in the body", "POST", "/v1/organisations/thu-nghiem:withdraw", `{"name":"organisations/khac","reason":"nhập nhầm"}`, 400, "BODY_INVALID"},
		bad{"an id that climbs", "POST", "/v1/enterprises?enterpriseId=..%2f..%2fetc", goodEnterprise, 400, "FIELD_FORMAT"},
		bad{"a parent that climbs", "POST", "/v1/units/phu-thuong:reparent", `{"parent":"units/../units/ha-noi","fromDate":"2021-01-01"}`, 400, "FIELD_FORMAT"},
	)
}

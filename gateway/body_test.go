package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	registrypb "coso/proto/gen/coso/registry/v1"
)

func TestBodyReachesTheServiceWhole(t *testing.T) {
	g := newGate(t)
	var rows []string
	for i := range 500 {
		rows = append(rows, fmt.Sprintf(`{"organisationId":"o-%d","organisation":{"displayName":"Chi bộ Công ty TNHH số %d","unit":"units/tay-ho","founded_on":"2020-11-30"}}`, i, i))
	}
	res := g.do(t, ask{method: "POST", target: "/v1/organisations:batchCreate", body: `{"requests":[` + strings.Join(rows, ",") + `],"requestId":"r-1"}`})
	calls := g.taken()
	if res.code != http.StatusOK || len(calls) != 1 {
		t.Fatalf("%d: %s", res.code, res.body)
	}
	got, ok := calls[0].request.(*registrypb.BatchCreateOrganisationsRequest)
	if !ok || len(got.GetRequests()) != 500 || got.GetRequestId() != "r-1" {
		t.Fatalf("request %T of %d", calls[0].request, len(got.GetRequests()))
	}
	last := got.GetRequests()[499]
	if last.GetOrganisationId() != "o-499" || last.GetOrganisation().GetDisplayName() != "Chi bộ Công ty TNHH số 499" || last.GetOrganisation().GetFoundedOn() != "2020-11-30" {
		t.Errorf("last %v", last)
	}
}

func TestBodyLimit(t *testing.T) {
	g := newGate(t)
	body := func(size int) string {
		frame := `{"displayName":""}`
		return strings.Replace(frame, `""`, `"`+strings.Repeat("a", size-len(frame))+`"`, 1)
	}
	if res := g.do(t, ask{method: "POST", target: "/v1/units", body: body(1 << 20)}); res.code != http.StatusOK {
		t.Errorf("1 MiB: %d", res.code)
	}
	res := g.do(t, ask{method: "POST", target: "/v1/units", body: body(1<<20 + 1)})
	if got := refused(t, res); got.http != http.StatusRequestEntityTooLarge || got.reason != "TOO_LARGE" || res.header.Get("Connection") != "close" {
		t.Errorf("1 MiB and a byte: %d %s %v", got.http, got.reason, res.header)
	}
	if n := len(g.taken()); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// INV-TRANSCODE-NOTHING-IGNORED
func TestBadBodies(t *testing.T) {
	g := newGate(t)
	for name, c := range map[string]struct{ body, reason, field, value, says string }{
		"deep nesting":              {strings.Repeat("[", 100_000), "BODY_SYNTAX", "", "", "line 1, column 10001"},
		"deep nesting, well formed": {strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000), "BODY_INVALID", "unit", "", "write a JSON object"},
		"deep nesting in a field":   {`{"displayName":` + strings.Repeat(`{"a":`, 5_000) + "1" + strings.Repeat("}", 5_001), "BODY_INVALID", "unit.displayName", "", `write a text like "Tây Hồ"`},
		"deeper than JSON allows":   {strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), "BODY_SYNTAX", "", "", ""},
		"both spellings":            {`{"displayName":"a","display_name":"b"}`, "BODY_INVALID", "unit.display_name", `"b"`, "write it once only"},
		"case":                      {`{"DisplayName":"a"}`, "BODY_FIELD_UNKNOWN", "unit.DisplayName", `"a"`, "use displayName, or leave it out"},
		"nothing near":              {`{"khongCo":"a"}`, "BODY_FIELD_UNKNOWN", "unit.khongCo", `"a"`, "use one of the names name / displayName / level / validFrom"},
		"extension":                 {`{"[coso.x]":1}`, "BODY_FIELD_UNKNOWN", "unit.[coso.x]", "1", ""},
		"escaped key":               {`{"\u0064isplayNam":"a"}`, "BODY_FIELD_UNKNOWN", "unit.displayNam", `"a"`, "use displayName"},
		"lone surrogate":            {`{"displayName":"\ud800"}`, "BODY_INVALID", "unit.displayName", `"\ud800"`, "write it in UTF-8"},
		"not UTF-8":                 {"{\"displayName\":\"\xff\"}", "BODY_INVALID", "unit.displayName", "\"\ufffd\"", "write it in UTF-8"},
		"BOM":                       {"\ufeff{}", "BODY_SYNTAX", "", `"` + "\\ufeff" + `{}"`, "line 1, column 1,"},
		"comment":                   {"{}\n// end", "BODY_SYNTAX", "", `"{}\n// end"`, "line 2, column 1,"},
		"column in characters":      {"{\n \"displayName\": \"Tây Hồ\",\n \"ố\": x}", "BODY_SYNTAX", "", "", "line 3, column 7,"},
		"cut":                       {`{"displayName":"a`, "BODY_SYNTAX", "", `"layName\":\"a"`, "line 1, column 17,"},
		"a list for a text":         {`{"displayName":["a"]}`, "BODY_INVALID", "unit.displayName", `["a"]`, `write a text like "Tây Hồ"`},
		"a text for a list":         {`{"placements":"a"}`, "BODY_INVALID", "unit.placements", `"a"`, "write a JSON list"},
		"list element":              {`{"placements":[{"tree":"party"},{"tree":1}]}`, "BODY_INVALID", "unit.placements[1].tree", "1", `write a text like "party"`},
		"list element, unknown":     {`{"placements":[{"tree":"party"},{"fromDat":"2020-11-30"}]}`, "BODY_FIELD_UNKNOWN", "unit.placements[1].fromDat", "", "use fromDate"},
		"list element, no object":   {`{"placements":[{"tree":"party"},7]}`, "BODY_INVALID", "unit.placements[1]", "7", "write a JSON object"},
		"a moment":                  {`{"createTime":"hôm qua"}`, "BODY_INVALID", "unit.createTime", `"hôm qua"`, "write a moment like 2020-11-30T08:00:00Z"},
		"null":                      {`null`, "BODY_INVALID", "unit", "null", "write a JSON object"},
		"long key":                  {`{"` + strings.Repeat("ố", 2000) + `":1}`, "BODY_FIELD_UNKNOWN", "unit." + strings.Repeat("ố", 100) + "…", "", ""},
	} {
		got := refused(t, g.do(t, ask{method: "POST", target: "/v1/units", body: c.body}))
		if got.http != http.StatusBadRequest || got.reason != c.reason || got.field != c.field {
			t.Errorf("%s: %d %s field %q, want %s of %q", name, got.http, got.reason, got.field, c.reason, c.field)
		}
		if c.value != "" && got.metadata["value"] != c.value {
			t.Errorf("%s: value %q, want %q", name, got.metadata["value"], c.value)
		}
		if !strings.Contains(got.en, c.says) {
			t.Errorf("%s: %q does not say %q", name, got.en, c.says)
		}
	}
	if n := len(g.taken()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestContentTypes(t *testing.T) {
	g := newGate(t)
	for kind, ok := range map[string]bool{
		"application/json": true, "application/json; charset=utf-8": true, "Application/JSON;charset=UTF-8": true,
		"application/json; charset=utf-16": false, "application/json; x=y": false, "text/plain": false, "application/grpc": false,
		"application/json, text/plain": false, "application/jsonx": false, "*": false,
	} {
		res := g.do(t, ask{method: "POST", target: "/v1/units", body: "{}", header: http.Header{"Content-Type": {kind}}})
		if (res.code == http.StatusOK) != ok {
			t.Errorf("%q: %d", kind, res.code)
		}
		if !ok && refused(t, res).http != http.StatusUnsupportedMediaType {
			t.Errorf("%q: %d", kind, res.code)
		}
	}
	two := http.Header{"Content-Type": {"application/json", "text/plain"}}
	if got := refused(t, g.do(t, ask{method: "POST", target: "/v1/units", body: "{}", header: two})); got.reason != "CONTENT_TYPE" {
		t.Errorf("two types: %s", got.reason)
	}
}

// The mask comes from updateMask only, in JSON names; without it the service decides.
func TestUpdateMask(t *testing.T) {
	g := newGate(t)
	for query, want := range map[string]string{
		"":            "none",
		"?updateMask": "none", "?updateMask=": "none",
		"?updateMask=displayName":                         "display_name",
		"?updateMask=displayName,foundedOn&requestId=r-1": "display_name,founded_on",
		"?updateMask=displayName%2Cunit.x":                "display_name,unit.x",
	} {
		res := g.do(t, ask{method: "PATCH", target: "/v1/organisations/a" + query, body: `{"displayName":"Chi bộ","unit":"units/tay-ho"}`})
		calls := g.taken()
		if res.code != http.StatusOK || len(calls) != 1 {
			t.Errorf("%s: %d: %s", query, res.code, res.body)
			continue
		}
		req, ok := calls[0].request.(*registrypb.UpdateOrganisationRequest)
		got := "none"
		if req.GetUpdateMask() != nil {
			got = strings.Join(req.GetUpdateMask().GetPaths(), ",")
		}
		if !ok || got != want || req.GetOrganisation().GetName() != "organisations/a" {
			t.Errorf("%s: mask %q, want %q, of %v", query, got, want, req)
		}
	}
	for _, query := range []string{"display_name", "displayName,", "*", "displayName&updateMask=unit", "%22", "a%00"} {
		got := refused(t, g.do(t, ask{method: "PATCH", target: "/v1/organisations/a?updateMask=" + query, body: `{}`}))
		if got.reason != "QUERY_PARAMETER_INVALID" || got.field != "updateMask" {
			t.Errorf("%s: %s %q", query, got.reason, got.field)
		}
	}
	if n := len(g.taken()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestQueryValues(t *testing.T) {
	g := newGate(t)
	res := g.do(t, ask{method: "GET", target: "/v1/organisations?kinds=ORGANISATION_KIND_YOUTH_CLUB&kinds=ORGANISATION_KIND_TEAM&pageSize=500&query=C%C3%B4ng+ty&asOf="})
	calls := g.taken()
	if res.code != http.StatusOK || len(calls) != 1 {
		t.Fatalf("%d: %s", res.code, res.body)
	}
	req, ok := calls[0].request.(*registrypb.ListOrganisationsRequest)
	if !ok || len(req.GetKinds()) != 2 || req.GetPageSize() != 500 || req.GetQuery() != "Công ty" {
		t.Errorf("request %v", calls[0].request)
	}
	many := "?khongCo0=1"
	for i := range 60 {
		many += fmt.Sprintf("&khongCo%d=1", i)
	}
	club := "?kinds=ORGANISATION_KIND_CELL&kinds=CLB"
	long := "?" + strings.Repeat("a", 5000) + "=1"
	const unknown, invalid = "QUERY_PARAMETER_UNKNOWN", "QUERY_PARAMETER_INVALID"
	for query, want := range map[string]struct{ reason, says string }{
		"?pageSize=":             {invalid, "write a whole number like 25, of 9 digits at most"},
		"?pageSize=1.0":          {invalid, "the value 1.0 of pageSize"},
		"?pageSize=99999999999":  {invalid, "of 9 digits at most"},
		"?pageSize=1&pageSize=1": {invalid, "the value 1, 1 of pageSize cannot be read; write it once only"},
		"?kinds=7777":            {invalid, "one of the values BASE_PARTY_ORGANISATION / BASE_CELL / CELL / SECTIONAL_PARTY_ORGANISATION / PARTY_GROUP / BASE_TRADE_UNION … (the API"},
		"?state=MO":              {invalid, "one of the values ACTIVE / "},
		"?query=%ff":             {invalid, "write it in UTF-8"},
		"?query=%zz":             {invalid, "write special characters"},
		"?query=a;unit=b":        {invalid, "write special characters"},
		"?kinds[0]=1":            {unknown, "use one of the names pageSize / pageToken / unit / "},
		"?=1":                    {unknown, ""},
		"?.=1":                   {unknown, ""},
		"?unit.name=x":           {unknown, ""},
		"?kinds.x=1":             {unknown, "use kinds, or leave it out"},
		"?Unit=x":                {unknown, "use unit, or leave it out"},
		"?as_of=x":               {unknown, "use asOf, or leave it out"},
		"?pageSize%00=1":         {unknown, "use pageSize, or leave it out"},

		club: {invalid, "the value CLB of kinds"},
		many: {invalid, "write 50 at most"},
		long: {unknown, ""},
	} {
		got := refused(t, g.do(t, ask{method: "GET", target: "/v1/organisations" + query}))
		if got.http != http.StatusBadRequest || got.reason != want.reason || len(got.field) > 400 {
			t.Errorf("%.60s: %d %s %q, want %s", query, got.http, got.reason, got.field, want.reason)
		}
		if !strings.Contains(got.en, want.says) {
			t.Errorf("%.60s: %q does not say %q", query, got.en, want.says)
		}
	}
	got := refused(t, g.do(t, ask{method: "GET", target: "/v1/periods/2020?asOf=2020-11-30"}))
	if got.reason != unknown || !strings.Contains(got.en, "use the address without parameters") {
		t.Errorf("a method without parameters: %s %q", got.reason, got.en)
	}
	if n := len(g.taken()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// One vocabulary: a word that sheets and indicators use bare is the one that answers have in full, in body and query.
func TestBareWords(t *testing.T) {
	g := newGate(t)
	for _, word := range []string{"TEAM", "ORGANISATION_KIND_TEAM"} {
		res := g.do(t, ask{method: "POST", target: "/v1/organisations", body: `{"displayName":"Tổ A","kind":"` + word + `"}`})
		calls := g.taken()
		if res.code != http.StatusOK || len(calls) != 1 {
			t.Fatalf("%s: %d: %s", word, res.code, res.body)
		}
		req, ok := calls[0].request.(*registrypb.CreateOrganisationRequest)
		if !ok || req.GetOrganisation().GetKind() != registrypb.OrganisationKind_ORGANISATION_KIND_TEAM || req.GetOrganisation().GetDisplayName() != "Tổ A" {
			t.Errorf("%s: %v", word, calls[0].request)
		}
	}
	batch := `{"requests":[{"organisation":{"kind":"CELL"}},{"organisation":{"kind":"TEAM"}}]}`
	if res := g.do(t, ask{method: "POST", target: "/v1/organisations:batchCreate", body: batch}); res.code != http.StatusOK {
		t.Errorf("in a list: %d %s", res.code, res.body)
	}
	g.taken()
	if res := g.do(t, ask{method: "GET", target: "/v1/organisations?kinds=TEAM&kinds=ORGANISATION_KIND_CELL&state=ACTIVE"}); res.code != http.StatusOK {
		t.Fatalf("in a query: %d %s", res.code, res.body)
	}
	if req, ok := g.taken()[0].request.(*registrypb.ListOrganisationsRequest); !ok || len(req.GetKinds()) != 2 ||
		req.GetKinds()[0] != registrypb.OrganisationKind_ORGANISATION_KIND_TEAM || req.GetState() != registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE {
		t.Errorf("in a query: %v", req)
	}
}

// A word that does not exist is answered with those that are nearly it, and few.
func TestUnknownWords(t *testing.T) {
	g := newGate(t)
	for word, says := range map[string]string{
		"TEEM": "write TEAM if that is meant.", "ORGANISATION_KIND_TEEM": "write TEAM if that is meant.",
		"CAU_LAC_BO": "/ BASE_TRADE_UNION … (the API documentation lists all).", "UNSPECIFIED": "", "": "",
	} {
		inBody := refused(t, g.do(t, ask{method: "POST", target: "/v1/organisations", body: `{"kind":"` + word + `"}`}))
		inQuery := refused(t, g.do(t, ask{method: "GET", target: "/v1/organisations?kinds=" + word}))
		for _, got := range []refusal{inBody, inQuery} {
			if got.http != http.StatusBadRequest || !strings.Contains(got.en, says) || len(got.en) > 300 {
				t.Errorf("%q: %d %q", word, got.http, got.en)
			}
		}
	}
	if n := len(g.taken()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

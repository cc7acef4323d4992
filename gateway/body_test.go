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
	for name, c := range map[string]struct{ body, field, value string }{
		"deep nesting":              {strings.Repeat("[", 100_000), "", ""},
		"deep nesting, well formed": {strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000), "unit", ""},
		"deep nesting in a field":   {`{"displayName":` + strings.Repeat(`{"a":`, 5_000) + "1" + strings.Repeat("}", 5_001), "unit.displayName", ""},
		"deeper than JSON allows":   {strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), "", ""},
		"both spellings":            {`{"displayName":"a","display_name":"b"}`, "unit.display_name", `"display_name": "b"`},
		"case":                      {`{"DisplayName":"a"}`, "unit.DisplayName", `"DisplayName": "a"`},
		"extension":                 {`{"[coso.x]":1}`, "unit.[coso.x]", `"[coso.x]": 1`},
		"escaped key":               {`{"\u0064isplayNam":"a"}`, "unit.displayNam", `"displayNam": "a"`},
		"lone surrogate":            {`{"displayName":"\ud800"}`, "unit.displayName", `"displayName": "\ud800"`},
		"not UTF-8":                 {"{\"displayName\":\"\xff\"}", "unit.displayName", "\"displayName\": \"\ufffd\""},
		"BOM":                       {"\ufeff{}", "", `1:1 "` + "\\ufeff" + `{}"`},
		"comment":                   {"{}\n// end", "", `2:1 "// end"`},
		"cut":                       {`{"displayName":"a`, "", ""},
		"a list for a text":         {`{"displayName":["a"]}`, "unit.displayName", `"displayName": ["a"]`},
		"list element":              {`{"placements":[{"tree":"party"},{"tree":1}]}`, "unit.placements[1].tree", `"tree": 1`},
		"list element, no object":   {`{"placements":[{"tree":"party"},7]}`, "unit.placements[1]", `"placements": 7`},
		"long key":                  {`{"` + strings.Repeat("ố", 2000) + `":1}`, "unit." + strings.Repeat("ố", 100) + "…", ""},
	} {
		got := refused(t, g.do(t, ask{method: "POST", target: "/v1/units", body: c.body}))
		if got.http != http.StatusBadRequest || got.reason != "BODY_INVALID" || got.field != c.field {
			t.Errorf("%s: %d %s field %q, want %q", name, got.http, got.reason, got.field, c.field)
		}
		if c.value != "" && got.metadata["value"] != c.value {
			t.Errorf("%s: value %q, want %q", name, got.metadata["value"], c.value)
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
	for _, query := range []string{
		"?pageSize=", "?pageSize=1.0", "?pageSize=99999999999", "?pageSize=1&pageSize=1", "?kinds=7777", "?kinds[0]=1", "?query=%ff", "?query=%zz",
		"?query=a;unit=b", "?=1", "?.=1", "?unit.name=x", "?kinds.x=1", "?Unit=x", "?pageSize%00=1", many, "?" + strings.Repeat("a", 5000) + "=1",
	} {
		got := refused(t, g.do(t, ask{method: "GET", target: "/v1/organisations" + query}))
		if got.http != http.StatusBadRequest || got.reason != "QUERY_PARAMETER_INVALID" || len(got.field) > 400 {
			t.Errorf("%.60s: %d %s %q", query, got.http, got.reason, got.field)
		}
	}
	if n := len(g.taken()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

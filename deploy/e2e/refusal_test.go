package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// reasonAndTexts reads reason, Vietnamese and English text of an error answer.
func reasonAndTexts(a answer) (reason, vi, en string) {
	details, _ := a.body["details"].([]any)
	for _, d := range details {
		m, _ := d.(map[string]any)
		switch {
		case strings.HasSuffix(fmt.Sprint(m["@type"]), "ErrorInfo"):
			reason = fmt.Sprint(m["reason"])
		case strings.HasSuffix(fmt.Sprint(m["@type"]), "LocalizedMessage") && strings.HasPrefix(fmt.Sprint(m["locale"]), "vi"):
			vi = fmt.Sprint(m["message"])
		case strings.HasSuffix(fmt.Sprint(m["@type"]), "LocalizedMessage"):
			en = fmt.Sprint(m["message"])
		}
	}
	return reason, vi, en
}

const (
	goodEnterprise   = `{"displayName":"Công ty Thử Nghiệm","taxCode":"0100109106","legalForm":"LEGAL_FORM_LLC","unit":"units/tay-ho"}`
	goodOrganisation = `{"displayName":"Chi bộ Thử Nghiệm","kind":"ORGANISATION_KIND_BASE_CELL","enterprise":"enterprises/thu-nghiem","unit":"units/tay-ho","foundedOn":"2020-05-05"}`
)

// town is a small office: a city, a district, an enterprise, an organisation and a plan.
func town(t *testing.T, start func(testing.TB, string) *server) *server {
	t.Helper()
	s := start(t, t.TempDir())
	for _, c := range [][2]string{
		{"/v1/units?unitId=ha-noi", `{"displayName":"Thành ủy Hà Nội","level":"CENTRAL_CITY_COMMITTEE","validFrom":"2008-08-01","placements":[{"tree":"party","fromDate":"2008-08-01"}]}`},
		{"/v1/units?unitId=tay-ho", `{"displayName":"Quận ủy Tây Hồ","level":"DISTRICT_COMMITTEE","validFrom":"2008-08-01","placements":[{"tree":"party","parent":"units/ha-noi","fromDate":"2008-08-01"}]}`},
		{"/v1/enterprises?enterpriseId=thu-nghiem", goodEnterprise},
		{"/v1/organisations?organisationId=thu-nghiem&requestId=r-1", goodOrganisation},
	} {
		if a := s.call(t, "POST", c[0], c[1]); a.code != 200 {
			t.Fatalf("POST %s: %s", c[0], a.raw)
		}
	}
	return s
}

func replace(s, old, new string) string { return strings.Replace(s, old, new, 1) }

// Every refusal is typed, speaks both languages and changes nothing.
func TestRefusals(t *testing.T) {
	for name, start := range ways() {
		t.Run(name, func(t *testing.T) {
			s := town(t, start)
			before := s.call(t, "GET", "/v1/organisations/thu-nghiem", "")
			for _, c := range []struct {
				name, method, path, body string
				code                     int
				reason                   string
			}{
				{"unknown unit", "POST", "/v1/organisations", replace(goodOrganisation, "units/tay-ho", "units/khong-co"), 400, "UNIT_UNKNOWN"},
				{"unknown enterprise", "POST", "/v1/organisations", replace(goodOrganisation, "enterprises/thu-nghiem", "enterprises/khong-co"), 400, "ENTERPRISE_UNKNOWN"},
				{"wrong check digit", "POST", "/v1/enterprises", replace(goodEnterprise, "0100109106", "0100109107"), 400, "TAX_CODE_CHECK_DIGIT"},
				{"tax code taken", "POST", "/v1/enterprises", goodEnterprise, 409, "TAX_CODE_TAKEN"},
				{"future founding", "POST", "/v1/organisations", replace(goodOrganisation, "2020-05-05", "2999-01-01"), 400, "DATE_IN_FUTURE"},
				{"founding before the unit", "POST", "/v1/organisations", replace(goodOrganisation, "2020-05-05", "2008-07-31"), 400, "UNIT_NOT_IN_FORCE"},
				{"no such day", "POST", "/v1/organisations", replace(goodOrganisation, "2020-05-05", "2021-02-29"), 400, "DATE_INVALID"},
				{"duplicate id", "POST", "/v1/organisations?organisationId=thu-nghiem", goodOrganisation, 409, "RESOURCE_EXISTS"},
				{"stale etag", "PATCH", "/v1/organisations/thu-nghiem?updateMask=displayName", `{"displayName":"Khác","etag":"00000000-9"}`, 409, "ETAG_STALE"},
				{"server-owned field in the mask", "PATCH", "/v1/organisations/thu-nghiem?updateMask=state", `{"state":"ORGANISATION_STATE_WITHDRAWN"}`, 400, "MASK_FIXED_FIELD"},
				{"unknown JSON field", "POST", "/v1/organisations", replace(goodOrganisation, `"unit"`, `"donVi":"x","unit"`), 400, "BODY_FIELD_UNKNOWN"},
				{"broken JSON", "POST", "/v1/organisations", `{"displayName":`, 400, "BODY_SYNTAX"},
				{"unknown query parameter", "GET", "/v1/units/ha-noi/progress?period=periods/2020&as-of=2020-11-30", "", 400, "QUERY_PARAMETER_UNKNOWN"},
				{"unknown query parameter on a get", "GET", "/v1/organisations/thu-nghiem?asOf=2020-11-30", "", 400, "QUERY_PARAMETER_UNKNOWN"},
				{"reused request id", "POST", "/v1/organisations?requestId=r-1&organisationId=khac", goodOrganisation, 409, "REQUEST_ID_REUSED"},
				{"unknown kind", "POST", "/v1/organisations", replace(goodOrganisation, "ORGANISATION_KIND_BASE_CELL", "ORGANISATION_KIND_CLUB_OF_CLUBS"), 400, "ENUM_UNKNOWN"},
				{"missing field", "POST", "/v1/organisations", replace(goodOrganisation, `"unit":"units/tay-ho",`, ""), 400, "FIELD_REQUIRED"},
				{"negative count", "POST", "/v1/intakes", `{"unit":"units/tay-ho","kind":"INTAKE_KIND_PARTY_MEMBER","admittedOn":"2020-05-05","memberCount":-1}`, 400, "FIELD_RANGE"},
				{"more owners than members", "POST", "/v1/intakes", `{"unit":"units/tay-ho","kind":"INTAKE_KIND_PARTY_MEMBER","admittedOn":"2020-05-05","memberCount":1,"ownerCount":2}`, 400, "OWNERS_ABOVE_TOTAL"},
				{"not there", "GET", "/v1/organisations/khong-co", "", 404, "RESOURCE_NOT_FOUND"},
				{"a circle in the tree", "POST", "/v1/units/ha-noi:reparent", `{"parent":"units/tay-ho","fromDate":"2021-01-01"}`, 400, "UNIT_CYCLE"},
				{"no such route", "GET", "/v2/organisations", "", 404, "METHOD_UNKNOWN"},
			} {
				t.Run(c.name, func(t *testing.T) {
					a := s.call(t, c.method, c.path, c.body)
					reason, vi, en := reasonAndTexts(a)
					if a.code != c.code || reason != c.reason {
						t.Errorf("%d %s, want %d %s\n%s", a.code, reason, c.code, c.reason, a.raw)
					}
					if vi == "" || en == "" || vi == en {
						t.Errorf("texts %q and %q", vi, en)
					}
				})
			}
			testRepeatedRequest(t, s)
			testForeignOrigin(t, s)
			after := s.call(t, "GET", "/v1/organisations/thu-nghiem", "")
			if after.raw != before.raw || after.pos != before.pos {
				t.Errorf("something changed: before %s %s, after %s %s", before.pos, before.raw, after.pos, after.raw)
			}
			if a := s.call(t, "GET", "/v1/organisations", ""); strings.Count(a.raw, `"name"`) != 1 {
				t.Errorf("organisations: %s", a.raw)
			}
		})
	}
}

// A request sent twice with its id takes effect once and answers the same.
func testRepeatedRequest(t *testing.T, s *server) {
	t.Helper()
	a := s.call(t, "POST", "/v1/organisations?organisationId=thu-nghiem&requestId=r-1", goodOrganisation)
	if a.code != 200 || a.body["revision"] != "1" {
		t.Errorf("%d %s", a.code, a.raw)
	}
}

func testForeignOrigin(t *testing.T, s *server) {
	t.Helper()
	if a := s.call(t, "GET", "/v1/units", "", "Origin", "https://example.org"); a.code != 403 {
		t.Errorf("foreign origin: %d", a.code)
	}
	if a := s.call(t, "GET", "/v1/units", "", "Origin", s.base); a.code != 200 {
		t.Errorf("own origin: %d %s", a.code, a.raw)
	}
}

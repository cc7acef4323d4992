package sheet_test

import (
	"fmt"
	"strings"
	"testing"

	"coso/deploy/internal/approval"
	"coso/deploy/internal/client"
	"coso/deploy/internal/sheet"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// lives gives the demo's city lives: moves, ends, withdrawals, other trees, superiors.
func lives(t *testing.T, c *client.Client) {
	t.Helper()
	for _, u := range []string{
		`{"unit":{"displayName":"Khối doanh nghiệp","level":"BLOC_COMMITTEE","validFrom":"2005-01-01"},"id":"khoi"}`,
		`{"unit":{"displayName":"Xã A","level":"COMMUNE_COMMITTEE","validFrom":"2010-01-01","placements":[{"tree":"party","parent":"units/ba-vi","fromDate":"2010-01-01"},{"tree":"administrative","fromDate":"2012-01-01"}]},"id":"xa-a"}`,
		`{"unit":{"displayName":"Xã B","level":"COMMUNE_COMMITTEE","validFrom":"2011-01-01","placements":[{"tree":"administrative","parent":"units/ba-vi","fromDate":"2012-01-01"},{"tree":"party","parent":"units/xa-a","fromDate":"2011-05-01"}]},"id":"xa-b"}`,
	} {
		body, id, _ := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(u, `"}`), `{"unit":`), `,"id":"`)
		post(t, c, "/v1/units?unitId="+id, body, &registrypb.Unit{}, &registrypb.Unit{})
	}
	move := func(unit, parent, from string) {
		post(t, c, "/v1/units/"+unit+":reparent", `{"name":"units/`+unit+`","parent":"`+parent+`","fromDate":"`+from+`"}`, &registrypb.ReparentUnitRequest{}, &registrypb.Unit{})
	}
	// The two communes change places on one day: neither order of the moves is right for every day but the true one.
	move("xa-a", "units/ha-noi", "2015-01-01")
	move("xa-b", "units/ba-vi", "2015-01-01")
	move("xa-a", "units/xa-b", "2015-01-01")
	move("khoi", "units/ha-noi", "2009-01-01")
	post(t, c, "/v1/units/xa-a:close", `{"name":"units/xa-a","closedOn":"2020-01-01"}`, &registrypb.CloseUnitRequest{}, &registrypb.Unit{})
	post(t, c, "/v1/units/xa-b:close", `{"name":"units/xa-b","closedOn":"2020-01-01"}`, &registrypb.CloseUnitRequest{}, &registrypb.Unit{})

	bring(t, c, parse(t, "o.csv", organisationHead+
		"z-dang-bo,BASE_PARTY_ORGANISATION,Đảng bộ,minh-hoa-001-ba-dinh,xa-a,,2018-01-02,\n"+
		"a-chi-bo,CELL,Chi bộ,minh-hoa-001-ba-dinh,xa-a,z-dang-bo,2018-01-02,\n"+
		"nham,CELL,Nhầm,minh-hoa-001-ba-dinh,xa-a,z-dang-bo,2018-01-02,\n"),
		parse(t, "i.csv", "id,unit,organisation,kind,admitted_on,member_count\n"+
			"k1,xa-a,a-chi-bo,PARTY_MEMBER,2018-05-01,3\nk2,xa-a,nham,PARTY_MEMBER,2018-05-01,3\n"),
		parse(t, "t.csv", "id,unit,indicator,period,registered_value,assigned_value,assigned_decision\nt1,khoi,trade-unions,2020,,,\nt2,khoi,party-organisations,2020,0,,\n"))
	post(t, c, "/v1/organisations/a-chi-bo:dissolve", `{"name":"organisations/a-chi-bo","dissolvedOn":"2019-01-01","dissolutionDecision":"=7-QĐ/HU"}`,
		&registrypb.DissolveOrganisationRequest{}, &registrypb.Organisation{})
	post(t, c, "/v1/organisations/nham:withdraw", `{"name":"organisations/nham","reason":"nhập nhầm,\nhai \"lần\""}`,
		&registrypb.WithdrawOrganisationRequest{}, &registrypb.Organisation{})
	post(t, c, "/v1/intakes/k2:withdraw", `{"name":"intakes/k2","reason":"-sai"}`, &membershippb.WithdrawIntakeRequest{}, &membershippb.Intake{})
	post(t, c, "/v1/targets/t2:assign", `{"name":"targets/t2","assignedValue":"0","assignedDecision":"@1"}`, &planningpb.AssignTargetRequest{}, &planningpb.Target{})
}

// INV-SHEET-ROUND-TRIP, for everything that a life holds and for texts that nobody would write: a coso, its export in each
// dialect, an empty coso that imports it, and the same bytes again.
func TestRoundTrip(t *testing.T) {
	from, fromLan := signedIn(t)
	decided(t, from, fromLan, city(t)...)
	lives(t, from)
	if _, err := approval.All(t.Context(), fromLan); err != nil {
		t.Fatal(err)
	}
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		typed := name(r, "name")
		o := &registrypb.Organisation{
			DisplayName: typed, Kind: registrypb.OrganisationKind_ORGANISATION_KIND_TEAM, Unit: "units/ba-dinh",
			Enterprise: "enterprises/minh-hoa-001-ba-dinh", FoundedOn: "2020-02-03", FoundingDecision: name(r, "decision"),
		}
		n++
		stored := &registrypb.Organisation{}
		if err := from.Post(t.Context(), fmt.Sprintf("/v1/organisations?organisationId=odd-%d", n), nil, o, stored); err != nil {
			r.Fatalf("%q is refused: %v", typed, err)
		}
		if stored.GetDisplayName() != norm.NFC.String(typed) {
			r.Fatalf("%q is stored as %q", typed, stored.GetDisplayName())
		}
	})
	want := contents(t, from, sheet.Plain())
	for what, d := range map[string]sheet.Dialect{"plain": sheet.Plain(), "Excel": sheet.Excel()} {
		t.Run(what, func(t *testing.T) {
			to, toLan := signedIn(t)
			var sheets []*sheet.Sheet
			for n, raw := range contents(t, from, d) {
				sheets = append(sheets, parse(t, n+".csv", raw))
			}
			decided(t, to, toLan, sheets...)
			same(t, contents(t, to, sheet.Plain()), want)
			bring(t, to, sheets...)
			same(t, contents(t, to, sheet.Plain()), want)
		})
	}
}

// name draws a text that the services take: visible, on one line.
func name(r *rapid.T, label string) string {
	odd := rapid.StringOfN(rapid.SampledFrom([]rune("'=+-@ \",;|\\/#<>&%ệĐơƯ€漢한Я👍½ﬁ＝")), 1, 30, -1)
	nfd := rapid.Map(rapid.StringOfN(rapid.SampledFrom([]rune("Chi bộ Cơ sở Đảng ủy Ứng Hòa ệỹ")), 1, 30, -1), norm.NFD.String)
	edge := rapid.Map(odd, func(s string) string { return " " + s + "x\u00a0" })
	return rapid.OneOf(odd, nfd, edge).Filter(func(s string) bool { return strings.TrimSpace(s) != "" }).Draw(r, label)
}

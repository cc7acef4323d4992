package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"coso/deploy/internal/client"
	"coso/deploy/internal/report"
	"coso/services/platform/text"

	"github.com/google/go-cmp/cmp"

	awardpb "coso/proto/gen/coso/award/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// hanoiPage is the city on the cut-off of its plan year.
const hanoiPage = "/?unit=ha-noi&period=2020&asOf=2020-11-30"

// pages are the pages of a server with the demo.
type pages struct {
	*server

	api *client.Client
}

func TestPages(t *testing.T) {
	s, _, c := loaded(t, dataSet)
	p := pages{s, c}
	t.Run("figures", p.figures)
	t.Run("children", p.children)
	t.Run("nominations", p.nominations)
	t.Run("as of", p.asOf)
	t.Run("organisations counted", p.organisations)
	t.Run("intakes counted", p.intakes)
	t.Run("language", p.language)
	t.Run("links", p.links)
	t.Run("refusals", p.refusals)
	t.Run("files", p.files)
	t.Run("search", p.search)
}

// Every figure of the page is the one that the API answers.
func (s pages) figures(t *testing.T) {
	p := s.browse(t, hanoiPage)
	if p.code != http.StatusOK || p.tags("h1")[0].text() != "Thành ủy Hà Nội" || !strings.Contains(p.body, "30/11/2020") {
		t.Fatalf("%d %s", p.code, p.body)
	}
	want := progressOf(t, s.api, "ha-noi", "2020-11-30")
	rows := p.all(func(e node) bool { return e.attr("data-indicator") != "" })
	if len(rows) != len(want.GetIndicators()) {
		t.Errorf("%d of %d indicators", len(rows), len(want.GetIndicators()))
	}
	for _, row := range rows {
		i := indicator(t, want, row.attr("data-indicator"))
		cells := row.all(func(e node) bool { return e.Data == "td" || e.Data == "th" })
		percent := strings.Replace(report.Percent(i.GetFigure()), "—", "–", 1)
		got := []string{cells[0].text(), cells[1].text(), cells[2].text()}
		if diff := cmp.Diff([]string{i.GetDisplayName(), report.Fraction(i.GetFigure()), percent}, got); diff != "" {
			t.Errorf("-api +page:\n%s", diff)
		}
		if drawn := len(row.tags("svg")); drawn != map[bool]int{true: 1}[i.GetFigure().GetPercentOfTarget() != ""] {
			t.Errorf("%s has %d bars", i.GetDisplayName(), drawn)
		}
		if !strings.Contains(p.body, i.GetSentence()+".") {
			t.Errorf("the page does not say %q", i.GetSentence())
		}
		if len(i.GetBelowPlan()) == 0 {
			continue
		}
		var units [][]string
		for _, u := range i.GetBelowPlan() {
			f := u.GetFigure()
			units = append(units, []string{u.GetDisplayName(), report.Fraction(f), report.Percent(f), "", fmt.Sprint(f.GetAssignedValue() - f.GetActualValue())})
		}
		if diff := cmp.Diff(units, p.id(t, "below-"+row.attr("data-indicator")).cells()); diff != "" {
			t.Errorf("below plan, -api +page:\n%s", diff)
		}
	}
}

// The districts stand in the order asked for, with the figures that each has by itself.
func (s pages) children(t *testing.T) {
	list := &registrypb.ListUnitsResponse{}
	if err := s.api.Get(t.Context(), "/v1/units", url.Values{"parent": {"units/ha-noi"}, "asOf": {"2020-11-30"}, "pageSize": {"500"}}, list); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	rate := map[string]float64{}
	for _, u := range list.GetUnits() {
		f := indicator(t, progressOf(t, s.api, strings.TrimPrefix(u.GetName(), "units/"), "2020-11-30"), "trade-unions").GetFigure()
		want[u.GetDisplayName()] = report.Fraction(f) + " " + report.Percent(f)
		rate[u.GetDisplayName()] = float64(f.GetActualValue()) / float64(f.GetAssignedValue())
	}
	names := slices.SortedFunc(maps.Keys(want), text.Compare)
	rising := slices.Clone(names)
	slices.SortStableFunc(rising, func(a, b string) int { return compareRate(rate[a], rate[b]) })
	falling := slices.Clone(names)
	slices.SortStableFunc(falling, func(a, b string) int { return compareRate(rate[b], rate[a]) })
	for sorted, order := range map[string][]string{"": rising, "percent": rising, "-percent": falling, "name": names} {
		table := s.browse(t, hanoiPage+"&indicator=trade-unions&sort="+sorted).id(t, "children")
		got := map[string]string{}
		var shown []string
		for _, row := range table.cells() {
			shown = append(shown, row[0])
			got[row[0]] = row[1] + " " + row[2]
		}
		if diff := cmp.Diff(order, shown); diff != "" {
			t.Errorf("sorted by %q:\n%s", sorted, diff)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-api +page:\n%s", diff)
		}
	}
}

func compareRate(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (s pages) nominations(t *testing.T) {
	list := &awardpb.ListNominationsResponse{}
	if err := s.api.Get(t.Context(), "/v1/nominations", url.Values{"pageSize": {"500"}}, list); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, n := range list.GetNominations() {
		e := n.GetEvidence()
		want = append(want, strings.Join([]string{e.GetUnitDisplayName(), e.GetIndicator().GetDisplayName(), report.Fraction(e.GetFigure()), report.Percent(e.GetFigure()), "Chờ xét"}, " | "))
	}
	var got []string
	for _, row := range s.browse(t, "/nominations?unit=ha-noi&period=2020").cells() {
		got = append(got, strings.Join(row[:5], " | "))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-api +page:\n%s", diff)
	}
	if first := s.browse(t, hanoiPage); !strings.Contains(first.body, fmt.Sprintf("Xem cả %d đề nghị", len(want))) {
		t.Error("the first page does not say how many there are")
	}
}

// Another day gives other figures: those of the API on that day; its links keep to the day.
func (s pages) asOf(t *testing.T) {
	p := s.browse(t, "/?unit=ha-noi&period=2020&asOf=2020-06-30")
	f := indicator(t, progressOf(t, s.api, "ha-noi", "2020-06-30"), "party-organisations").GetFigure()
	row := p.all(func(e node) bool { return e.attr("data-indicator") == "party-organisations" })[0]
	if cells := row.tags("td"); cells[0].text() != report.Fraction(f) || cells[1].text() != report.Percent(f) || f.GetActualValue() >= 100 {
		t.Errorf("%s %s, the API says %s", cells[0].text(), cells[1].text(), report.Fraction(f))
	}
	if day := p.id(t, "asOf").attr("value"); day != "2020-06-30" {
		t.Errorf("the form shows %q", day)
	}
	for _, l := range p.links() {
		if strings.HasPrefix(l, "/?") && !strings.Contains(l, "asOf=2020-06-30") && !strings.HasPrefix(l, "/?unit=ha-noi&period=2020") {
			t.Errorf("%s forgets the day", l)
		}
	}
	if latest := s.browse(t, p.link(t, "Về số liệu mới nhất")); !strings.Contains(latest.body, "142,86%") {
		t.Error("the latest figures are not those of the cut-off")
	}
}

// facts walks all pages of a number's facts, from the link on the number.
func facts(t *testing.T, s *server, path string) []node {
	t.Helper()
	var out []node
	seen := map[string]bool{}
	for path != "" {
		if seen[path] {
			t.Fatalf("%s comes twice", path)
		}
		seen[path] = true
		p := s.browse(t, path)
		if p.code != http.StatusOK {
			t.Fatalf("%s: %d", path, p.code)
		}
		out = append(out, p.all(func(e node) bool { return e.attr("data-fact") != "" })...)
		path = ""
		for _, a := range p.all(func(e node) bool { return e.attr("rel") == "next" }) {
			path = a.attr("href")
		}
	}
	return out
}

// What stands behind a number are the records that make it up, each once, with its date.
func (s pages) organisations(t *testing.T) {
	for unit, asOf := range map[string]string{"ha-noi": "2020-11-30", "cau-giay": "2020-08-31"} {
		start := s.browse(t, "/?period=2020&unit="+unit+"&asOf="+asOf)
		number := start.all(func(e node) bool { return e.attr("data-indicator") == "party-organisations" })[0]
		var got []string
		for _, row := range facts(t, s.server, number.tags("td")[0].tags("a")[0].attr("href")) {
			got = append(got, row.attr("data-fact")+" "+row.tags("time")[0].attr("datetime"))
		}
		var want []string
		q := url.Values{"pageSize": {"500"}}
		for {
			list := &registrypb.ListOrganisationsResponse{}
			if err := s.api.Get(t.Context(), "/v1/organisations", q, list); err != nil {
				t.Fatal(err)
			}
			for _, o := range list.GetOrganisations() {
				if partyKind(o.GetKind()) && o.GetFoundedOn() <= asOf && (unit == "ha-noi" || o.GetUnit() == "units/"+unit) {
					want = append(want, o.GetName()+" "+o.GetFoundedOn())
				}
			}
			if list.GetNextPageToken() == "" {
				break
			}
			q.Set("pageToken", list.GetNextPageToken())
		}
		f := indicator(t, progressOf(t, s.api, unit, asOf), "party-organisations").GetFigure()
		if int64(len(want)) != f.GetActualValue() {
			t.Errorf("the records are %d, the figure %d", len(want), f.GetActualValue())
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, -records +page:\n%s", unit, diff)
		}
	}
}

func partyKind(k registrypb.OrganisationKind) bool {
	return k >= registrypb.OrganisationKind_ORGANISATION_KIND_BASE_PARTY_ORGANISATION && k <= registrypb.OrganisationKind_ORGANISATION_KIND_SECTIONAL_PARTY_ORGANISATION
}

func (s pages) intakes(t *testing.T) {
	for id, of := range map[string]func(*membershippb.Intake) int64{
		"party-members": (*membershippb.Intake).GetMemberCount, "party-member-owners": (*membershippb.Intake).GetOwnerCount,
	} {
		var sum int64
		for _, row := range facts(t, s.server, "/facts?unit=ha-noi&period=2020&indicator="+id) {
			n := &membershippb.Intake{}
			if err := s.api.Get(t.Context(), "/v1/"+row.attr("data-fact"), nil, n); err != nil {
				t.Fatal(err)
			}
			cells := row.tags("td")
			if got, want := cells[len(cells)-1].text(), text.NumberVN(of(n)); got != want || row.tags("time")[0].attr("datetime") != n.GetAdmittedOn() {
				t.Errorf("%s: %s, want %s", n.GetName(), got, want)
			}
			sum += of(n)
		}
		if f := indicator(t, progressOf(t, s.api, "ha-noi", "2020-11-30"), id).GetFigure(); sum != f.GetActualValue() {
			t.Errorf("%s: the facts add up to %d, the figure is %d", id, sum, f.GetActualValue())
		}
	}
}

func (s pages) search(t *testing.T) {
	p := s.browse(t, "/units?query=ung+hoa")
	if rows := p.cells(); len(rows) != 1 || rows[0][0] != "Huyện ủy Ứng Hòa" {
		t.Fatalf("found %v", rows)
	}
	if got := s.browse(t, p.link(t, "Huyện ủy Ứng Hòa")); got.tags("h1")[0].text() != "Huyện ủy Ứng Hòa" {
		t.Errorf("the link leads to %s", got.tags("h1")[0].text())
	}
	if none := s.browse(t, "/units?query=xyz"); none.code != http.StatusOK || !strings.Contains(none.body, "“xyz”") {
		t.Errorf("%d", none.code)
	}
}

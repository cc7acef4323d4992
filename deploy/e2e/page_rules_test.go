package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"coso/deploy/internal/session"
	"coso/deploy/internal/single/singletest"
	"coso/deploy/internal/staff"
)

// The language is the one asked for, else the one chosen before, else the browser's, else Vietnamese.
func (s pages) language(t *testing.T) {
	for _, c := range []struct{ path, accept, cookie, want string }{
		{"/", "vi-VN,vi;q=0.9,en;q=0.5", "", "vi"},
		{"/", "en-GB,en;q=0.9", "", "en"},
		{"/", "fr", "", "vi"},
		{"/", "", "", "vi"},
		{"/", "???;;q=", "", "vi"},
		{"/", "vi", "coso-lang=en", "en"},
		{"/", "en", "coso-lang=xx", "en"},
		{"/?lang=vi", "en", "coso-lang=en", "vi"},
		{"/?lang=en", "vi", "", "en"},
	} {
		p := s.browse(t, c.path, "Accept-Language", c.accept, "Cookie", c.cookie)
		if got := p.tags("html")[0].attr("lang"); got != c.want || p.header.Get("Content-Language") != c.want {
			t.Errorf("%s, %q, %q: %s, want %s", c.path, c.accept, c.cookie, got, c.want)
		}
	}
	vi := s.browse(t, hanoiPage)
	en := s.browse(t, vi.link(t, "English"))
	if !strings.HasPrefix(en.header.Get("Set-Cookie"), "coso-lang=en; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax") {
		t.Errorf("cookie %q", en.header.Get("Set-Cookie"))
	}
	for _, want := range []string{"142.86%", "4,857", "4,511", "30 November 2020", "Exceeded", "Units below plan"} {
		if !strings.Contains(en.body, want) {
			t.Errorf("the English page does not say %q", want)
		}
	}
	if strings.Contains(vi.body, "142.86%") || strings.Contains(vi.body, "Exceeded") {
		t.Error("the Vietnamese page speaks English")
	}
	if name := en.tags("h1")[0]; name.attr("lang") != "vi" {
		t.Error("a Vietnamese name on the English page is not marked as such")
	}
	// Without cookies the links carry the language; with the cookie they need not.
	if l := en.link(t, "Huyện ủy Ba Vì"); !strings.Contains(l, "lang=en") {
		t.Errorf("%s forgets the language", l)
	}
	if l := s.browse(t, hanoiPage+"&lang=en", "Cookie", "coso-lang=en").link(t, "Huyện ủy Ba Vì"); strings.Contains(l, "lang=") {
		t.Errorf("%s repeats the language", l)
	}
}

// Every link leads somewhere, and every page it leads to keeps the rules of all pages.
func (s pages) links(t *testing.T) {
	todo, seen := []string{"/", "/?lang=en", "/units"}, map[string]bool{}
	const enough = 150
	for len(todo) > 0 && len(seen) < enough {
		path := todo[0]
		todo = todo[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		p := s.browse(t, path)
		if p.code != http.StatusOK {
			t.Errorf("%s: %d", path, p.code)
		}
		if path == "/docs" || strings.HasPrefix(path, "/static/") {
			continue
		}
		keepsRules(t, path, p)
		for _, l := range p.links() {
			to, ok := inner(l)
			if !ok {
				t.Errorf("%s leads away to %s", path, l)
			}
			if strings.HasPrefix(l, "#") {
				p.id(t, l[1:])
				continue
			}
			todo = append(todo, to)
		}
	}
}

// keepsRules holds what is true of every page, INV-PAGE-NO-FOREIGN-LOAD among it.
func keepsRules(t *testing.T, path string, p webPage) {
	t.Helper()
	if got := p.header.Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';") || strings.Contains(got, "unsafe") {
		t.Errorf("%s: policy %q", path, got)
	}
	if got := p.header.Get("Content-Type"); got != "text/html; charset=utf-8" || p.header.Get("X-Content-Type-Options") != "nosniff" || p.header.Get("X-Request-Id") == "" {
		t.Errorf("%s: headers %v", path, p.header)
	}
	if got := regexp.MustCompile(`(?i)<script|<style|=["']?https?:|url\(|ZgotmplZ|%!|&lt;no value`).FindString(p.body); got != "" {
		t.Errorf("%s holds %q", path, got)
	}
	for _, e := range p.all(func(node) bool { return true }) {
		for _, a := range e.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Val, "javascript:") {
				t.Errorf("%s holds %s=%q", path, a.Key, a.Val)
			}
		}
	}
	if len(p.tags("h1")) != 1 || len(p.tags("title")) != 1 || len(p.tags("main")) != 1 {
		t.Errorf("%s: not one heading, title and main", path)
	}
	ids := map[string]bool{}
	for _, e := range p.all(func(e node) bool { return e.attr("id") != "" }) {
		if ids[e.attr("id")] {
			t.Errorf("%s: the id %q comes twice", path, e.attr("id"))
		}
		ids[e.attr("id")] = true
	}
	for _, table := range p.tags("table") {
		if len(table.tags("caption")) != 1 {
			t.Errorf("%s: a table without caption", path)
		}
		for _, th := range table.tags("th") {
			if th.attr("scope") == "" || th.text() == "" {
				t.Errorf("%s: a heading without scope or text: %q", path, th.text())
			}
		}
	}
	for _, field := range p.all(func(e node) bool { return e.Data == "select" || e.Data == "input" && e.attr("type") != "hidden" }) {
		if len(p.all(func(e node) bool { return e.Data == "label" && e.attr("for") == field.attr("id") })) != 1 {
			t.Errorf("%s: the field %q has no label", path, field.attr("name"))
		}
	}
}

// What a page cannot show is a page too, in the reader's language, with the id by which it is found in the log.
func (s pages) refusals(t *testing.T) {
	for _, c := range []struct {
		method, path, vi, en string
		code                 int
	}{
		{"GET", "/?unit=nowhere", "Không tìm thấy units/nowhere", "units/nowhere does not exist", 404},
		{"GET", "/?period=1999", "Không tìm thấy periods/1999", "periods/1999 does not exist", 404},
		{"GET", "/?asOf=2020-13-01", "2020-13-01", "2020-13-01", 400},
		{"GET", "/?asOf=2021-02-29", "2021-02-29", "2021-02-29", 400},
		{"GET", "/?asOf=2999-01-01", "01/01/2999", "2999-01-01", 400},
		{"GET", "/?as-of=2020-11-30", "tham số as-of", "parameter as-of", 400},
		{"GET", "/?unit=ha-noi&unit=tay-ho", "ha-noi, tay-ho", "ha-noi, tay-ho", 400},
		{"GET", "/?lang=fr", "giá trị fr của lang", "value fr of lang", 400},
		{"GET", "/?unit=%zz", "Trên địa chỉ", "In the query", 400},
		{"GET", "/?unit=../etc", "", "", 400},
		{"GET", "/facts?unit=ha-noi&indicator=nothing", "Không tìm thấy indicators/nothing", "indicators/nothing does not exist", 404},
		{"GET", "/facts?unit=tay-ho&indicator=party-organisations&token=x", "", "", 400},
		{"GET", "/units?token=x", "", "", 400},
		{"GET", "/nothing-here", "/nothing-here", "/nothing-here", 404},
		{"POST", "/", "POST /", "POST /", 405},
	} {
		p := s.visit(t, c.method, c.path)
		texts := p.all(func(e node) bool { return e.has("refusal") })
		if p.code != c.code || len(texts) != 1 || !strings.Contains(texts[0].text(), c.vi) {
			t.Errorf("%s: %d %s", c.path, p.code, p.body)
			continue
		}
		if c.method == "GET" {
			en := s.browse(t, c.path, "Accept-Language", "en").all(func(e node) bool { return e.has("refusal") })
			if len(en) != 1 || !strings.Contains(en[0].text(), c.en) || en[0].text() == texts[0].text() {
				t.Errorf("%s in English: %v", c.path, en)
			}
		}
		if code := p.tags("code"); len(code) != 1 || code[0].text() != p.header.Get("X-Request-Id") {
			t.Errorf("%s: no request id", c.path)
		}
		keepsRules(t, c.path, p)
	}
	if a := s.call(t, "GET", "/nothing-here", ""); a.code != http.StatusNotFound {
		t.Errorf("a program is told %d", a.code)
	}
}

// The files beside the pages are named after their content and kept by browsers.
func (s pages) files(t *testing.T) {
	p := s.browse(t, hanoiPage)
	files := p.all(func(e node) bool { return e.Data == "link" })
	if len(files) != 2 {
		t.Fatalf("%d files", len(files))
	}
	for _, f := range files {
		got := s.browse(t, f.attr("href"))
		if got.code != http.StatusOK || got.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || strings.Contains(got.body, "@import") || strings.Contains(got.body, "url(") {
			t.Errorf("%s: %d %v", f.attr("href"), got.code, got.header)
		}
		again := s.browse(t, f.attr("href"), "If-None-Match", got.header.Get("Etag"))
		if again.code != http.StatusNotModified || again.body != "" {
			t.Errorf("%s again: %d", f.attr("href"), again.code)
		}
	}
	if head := s.visit(t, http.MethodHead, hanoiPage); head.code != http.StatusOK || head.body != "" {
		t.Errorf("HEAD: %d", head.code)
	}
}

// hostile is a name that would be a program if anybody took it for one.
const hostile = `<script>alert(1)</script>"' onload=x &amp; {{.}} <b>`

// An empty server says how to begin; then what it is told is shown, and counted by the rule by which planning counts,
// INV-PAGE-SAME-RULE: what a
// closed unit reached stays with the unit above it, what moved counts where it is.
func TestPagesOfANewServer(t *testing.T) {
	s := start(t, t.TempDir())
	if p := s.browse(t, "/"); p.code != http.StatusOK || !strings.Contains(p.body, "coso import --server "+s.base+" units.csv") || !strings.Contains(p.body, "Chưa có đơn vị nào") {
		t.Fatalf("%d %s", p.code, p.body)
	}
	for _, path := range []string{"/nominations", "/units", "/?lang=en"} {
		p := s.browse(t, path)
		if p.code != http.StatusOK {
			t.Errorf("%s: %d", path, p.code)
		}
		keepsRules(t, path, p)
	}
	s.post(t, "/v1/units?unitId=top", unitBody(hostile, ""))
	if p := s.browse(t, "/"); !strings.Contains(p.body, "coso import --server "+s.base+" periods.csv") {
		t.Errorf("no periods yet: %d %s", p.code, p.body)
	}
	s.post(t, "/v1/periods?periodId=2020", `{"displayName":"năm 2020","kind":"PERIOD_KIND_CALENDAR_YEAR","startDate":"2020-01-01","endDate":"2020-12-31","cutOffDate":"2020-12-31"}`)
	s.reads(t, "/?unit=top", "coso import --server "+s.base+" indicators.csv")
	s.post(t, "/v1/indicators?indicatorId=party", fmt.Sprintf(`{"displayName":%q,"measure":"MEASURE_ORGANISATIONS_FOUNDED","kinds":["BASE_CELL"],"comparator":"COMPARATOR_AT_LEAST","resultVerb":"thành lập được","countedNoun":"tổ chức đảng"}`, hostile))
	for _, u := range []string{"a", "b", "c", "d"} {
		s.post(t, "/v1/units?unitId="+u, unitBody("Quận ủy "+u, "units/top"))
	}
	for _, o := range []string{"a-1", "a-2", "b-1", "c-1"} {
		unit := "units/" + o[:1]
		s.post(t, "/v1/enterprises?enterpriseId="+o, fmt.Sprintf(`{"displayName":"Công ty %s","taxCode":%q,"legalForm":"LEGAL_FORM_LLC","unit":%q}`, o, taxCodes[o], unit))
		s.post(t, "/v1/organisations?organisationId="+o, fmt.Sprintf(`{"displayName":"Chi bộ %s","kind":"ORGANISATION_KIND_BASE_CELL","enterprise":"enterprises/%s","unit":%q,"foundedOn":"2020-03-01"}`, o, o, unit))
	}
	s.post(t, "/v1/units/a:close", `{"closedOn":"2020-06-01"}`)
	s.post(t, "/v1/units/c:reparent", `{"parent":"units/b","fromDate":"2020-09-01"}`)
	for _, c := range []struct {
		unit, day string
		facts     int
		parts     []string
	}{
		{"top", "2020-05-31", 4, []string{"Quận ủy a 2", "Quận ủy b 1", "Quận ủy c 1", "Quận ủy d 0"}},
		{"top", "2020-06-30", 4, []string{"Trực tiếp tại " + hostile + " 2", "Quận ủy b 1", "Quận ủy c 1", "Quận ủy d 0"}},
		{"top", "2020-12-31", 4, []string{"Trực tiếp tại " + hostile + " 2", "Quận ủy b 2", "Quận ủy d 0"}},
		{"b", "2020-08-31", 1, nil},
		{"b", "2020-12-31", 2, []string{"Trực tiếp tại Quận ủy b 1", "Quận ủy c 1"}},
	} {
		path := "/facts?indicator=party&period=2020&unit=" + c.unit + "&asOf=" + c.day
		s.reads(t, path, fmt.Sprintf("<b>%d</b>", c.facts))
		if rows := facts(t, s, path); len(rows) != c.facts {
			t.Errorf("%s on %s: %d facts, want %d", c.unit, c.day, len(rows), c.facts)
		}
		var parts []string
		p := s.browse(t, path)
		for _, list := range p.all(func(e node) bool { return e.has("split") }) {
			for _, item := range list.tags("li") {
				parts = append(parts, item.text())
			}
		}
		if strings.Join(parts, ", ") != strings.Join(c.parts, ", ") {
			t.Errorf("%s on %s: %v, want %v", c.unit, c.day, parts, c.parts)
		}
	}
	closed := s.browse(t, "/?unit=top&period=2020")
	if !strings.Contains(closed.body, "Quận ủy a (từ 01/06/2020)") {
		t.Error("a closed unit is not named")
	}
	staysText(t, s)
}

// staysText: INV-PAGE-ESCAPED.
func staysText(t *testing.T, s *server) {
	t.Helper()
	for _, path := range []string{"/?unit=top", "/?unit=b", "/units", "/nominations?unit=top", "/facts?indicator=party&unit=top", "/units?query=" + url.QueryEscape(`"><script>`)} {
		p := s.browse(t, path)
		keepsRules(t, path, p)
		if len(p.tags("script")) != 0 || !strings.Contains(p.text(), `<script>`) {
			t.Errorf("%s: %d\n%s", path, p.code, p.body)
		}
	}
}

// taxCodes are numbers with their check digits.
var taxCodes = map[string]string{"a-1": "0199000017", "a-2": "0199000024", "b-1": "0199000031", "c-1": "0199000049"}

func unitBody(name, parent string) string {
	return fmt.Sprintf(`{"displayName":%q,"level":"DISTRICT_COMMITTEE","validFrom":"2008-08-01","placements":[{"tree":"party","parent":%q,"fromDate":"2008-08-01"}]}`, name, parent)
}

// post writes something that must succeed, as soon as what it rests on has come round.
func (s *server) post(t testing.TB, path, body string) {
	t.Helper()
	within(t, 10*time.Second, path, func() error {
		if a := s.call(t, "POST", path, body); a.code != http.StatusOK {
			return fmt.Errorf("%d %s", a.code, a.raw)
		}
		return nil
	})
}

// reads waits until a page says something: what it rests on comes by event.
func (s *server) reads(t testing.TB, path, want string) {
	t.Helper()
	within(t, 10*time.Second, path, func() error {
		if p := s.browse(t, path); p.code != http.StatusOK || !strings.Contains(p.body, want) {
			return fmt.Errorf("it does not say %q: %d %s", want, p.code, p.body)
		}
		return nil
	})
}

// A page reads what its reader wrote, as the API does: both are one reader's.
func TestPagesReadOwnWrites(t *testing.T) {
	s := start(t, t.TempDir())
	s.call(t, "POST", "/v1/periods?periodId=2020", `{"displayName":"năm 2020","kind":"PERIOD_KIND_CALENDAR_YEAR","startDate":"2020-01-01","endDate":"2020-12-31","cutOffDate":"2020-12-31"}`)
	s.call(t, "POST", "/v1/units?unitId=top", unitBody("Thành ủy", ""))
	if p := s.browse(t, "/?unit=top"); p.code != http.StatusOK || p.tags("h1")[0].text() != "Thành ủy" {
		t.Errorf("%d %s", p.code, p.body)
	}
}

// Before any service is there, a page says so, as a page.
func TestPagesWithoutServices(t *testing.T) {
	f := newFleet(t, t.TempDir())
	s := f.server
	f.up("gatewayd")
	signedIn, err := session.InMemory(s.base).SignIn(t.Context(), staff.First, singletest.AdminPassword)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/units", "/facts?indicator=x&unit=y"} {
		p := s.browse(t, path, "Authorization", "Bearer "+signedIn.GetToken())
		if p.code != http.StatusServiceUnavailable || len(p.all(func(e node) bool { return e.has("refusal") })) != 1 {
			t.Errorf("%s: %d %s", path, p.code, p.body)
		}
		keepsRules(t, path, p)
	}
	f.stop("gatewayd")
}

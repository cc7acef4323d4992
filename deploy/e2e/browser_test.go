package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"
)

// browser is a client that keeps cookies, is the administrator's, and knows nothing of positions.
type browser struct {
	testing.TB
	*http.Client

	*server
}

func (s *server) browser(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{TB: t, Client: &http.Client{Jar: jar, Timeout: time.Minute}, server: s}
}

// send makes one request that must succeed, and answers its status and ETag.
func (b *browser) send(method, path, body string, header ...string) (code int, etag string) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, b.base+path, bytes.NewBufferString(body))
	if err != nil {
		b.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	b.proves(b, req)
	resp, err := b.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode >= http.StatusBadRequest {
		b.Fatalf("%s %s: %d %s, %v", method, path, resp.StatusCode, raw, err)
	}
	return resp.StatusCode, resp.Header.Get("ETag")
}

// A browser that sends nothing but cookies reads what it wrote, also from a service that only follows the one it wrote to.
func TestABrowserReadsItsOwnWrites(t *testing.T) { everyWay(t, testOwnWrites) }

func testOwnWrites(t *testing.T, start func(testing.TB, string) *server) {
	t.Helper()
	s := start(t, t.TempDir())
	b := s.browser(t)
	b.send("POST", "/v1/periods?periodId=2020",
		`{"displayName":"Năm 2020","kind":"PERIOD_KIND_CALENDAR_YEAR","startDate":"2020-01-01","cutOffDate":"2020-12-31","endDate":"2020-12-31"}`)
	for i := range 30 {
		id := fmt.Sprintf("u%d", i)
		b.send("POST", "/v1/units?unitId="+id, `{"displayName":"Quận ủy `+id+`","level":"DISTRICT_COMMITTEE","validFrom":"1995-10-28",`+
			`"placements":[{"tree":"party","fromDate":"1995-10-28"}]}`)
		b.send("GET", "/v1/units/"+id+"/progress?period=periods/2020", "")
	}
}

// Two people change one unit: the second, who rests on the old version, hears 412, looks again and succeeds.
func TestConditionalChange(t *testing.T) {
	s := start(t, t.TempDir())
	b := s.browser(t)
	_, etag := b.send("POST", "/v1/units?unitId=tay-ho", `{"displayName":"Quận ủy","level":"DISTRICT_COMMITTEE","validFrom":"1995-10-28"}`,
		"Idempotency-Key", `"khoa-1"`)
	_, again := b.send("POST", "/v1/units?unitId=tay-ho", `{"displayName":"Quận ủy","level":"DISTRICT_COMMITTEE","validFrom":"1995-10-28"}`,
		"Idempotency-Key", `"khoa-1"`)
	if etag == "" || again != etag {
		t.Errorf("created %s, sent again %s", etag, again)
	}
	_, changed := b.send("PATCH", "/v1/units/tay-ho", `{"displayName":"Quận ủy Tây Hồ"}`, "If-Match", etag)
	if a := s.call(t, "PATCH", "/v1/units/tay-ho", `{"displayName":"Quận ủy Ba Đình"}`, "If-Match", etag); a.code != http.StatusPreconditionFailed {
		t.Errorf("on the old version: %d %s", a.code, a.raw)
	}
	if code, _ := b.send("GET", "/v1/units/tay-ho", "", "If-None-Match", changed); code != http.StatusNotModified {
		t.Errorf("what is known: %d", code)
	}
}

// One stream over HTTP tells the whole story: the founding in registry, the target that planning sees exceeded, the nomination
// that award opens.
func TestEventsOverHTTP(t *testing.T) { everyWay(t, testEvents) }

func testEvents(t *testing.T, start func(testing.TB, string) *server) {
	t.Helper()
	s := start(t, t.TempDir())
	s.load(t, read(t, dataSet))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/v1/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	s.proves(t, req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b := s.browser(t)
	b.send("POST", "/v1/units?unitId=moi", `{"displayName":"Quận ủy Mới","level":"DISTRICT_COMMITTEE","validFrom":"2020-01-01",`+
		`"placements":[{"tree":"party","parent":"units/ha-noi","fromDate":"2020-01-01"}]}`)
	b.send("POST", "/v1/targets?targetId=moi", `{"unit":"units/moi","indicator":"indicators/party-organisations","period":"periods/2020"}`)
	if a := s.assign(t, "moi", `{"assignedValue":"0","assignedDecision":"1-QĐ/TU"}`); a.code != 200 {
		t.Fatal(a.raw)
	}
	b.send("POST", "/v1/organisations?organisationId=moi", `{"displayName":"Chi bộ Mới","kind":"ORGANISATION_KIND_BASE_CELL",`+
		`"unit":"units/moi","enterprise":"enterprises/minh-hoa-001-ba-dinh","foundedOn":"2020-06-01"}`)

	missing := map[string]bool{ // each service's own events come in order, those of several in any
		"coso.registry.v1.UnitCreated units/moi": true, "coso.planning.v1.TargetAssigned targets/moi": true,
		"coso.registry.v1.OrganisationFounded organisations/moi": true, "coso.planning.v1.TargetExceeded targets/moi": true,
		"coso.award.v1.NominationOpened nominations/moi": true,
	}
	var heard []string
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for len(missing) > 0 && lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e struct{ Type, Subject string }
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		heard = append(heard, e.Type+" "+e.Subject)
		delete(missing, e.Type+" "+e.Subject)
	}
	story := strings.Join(heard, "\n")
	for want := range missing {
		t.Errorf("%s was not heard:\n%s", want, story)
	}
}

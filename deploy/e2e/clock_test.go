package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coso/deploy/internal/single"
	"coso/deploy/internal/single/singletest"
)

// The machine's clock goes back by an hour: what would be written with a moment before its past is refused, by name and in
// both languages, and it is not ready, before anyone has asked for a change too; reading goes on, a restart helps nothing and harms nothing, and when the clock is
// right again the refused request takes effect, once.
func TestClockBackByAnHour(t *testing.T) {
	var back atomic.Int64
	dir := t.TempDir()
	at := func(t testing.TB, _ string) *server {
		t.Helper()
		return startAs(t, single.Options{Dir: dir, Clock: func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }})
	}
	s := borough(t, at)
	before := s.world(t)
	other := replace(replace(goodEnterprise, "0100109106", "0199000017"), "Thử Nghiệm", "Khác")
	writes := [][2]string{
		{"/v1/enterprises?enterpriseId=khac&requestId=r-2", other},
		{"/v1/intakes?intakeId=dot-2&requestId=r-2", goodIntake},
		{"/v1/targets/tay-ho:assign", `{"assignedValue":"6","assignedDecision":"2-QĐ/TU","requestId":"r-3"}`},
	}
	ready := func(code int) {
		t.Helper()
		within(t, 10*time.Second, "the word of this second", func() error {
			_, err := fetch(s.base+"/readyz", code)
			return err
		})
	}
	refused := func() {
		t.Helper()
		ready(http.StatusServiceUnavailable)
		for _, w := range writes {
			mustRefuse(t, s.call(t, "POST", w[0], w[1]), http.StatusServiceUnavailable, "CLOCK_AHEAD")
			s.unchanged(t, before)
		}
		ready(http.StatusServiceUnavailable)
	}
	back.Store(int64(time.Hour))
	refused()
	s.stop()
	s = at(t, dir)
	ready(http.StatusServiceUnavailable)
	signIn := fmt.Sprintf(`{"username":"admin","password":%q}`, singletest.AdminPassword)
	mustRefuse(t, s.call(t, "POST", "/v1/sessions", signIn, "Authorization", ""), http.StatusServiceUnavailable, "CLOCK_AHEAD")

	back.Store(0)
	ready(http.StatusOK)
	s.unchanged(t, before)
	for range 2 {
		for _, w := range writes {
			if a := s.call(t, "POST", w[0], w[1]); a.code != 200 {
				t.Errorf("with the right clock: %d %s", a.code, a.raw)
			}
		}
	}
	after := s.world(t)
	if got := s.call(t, "GET", "/v1/targets/tay-ho", ""); got.body["assignedValue"] != "5" || got.body["revision"] != "4" || !strings.Contains(got.raw, `"assignedValue":"6"`) || strings.Count(after, `"enterprises/khac"`) != 1 || strings.Count(after, `"intakes/dot-2"`) != 1 {
		t.Errorf("sent twice:\n%s", after)
	}

	// A clock that a server set right by a moment is nobody's concern: moments go on from where the journal is.
	back.Store(int64(4 * time.Minute))
	updated := s.call(t, "GET", "/v1/targets/tay-ho", "").body["updateTime"]
	a := s.assign(t, "tay-ho", `{"assignedValue":"7","assignedDecision":"3-QĐ/TU"}`)
	was, err := time.Parse(time.RFC3339Nano, updated.(string)) //nolint:forcetypeassert // a panic says enough
	if err != nil {
		t.Fatal(err)
	}
	is, err := time.Parse(time.RFC3339Nano, a.body["updateTime"].(string)) //nolint:forcetypeassert // as above
	if err != nil || a.code != 200 || !is.After(was) {
		t.Errorf("4 minutes back: %d, from %s to %s (%v)", a.code, was, is, err)
	}
}

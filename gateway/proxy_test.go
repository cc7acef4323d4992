package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"coso/gateway"
)

// Behind a proxy that is believed, whoever comes by it is counted by the address that the proxy says, whatever they say
// themselves; a proxy that is not believed is one address.
func TestAddressesBehindAProxy(t *testing.T) {
	offices := map[bool]*office{}
	for _, trusted := range []bool{true, false} {
		offices[trusted], _ = newOffice(t, phrase, func(g *gateway.Options) { g.TrustForwarded = trusted })
	}
	for name, c := range map[string]struct {
		trusted bool
		lines   []string
		source  string
	}{
		"its word":            {true, []string{"203.0.113.7"}, "203.0.113.7"},
		"not believed":        {false, []string{"203.0.113.7"}, "192.0.2.1"},
		"no word":             {true, nil, "192.0.2.1"},
		"a lie before it":     {true, []string{"198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
		"many lies":           {true, []string{"127.0.0.1,, nonsense ,203.0.113.7"}, "203.0.113.7"},
		"a lie of its own":    {true, []string{"198.51.100.1", "203.0.113.7"}, "203.0.113.7"},
		"with a port":         {true, []string{"203.0.113.7:4711"}, "203.0.113.7"},
		"version 6":           {true, []string{"2001:db8::7"}, "2001:db8::7"},
		"version 6 and port":  {true, []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		"4 written as 6":      {true, []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		"none":                {true, []string{""}, ""},
		"none behind a lie":   {true, []string{"203.0.113.7, "}, ""},
		"unknown":             {true, []string{"203.0.113.7, unknown"}, ""},
		"a name":              {true, []string{"proxy.office.example"}, ""},
		"too much of a thing": {true, []string{"203.0.113.7 203.0.113.8"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			res := offices[c.trusted].do(t, ask{
				method: "POST", target: "/v1/sessions", body: `{"username":"admin","password":"` + phrase + `"}`, header: http.Header{"X-Forwarded-For": c.lines},
			})
			if c.source == "" {
				if got := refused(t, res); got.http != http.StatusBadRequest || got.reason != "HEADER_INVALID" || got.field != "X-Forwarded-For" {
					t.Errorf("%d %s at %q", got.http, got.reason, got.field)
				}
				return
			}
			var in struct{ Session struct{ Source string } }
			if err := json.Unmarshal(res.body, &in); err != nil || in.Session.Source != c.source {
				t.Errorf("%d from %q, %v", res.code, in.Session.Source, err)
			}
		})
	}
}

// Who guesses behind a proxy slows down nobody but themselves, and cannot seem to be somebody else.
func TestRatesBehindAProxy(t *testing.T) {
	o, _ := newOffice(t, phrase, func(g *gateway.Options) {
		g.TrustForwarded, g.Limits = true, gateway.Limits{Rate: 10, Burst: 100}
	})
	try := func(forwarded string) int {
		header := bearing("x")
		header.Set("X-Forwarded-For", forwarded)
		return o.do(t, ask{method: "GET", target: "/v1/units", header: header}).code
	}
	for i := range 20 {
		if code := try(strings.Repeat("198.51.100.1, ", i) + "203.0.113.7"); code != http.StatusUnauthorized {
			t.Fatalf("try %d: %d", i, code)
		}
	}
	if code := try("198.51.100.99, 203.0.113.7"); code != http.StatusTooManyRequests {
		t.Errorf("with another lie: %d", code)
	}
	if code := try("203.0.113.8"); code != http.StatusUnauthorized {
		t.Errorf("another: %d", code)
	}
}

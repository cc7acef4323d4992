package gateway_test

import (
	"net/http"
	"testing"

	"coso/gateway"
)

// INV-GUARD-HOST
func TestHosts(t *testing.T) {
	g := newGate(t)
	for host, ok := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST:1": true, "127.0.0.1": true, "127.9.9.9:80": true, "[::1]": true, "[::1]:8080": true,
		"coso.example.vn": true, "COSO.example.vn:8443": true,
		"example.vn": false, "a.coso.example.vn": false, "coso.example.vn.attacker.example": false, "10.0.0.1": false, "0.0.0.0:8080": false,
		"localhost.attacker.example": false, "attacker@localhost": false, "localhost:80:81": false, "127.1": false, "2130706433": false,
		"[::ffff:10.0.0.1]": false, "[::]": false, "[fe80::1%25lo]:80": false, "localhost.": false, ":8080": false, "x:": false,
	} {
		for _, path := range []string{"/v1/units", "/docs", "/healthz", "/khong-co"} {
			res := g.do(t, ask{method: "GET", target: path, host: host})
			if ok == (res.code == http.StatusMisdirectedRequest) {
				t.Errorf("Host %q, %s: %d", host, path, res.code)
			}
			if !ok && refused(t, res).reason != "FOREIGN_HOST" {
				t.Errorf("Host %q: another reason", host)
			}
		}
	}
	if n := len(g.taken()); n != 9 {
		t.Errorf("%d calls, want one for each good host", n)
	}
}

// INV-GUARD-ORIGIN
func TestOrigins(t *testing.T) {
	g := newGate(t)
	for _, c := range []struct {
		name   string
		header http.Header
		ok     bool
	}{
		{"none", http.Header{}, true},
		{"own", http.Header{"Origin": {"http://localhost:8080"}}, true},
		{"own by TLS before us", http.Header{"Origin": {"https://LOCALHOST:8080"}}, true},
		{"own page", http.Header{"Sec-Fetch-Site": {"same-origin"}}, true},
		{"typed address", http.Header{"Sec-Fetch-Site": {"none"}}, true},
		{"null", http.Header{"Origin": {"null"}}, false},
		{"empty", http.Header{"Origin": {""}}, false},
		{"other port", http.Header{"Origin": {"http://localhost:3000"}}, false},
		{"other name of this machine", http.Header{"Origin": {"http://127.0.0.1:8080"}}, false},
		{"other scheme", http.Header{"Origin": {"file://localhost:8080"}}, false},
		{"foreign", http.Header{"Origin": {"https://attacker.example"}}, false},
		{"user info", http.Header{"Origin": {"http://localhost:8080@attacker.example"}}, false},
		{"path", http.Header{"Origin": {"http://localhost:8080/"}}, false},
		{"two", http.Header{"Origin": {"http://localhost:8080", "http://attacker.example"}}, false},
		{"cross-site", http.Header{"Sec-Fetch-Site": {"cross-site"}}, false},
		{"same-site", http.Header{"Sec-Fetch-Site": {"same-site"}}, false},
	} {
		for _, a := range []ask{{method: "GET", target: "/v1/units"}, {method: "POST", target: "/v1/units", body: "{}"}, {method: "GET", target: "/openapi.json"}} {
			a.header = c.header
			res := g.do(t, a)
			if ok := res.code == http.StatusOK; ok != c.ok {
				t.Errorf("%s: %s %s: %d", c.name, a.method, a.target, res.code)
			}
			if !c.ok && refused(t, res).reason != "FOREIGN_ORIGIN" {
				t.Errorf("%s: another reason", c.name)
			}
		}
		if n := len(g.taken()); (n == 2) != c.ok {
			t.Errorf("%s: %d calls", c.name, n)
		}
	}
	res := g.do(t, ask{method: "GET", target: "/v1/units", host: "coso.example.vn", header: http.Header{"Origin": {"https://coso.example.vn:443"}}})
	if res.code != http.StatusOK {
		t.Errorf("the scheme's own port: %d", res.code)
	}
}

// INV-GUARD-ORIGIN: what came by TLS was not sent by a page of the same host that came in clear text.
func TestOriginsByTLS(t *testing.T) {
	gates := map[bool]*gate{}
	for _, trusted := range []bool{true, false} {
		gates[trusted] = closedGate(t)
		gates[trusted].open(t, gates[trusted].inProcess(t), func(o *gateway.Options) { o.TrustForwarded = trusted })
	}
	for name, c := range map[string]struct {
		tls, trusted bool
		proto        string
		origin       string
		ok           bool
	}{
		"TLS, of TLS":                              {tls: true, origin: "https://localhost:8080", ok: true},
		"TLS, of clear text":                       {tls: true, origin: "http://localhost:8080"},
		"TLS, no page":                             {tls: true, ok: true},
		"a trusted proxy's TLS, of TLS":            {trusted: true, proto: "https", origin: "https://localhost:8080", ok: true},
		"a trusted proxy's TLS, of clear text":     {trusted: true, proto: "https", origin: "http://localhost:8080"},
		"a trusted proxy's TLS, in capitals":       {trusted: true, proto: "HTTPS", origin: "http://localhost:8080"},
		"a trusted proxy's clear text":             {trusted: true, proto: "http", origin: "http://localhost:8080", ok: true},
		"another proxy's word, of clear text":      {proto: "https", origin: "http://localhost:8080", ok: true},
		"a proxy that says nothing of it, of TLS":  {origin: "https://localhost:8080", ok: true},
		"TLS, of TLS elsewhere":                    {tls: true, origin: "https://attacker.example"},
		"a trusted proxy's TLS, of TLS elsewhere":  {trusted: true, proto: "https", origin: "https://localhost:8443"},
		"a trusted proxy's TLS, of the usual port": {trusted: true, proto: "https", origin: "https://coso.example.vn", ok: true},
	} {
		a := ask{method: "POST", target: "/v1/units", body: "{}", tls: c.tls, header: http.Header{}}
		if c.origin != "" {
			a.header.Set("Origin", c.origin)
		}
		if c.proto != "" {
			a.header.Set("X-Forwarded-Proto", c.proto)
		}
		if c.origin == "https://coso.example.vn" {
			a.host = "coso.example.vn:443"
		}
		res := gates[c.trusted].do(t, a)
		if (res.code == http.StatusOK) != c.ok {
			t.Errorf("%s: %d %s", name, res.code, res.body)
		}
		if !c.ok && refused(t, res).reason != "FOREIGN_ORIGIN" {
			t.Errorf("%s: another reason", name)
		}
	}
}

// INV-GUARD-PATH: none of these reaches a service; each is a plain refusal.
func TestPathTricks(t *testing.T) {
	g := newGate(t)
	for path, want := range map[string]string{
		"/v1//units":                        "PATH_INVALID",
		"//v1/units":                        "PATH_INVALID",
		"/v1/units/../intakes":              "PATH_INVALID",
		"/v1/units/./x":                     "PATH_INVALID",
		"/v1/units/..":                      "PATH_INVALID",
		"/v1/units/%2e%2e/intakes":          "PATH_INVALID",
		"/v1/units/a%2Fb":                   "PATH_INVALID",
		"/v1/units/a%2fb":                   "PATH_INVALID",
		"/v1/units%2Fa":                     "PATH_INVALID",
		"/v1/units/a%252Fb":                 "PATH_INVALID",
		"/v1/units/a%00":                    "PATH_INVALID",
		"/v1/units/a%0d%0aSet-Cookie:x":     "PATH_INVALID",
		"/v1/units/a%5Cb":                   "PATH_INVALID",
		"/v1/units/a%20b":                   "PATH_INVALID",
		"/v1/units/%61":                     "PATH_INVALID",
		"/v1/units/t%C3%A2y-h%E1%BB%93":     "PATH_INVALID",
		"/v1/units/a;b":                     "PATH_INVALID",
		"/v1/units/a%3Ahistory":             "PATH_INVALID",
		"/v1/units/":                        "METHOD_UNKNOWN",
		"/v1/units/a/":                      "METHOD_UNKNOWN",
		"/v1/units/a:":                      "METHOD_UNKNOWN",
		"/v1/units/a:history:history":       "METHOD_UNKNOWN",
		"/v1/units/a:close":                 "METHOD_UNKNOWN", // is a POST
		"/v1/units/:history":                "METHOD_UNKNOWN",
		"/v1/units:history":                 "METHOD_UNKNOWN",
		"/v1/units/a/b":                     "METHOD_UNKNOWN",
		"/v1/Units":                         "METHOD_UNKNOWN",
		"/v1":                               "METHOD_UNKNOWN",
		"/v1/":                              "METHOD_UNKNOWN",
		"/v2/units":                         "METHOD_UNKNOWN",
		"/khong-co":                         "METHOD_UNKNOWN",
		"/docs/../v1/units":                 "PATH_INVALID",
		"/docs/embed.go":                    "METHOD_UNKNOWN",
		"/openapi.json/":                    "METHOD_UNKNOWN",
		"/coso.registry.v1.UnitService/Get": "METHOD_UNKNOWN",
	} {
		got := refused(t, g.do(t, ask{method: "GET", target: path}))
		code := map[string]int{"PATH_INVALID": http.StatusBadRequest, "METHOD_UNKNOWN": http.StatusNotFound}[want]
		if path == "/v1/units/a:close" {
			code = http.StatusMethodNotAllowed
		}
		if got.reason != want || got.http != code {
			t.Errorf("%s: %d %s, want %s", path, got.http, got.reason, want)
		}
	}
	if calls := g.taken(); len(calls) != 0 {
		t.Errorf("calls: %v", calls)
	}
}

package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"coso/proto/gen"

	"coso/gateway"
)

func TestOpenAPI(t *testing.T) {
	g := newGate(t)
	res := g.do(t, ask{method: "GET", target: "/openapi.json"})
	if res.code != http.StatusOK || res.header.Get("Content-Type") != "application/json" || !bytes.Equal(res.body, gen.OpenAPI) {
		t.Fatalf("%d %v", res.code, res.header)
	}
	etag := res.header.Get("ETag")
	again := g.do(t, ask{method: "GET", target: "/openapi.json", header: http.Header{"If-None-Match": {etag}}})
	if etag == "" || again.code != http.StatusNotModified || len(again.body) != 0 {
		t.Errorf("with etag %q: %d", etag, again.code)
	}
	head := g.do(t, ask{method: "HEAD", target: "/openapi.json"})
	if head.code != http.StatusOK || len(head.body) != 0 {
		t.Errorf("HEAD: %d", head.code)
	}
}

// INV-SITE-NO-FOREIGN-LOAD
func TestDocsLoadNothingFromElsewhere(t *testing.T) {
	g := newGate(t)
	res := g.do(t, ask{method: "GET", target: "/docs"})
	page := string(res.body)
	if res.code != http.StatusOK || !strings.HasPrefix(res.header.Get("Content-Type"), "text/html") {
		t.Fatalf("%d %v", res.code, res.header)
	}
	policy := res.header.Get("Content-Security-Policy")
	if strings.Contains(policy, "http") || strings.Contains(policy, "*") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "script-src 'self';") {
		t.Errorf("policy %q", policy)
	}
	if strings.Contains(page, "//") || strings.Contains(page, "<style") || regexp.MustCompile(`<script>|\son[a-z]+=`).MatchString(page) {
		t.Errorf("the page names another server or holds a script or style:\n%s", page)
	}
	links := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(links) < 4 {
		t.Fatalf("links %v", links)
	}
	for _, link := range links {
		got := g.do(t, ask{method: "GET", target: link[1]})
		kind := got.header.Get("Content-Type")
		if got.code != http.StatusOK || len(got.body) == 0 || kind == "" || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d, %d bytes, %v", link[1], got.code, len(got.body), got.header)
		}
		if want := map[bool]string{true: "javascript", false: ""}[strings.HasSuffix(link[1], ".js")]; !strings.Contains(kind, want) {
			t.Errorf("%s: %s", link[1], kind)
		}
	}
	if slash := g.do(t, ask{method: "GET", target: "/docs/"}); slash.code != http.StatusOK {
		t.Errorf("/docs/: %d", slash.code)
	}
}

func TestHealthAndReadiness(t *testing.T) {
	o, _ := newOffice(t, phrase)
	get := func(path string) answer { return o.do(t, ask{method: "GET", target: path}) }
	for _, path := range []string{"/healthz", "/readyz"} {
		if res := get(path); res.code != http.StatusOK || len(res.body) == 0 {
			t.Errorf("%s: %d", path, res.code)
		}
		res := o.do(t, ask{method: "POST", target: path, body: "{}"})
		if refused(t, res).http != http.StatusMethodNotAllowed || res.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d %v", path, res.code, res.header)
		}
	}
	o.advance(time.Second)
	o.logged(t)
	o.ready = errors.New("dial 10.0.0.7:7001: refused")
	res := get("/readyz")
	if res.code != http.StatusServiceUnavailable || string(res.body) != "not ready\n" {
		t.Errorf("not ready: %d %s", res.code, res.body)
	}
	if line := o.logged(t); len(line) != 1 || line[0]["level"] != "ERROR" || !strings.Contains(fmt.Sprint(line[0]["error"]), "10.0.0.7") {
		t.Errorf("logged %v", line)
	}
	if res := get("/healthz"); res.code != http.StatusOK {
		t.Errorf("alive, though not ready: %d", res.code)
	}
}

// INV-SITE-ONE-WORD: however many ask, whether the process is ready is looked at once a second, and who goes away first changes
// nothing for the others.
func TestReadinessIsLookedAtOnceASecond(t *testing.T) {
	looked, goOn := make(chan struct{}, 100), make(chan struct{})
	o, _ := newOffice(t, phrase, func(g *gateway.Options) {
		g.Ready = func(ctx context.Context) error {
			looked <- struct{}{}
			<-goOn
			return ctx.Err()
		}
	})
	first, leave := context.WithCancel(t.Context())
	codes := make(chan int)
	go func() { codes <- o.doIn(first, t, ask{method: "GET", target: "/readyz"}).code }()
	<-looked
	leave()
	for range 9 {
		go func() { codes <- o.do(t, ask{method: "GET", target: "/readyz"}).code }()
	}
	close(goOn)
	for range 10 {
		if code := <-codes; code != http.StatusOK {
			t.Errorf("answered %d", code)
		}
	}
	o.advance(999 * time.Millisecond)
	o.do(t, ask{method: "GET", target: "/readyz"})
	if n := len(looked); n != 0 {
		t.Errorf("looked %d times more within a second", n)
	}
	o.advance(time.Millisecond)
	o.do(t, ask{method: "GET", target: "/readyz"})
	if n := len(looked); n != 1 {
		t.Errorf("looked %d times a second later", n)
	}
}

// INV-SITE-COUNTED: what anybody may ask for is counted by address, and takes nothing from who is known.
func TestWhatIsOpenIsCounted(t *testing.T) {
	for _, path := range []string{"/readyz", "/healthz", "/.well-known/jwks.json", "/openapi.json", "/docs", "/docs/start.js"} {
		o, _ := newOffice(t, phrase, func(g *gateway.Options) { g.TrustForwarded, g.Limits = true, gateway.Limits{Rate: 10, Burst: 100} })
		get := func(from string) answer {
			return o.do(t, ask{method: "GET", target: path, header: http.Header{"X-Forwarded-For": {from}}})
		}
		for i := range 100 {
			if res := get("203.0.113.7"); res.code != http.StatusOK {
				t.Fatalf("%s, request %d: %d", path, i, res.code)
			}
		}
		res := get("203.0.113.7")
		if got := refused(t, res); got.reason != "TOO_MANY_REQUESTS" || got.http != http.StatusTooManyRequests || res.header.Get("Retry-After") != "1" {
			t.Errorf("%s: %d %s, Retry-After %q", path, got.http, got.reason, res.header.Get("Retry-After"))
		}
		if res := get("203.0.113.8"); res.code != http.StatusOK {
			t.Errorf("%s from another address: %d", path, res.code)
		}
		known := bearing(o.session(t).GetToken())
		known.Set("X-Forwarded-For", "203.0.113.9")
		if res := o.do(t, ask{method: "GET", target: "/v1/units", header: known}); res.code != http.StatusOK {
			t.Errorf("%s: who is known: %d %s", path, res.code, res.body)
		}
	}
}

// INV-GATEWAY-NO-INSIDE: neither metrics nor what is missing is answered where clients come, whoever asks.
func TestNoInsideWhereClientsCome(t *testing.T) {
	o, _ := newOffice(t, phrase)
	o.ready = errors.New("dial 10.0.0.7:7001: refused")
	for _, header := range []http.Header{nil, bearing(o.own.Token("lan"))} {
		for path, code := range map[string]int{"/metrics": http.StatusNotFound, "/livez": http.StatusNotFound, "/readyz": http.StatusServiceUnavailable} {
			res := o.do(t, ask{method: "GET", target: path, header: header})
			if res.code != code || strings.Contains(string(res.body), "10.0.0.7") || strings.Contains(string(res.body), "go_goroutines") {
				t.Errorf("%s: %d %s", path, res.code, res.body)
			}
		}
	}
}

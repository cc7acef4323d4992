package gateway_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"coso/proto/gen"
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

func TestHealthReadinessMetrics(t *testing.T) {
	g := newGate(t)
	get := func(path string) answer { return g.do(t, ask{method: "GET", target: path}) }
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if res := get(path); res.code != http.StatusOK || len(res.body) == 0 {
			t.Errorf("%s: %d", path, res.code)
		}
		res := g.do(t, ask{method: "POST", target: path, body: "{}"})
		if refused(t, res).http != http.StatusMethodNotAllowed || res.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d %v", path, res.code, res.header)
		}
	}
	g.logged(t)
	g.ready = errors.New("dial 10.0.0.7:7001: refused")
	res := get("/readyz")
	if res.code != http.StatusServiceUnavailable || string(res.body) != "not ready\ndial 10.0.0.7:7001: refused\n" {
		t.Errorf("not ready: %d %s", res.code, res.body)
	}
	if line := g.logged(t); len(line) != 1 || line[0]["level"] != "ERROR" || !strings.Contains(fmt.Sprint(line[0]["error"]), "10.0.0.7") {
		t.Errorf("logged %v", line)
	}
	if res := get("/healthz"); res.code != http.StatusOK {
		t.Errorf("alive, though not ready: %d", res.code)
	}
}

package gateway_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"coso/gateway"
)

// INV-LIMIT-APART: who asks too much waits, and nobody else does.
func TestRates(t *testing.T) {
	o, _ := newOffice(t, phrase, func(g *gateway.Options) { g.Limits = gateway.Limits{Rate: 10, Burst: 100} })
	lan, minh := o.own.Token("lan"), o.own.Token("minh")
	write := func(compact string) answer {
		return o.do(t, ask{method: "POST", target: "/v1/units", body: "{}", header: bearing(compact)})
	}
	read := func(compact string) answer {
		return o.do(t, ask{method: "GET", target: "/v1/units/a", header: bearing(compact)})
	}
	for i := range 20 {
		if res := write(lan); res.code != http.StatusOK {
			t.Fatalf("write %d: %d %s", i, res.code, res.body)
		}
	}
	res := write(lan)
	if got := refused(t, res); got.http != http.StatusTooManyRequests || got.reason != "TOO_MANY_REQUESTS" || res.header.Get("Retry-After") != "1" {
		t.Errorf("%d %s, Retry-After %q", got.http, got.reason, res.header.Get("Retry-After"))
	}
	if n := len(o.taken()); n != 20 {
		t.Errorf("%d calls", n)
	}
	if res := write(minh); res.code != http.StatusOK {
		t.Errorf("another: %d %s", res.code, res.body)
	}
	o.advance(200 * time.Millisecond) // two look-ups' worth
	for i, want := range []int{http.StatusOK, http.StatusOK, http.StatusTooManyRequests} {
		if res := read(lan); res.code != want {
			t.Errorf("look-up %d: %d", i, res.code)
		}
	}
	o.advance(time.Minute)
	if res := write(lan); res.code != http.StatusOK {
		t.Errorf("a minute later: %d", res.code)
	}
}

// Whoever is not known is counted by address: for passwords that are tried, and for tokens that prove nothing.
func TestRatesOfStrangers(t *testing.T) {
	o, _ := newOffice(t, phrase, func(g *gateway.Options) { g.Limits = gateway.Limits{Rate: 10, Burst: 100} })
	bad := ask{method: "GET", target: "/v1/units", header: bearing("x")}
	for range 20 {
		if res := o.do(t, bad); res.code != http.StatusUnauthorized {
			t.Fatalf("%d %s", res.code, res.body)
		}
	}
	res := o.do(t, bad)
	if got := refused(t, res); got.http != http.StatusTooManyRequests || res.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.http, got.reason)
	}
	b := o.browser(t)
	b.shows(b.signIn(phrase), http.StatusTooManyRequests, `role="alert"`)
	if res := o.do(t, ask{method: "GET", target: "/v1/units", header: bearing(o.own.Token("lan"))}); res.code != http.StatusOK {
		t.Errorf("who is known, from there: %d", res.code)
	}
}

func TestRequestsAtOnce(t *testing.T) {
	o, _ := newOffice(t, phrase, func(g *gateway.Options) { g.Limits = gateway.Limits{AtOnce: 2} })
	under, end := make(chan struct{}), make(chan struct{})
	o.reply = func(context.Context, call) (proto.Message, error) {
		under <- struct{}{}
		<-end
		return nil, nil //nolint:nilnil // the echo answers an empty message then
	}
	lan := ask{method: "GET", target: "/v1/units", header: bearing(o.own.Token("lan"))}
	answers := make(chan int)
	for range 2 {
		go func() { answers <- o.do(t, lan).code }()
	}
	<-under
	<-under
	res := o.do(t, lan)
	if got := refused(t, res); got.http != http.StatusTooManyRequests || got.reason != "TOO_MANY_AT_ONCE" || res.header.Get("Retry-After") == "" {
		t.Errorf("the third: %d %s", got.http, got.reason)
	}
	close(end)
	for range 2 {
		if code := <-answers; code != http.StatusOK {
			t.Errorf("%d", code)
		}
	}
	go func() { <-under }()
	if res := o.do(t, lan); res.code != http.StatusOK {
		t.Errorf("when they have ended: %d", res.code)
	}
}

// INV-GATEWAY-CLOSED, and what every answer says to a browser, whatever it answers.
func TestWhatEveryAnswerSays(t *testing.T) {
	o, _ := newOffice(t, phrase)
	b := o.browser(t)
	b.goes(b.signIn(phrase), "/units")
	for _, target := range []string{
		"/", "/units", "/facts", "/khong-co", "/sign-in", "/password", "/docs", "/docs/start.js", "/openapi.json", "/healthz", "/readyz", "/metrics",
		"/v1/units", "/v1/khong-co", "/v1/events", "//x",
	} {
		for _, method := range []string{http.MethodGet, http.MethodOptions, http.MethodPost} {
			res := b.send(method, target, nil)
			h := res.header
			for name := range h {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s %s: %s", method, target, name)
				}
			}
			csp := h.Get("Content-Security-Policy")
			if !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe-eval") ||
				h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
				t.Errorf("%s %s: %v", method, target, h)
			}
			personal := !strings.HasPrefix(target, "/docs") && target != "/openapi.json"
			if got := h.Get("Cache-Control"); personal && got != "no-store" && method == http.MethodGet {
				t.Errorf("%s %s: Cache-Control %q (%s)", method, target, got, strconv.Itoa(res.code))
			}
			if h.Get("Strict-Transport-Security") != "" {
				t.Errorf("%s %s: Strict-Transport-Security in clear", method, target)
			}
		}
	}
	b.tls = true
	if got := b.get("/healthz").header.Get("Strict-Transport-Security"); got == "" {
		t.Error("by TLS: no Strict-Transport-Security")
	}
}

// Nothing that tells of the inside of the program answers where clients come.
func TestNothingOfTheInside(t *testing.T) {
	o, _ := newOffice(t, phrase)
	for _, target := range []string{
		"/debug/pprof/", "/debug/pprof/profile", "/debug/vars", "/debug/requests", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		"/grpc.health.v1.Health/Check", "/v1/feed", "/v1/backups", "/v1/checkpoints", "/coso.feed.v1.FeedService/SkipEvent",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if res := o.do(t, ask{method: method, target: target, header: bearing(o.own.Token("lan"))}); res.code != http.StatusNotFound {
				t.Errorf("%s %s: %d", method, target, res.code)
			}
		}
	}
}
